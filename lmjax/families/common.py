"""What families share: the vocabulary as their networks see it, and what training withholds."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lmjax.music import rhythm
from lmjax.music.tokens import STRUCK, Vocabulary
from lmjax.networks.tokens import TokenSpace
from lmjax.noise.condition import Condition, Wishes
from lmjax.sampling.energies import Notes
from lmjax.sampling.overlap import Span, apart
from lmjax.settings import Settings

# Tracks that are withheld together: place in the bar, place in the piece, fermatas, key. The place
# in the beat is always known.
DROPPED_TOGETHER = (
    (rhythm.POSITION, rhythm.BAR), (rhythm.START, rhythm.END), (rhythm.FERMATA,),
    (rhythm.KEY, rhythm.MODE))
# The tracks that guidance strengthens.
FORM = tuple(track for group in DROPPED_TOGETHER for track in group)


def space_of(vocabulary: Vocabulary) -> TokenSpace:
    """The tables by which a network sees a vocabulary."""
    return TokenSpace(vocabulary.valid, *vocabulary.parts, vocabulary.pitches)


def hears_sets(settings: Settings) -> bool:
    """Whether a network can be told which tokens are allowed: not if it never saw that, which then
    is held all the same."""
    return settings.condition.allowed > 0


def windows_of(condition: Condition, each: Sequence[Span], length: int) -> Condition:
    """What a network is told that reads long pieces in windows of a length, [windows B, length].

    Where a piece starts and ends it is told, as in training, only where that lies in the window
    (see `rhythm.crop`). Relations and wishes are no matter of the network.
    """
    tracks, frames, known, tokens = (apart(values, each, length) for values in condition[:4])
    going_on = jnp.pad(condition.frames, ((0, 0), (0, 1)))
    ends = jnp.concatenate([~going_on[:, span.start + length] for span in each])
    starts = jnp.repeat(jnp.array([span.start == 0 for span in each]), len(condition.frames))
    tracks = tracks.at[..., rhythm.START].mul(starts[:, None])
    tracks = tracks.at[..., rhythm.END].mul(ends[:, None])
    allowed = condition.allowed
    return Condition(tracks, frames, known, tokens,
                     None if allowed is None else apart(allowed, each, length))


def check_far(near: jax.Array | None) -> None:
    """Raises ValueError if a sampler that knows no noise levels is to come back from one."""
    if near is not None:
        raise ValueError("only score models come back to music near to some that is given")


def tilting(wishes: Wishes, vocabulary: Vocabulary) -> Notes | None:
    """What the tokens are as notes, if something is wished for that can be counted; else None.

    Raises:
      ValueError: if tokens do not tell which notes they are.
    """
    if wishes.parallels is wishes.motion is wishes.attacks is None:
        return None
    if vocabulary.encoding == "hold":
        raise ValueError("a composer of hold tokens does not know its notes' pitches, so "
                         "parallels, motion and attacks cannot be wished for")
    return Notes(vocabulary.pitches, vocabulary.parts[1] == STRUCK)


def guiding(wishes: Wishes, guidance: float, batch: int) -> jax.Array | None:
    """w of guidance by the form, float32[B]: what is wished for or else the sampler's; None if it
    is 1, which is no guidance."""
    if wishes.form is not None or guidance == 1:
        return wishes.form
    return jnp.full(batch, guidance)


def without_form(tracks: jax.Array, settings: Settings) -> jax.Array:
    """Tracks int32[..., C or more] of which those of the form, and what is made of them behind the
    C, are withheld, as in some training examples.

    Raises:
      ValueError: if there were no such examples.
    """
    if not settings.condition.drop:
        raise ValueError("a model that was trained with the form of every example, or of none, "
                         "cannot be guided by it: leave the wish for form out")
    kept = [track for track in range(len(rhythm.SIZES)) if track not in FORM]
    return jnp.where(jnp.isin(jnp.arange(tracks.shape[-1]), jnp.array(kept)), tracks, 0)
