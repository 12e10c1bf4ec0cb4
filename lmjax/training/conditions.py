"""What the network is shown of a training example: which cells are given, which tokens others may
have, which tracks are withheld."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace
from lmjax.noise.condition import Condition

PITCHES = 128  # of MIDI
SPANS = (4, 16)  # frames that share a set: a beat and a bar
GRIDS = (2, 4)  # frames, every so many of which share what may be struck


@dataclasses.dataclass(frozen=True)
class ConditionSettings:
    """How conditions are drawn in training.

    Attributes:
      known: share of the examples in which some cells are given.
      allowed: share of the examples in which some cells may have certain tokens only.
      drop: chance that the notational tracks (metre and place, fermatas, key) of an example are
        withheld; each group of tracks on its own.
    """

    known: float = 0.3
    allowed: float = 0.2
    drop: float = 0.2

    def __post_init__(self) -> None:
        for name in ("known", "allowed", "drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"condition.{name} must lie between 0 and 1, "
                                 f"not {getattr(self, name)}")


def draw_known(key: jax.Array, batch: int, time: int, voices: int, share: float) -> jax.Array:
    """Random masks of given cells, bool[B, T, V].

    Of the examples that are given something, each kind below is as frequent as the others:
    whole voices; everything before a frame (so that a long piece can be composed, or measured, by
    the chain rule); everything outside a span of frames; scattered cells.
    """
    keys = jax.random.split(key, 6)
    frame = jnp.arange(time)
    some_voices = jax.random.bernoulli(keys[0], 0.5, (batch, 1, voices))
    ends = jax.random.uniform(keys[1], (batch, 2)) * time
    first, last = jnp.min(ends, axis=-1), jnp.max(ends, axis=-1)
    before = frame < first[:, None]
    outside = before | (frame >= last[:, None])
    density = jax.random.uniform(keys[2], (batch, 1, 1))
    scattered = jax.random.uniform(keys[3], (batch, time, voices)) < density
    shape = (batch, time, voices)
    kinds = jnp.stack([
        jnp.broadcast_to(some_voices, shape), jnp.broadcast_to(before[..., None], shape),
        jnp.broadcast_to(outside[..., None], shape), scattered])
    kind = jax.random.randint(keys[4], (batch,), 0, len(kinds))
    known = jnp.take_along_axis(kinds, kind[None, :, None, None], axis=0)[0]
    return known & jax.random.bernoulli(keys[5], share, (batch, 1, 1))


class Sharing(NamedTuple):
    """Which cells share a set of tokens.

    Attributes:
      spans: bool[B, T, T], frames that share which pitches there may be.
      grids: bool[B, T, T], frames that share what may be struck.
      voices: bool[B, V, V].
    """

    spans: jax.Array
    grids: jax.Array
    voices: jax.Array


def draw_allowed(key: jax.Array, tokens: jax.Array, space: TokenSpace,
                 share: float) -> jax.Array:
    """Random sets of tokens that a cell may have, bool[B, T, V, K], the true one among them.

    Of the examples that are restricted, half are in their pitch classes, half in their range and
    half in what may be struck and what held; a quarter in all cells, the rest in cells as
    `draw_known` draws them. A cell has a set of its own, or shares it as a musician's cells do:
    with a beat, a bar or the whole window, and what may be struck with every second frame or every
    fourth; with the other voices, as the tones of a chord or of a scale are, or not.

    Each class but those of the truth is let in by a chance of the example's own, and a range goes
    beyond the true pitches by geometric steps. So every pitch of a set that one note has for itself
    could as well have been the truth, and it says nothing but that the truth is in it: `p(set |
    token)` is the same for all its pitches. No law of sets that are shared can be as silent: they
    say besides that the truth is likely to use much of them. A network that never saw such takes
    one that many cells share for as many witnesses (`experiments/control`).

    Args:
      key: randomness.
      tokens: int32[B, T, V], the truth.
      space: the vocabulary.
      share: of the examples that are restricted.
    """
    keys = jax.random.split(key, 13)
    batch, time, voices = tokens.shape
    where = draw_known(keys[0], batch, time, voices, 1.0)
    where |= jax.random.bernoulli(keys[1], 0.25, (batch, 1, 1))
    where &= jax.random.bernoulli(keys[2], share, (batch, 1, 1))
    sharing = _draw_sharing(keys[3:6], batch, time, voices)
    pitch = jnp.asarray(space.pitch)
    classes = jnp.where(pitch < 0, PITCH_CLASSES, pitch % PITCH_CLASSES)
    allowed = _draw_labels(keys[6:8], tokens, classes, PITCH_CLASSES + 1, sharing.spans,
                           sharing.voices)
    allowed &= _draw_labels(keys[8:10], tokens, jnp.asarray(space.articulation), 3, sharing.grids,
                            sharing.voices)
    allowed &= _draw_range(keys[10:13], tokens, pitch, sharing.spans)
    return allowed | ~where[..., None]


def _draw_sharing(keys: jax.Array, batch: int, time: int, voices: int) -> Sharing:
    """For each example one of the ways in which cells may share sets; see `draw_allowed`."""
    frame = jnp.arange(time)
    spans = jnp.stack([frame[:, None] // n == frame // n for n in (1, *SPANS, time)])
    grids = jnp.stack([frame[:, None] % n == frame % n for n in (time, *GRIDS)])
    alone, choir = jnp.eye(voices, dtype=bool), jnp.ones((voices, voices), bool)
    ways = Sharing(spans, grids, jnp.stack([alone, choir]))
    return Sharing(*(way[jax.random.randint(key, (batch,), 0, len(way))]
                     for key, way in zip(keys, ways, strict=True)))


def _draw_labels(keys: jax.Array, tokens: jax.Array, labels: jax.Array, size: int,
                 frames: jax.Array, fellows: jax.Array) -> jax.Array:
    """The tokens whose label is let in by chance, or is that of the truth: bool[B, T, V, K].

    Args:
      keys: of what is drawn, and of the chance, which is 1 for half of the examples.
      tokens: int32[B, T, V], the truth.
      labels: int[V, K], such as the pitch class of each token.
      size: how many labels there are.
      frames, fellows: bool[B, T, T] and bool[B, V, V], frames and voices that share.
    """
    batch, _, voices = tokens.shape
    chance = jnp.minimum(2 * jax.random.uniform(keys[1], (batch, 1, 1, 1)), 1.0)
    drawn = _first_of(jax.random.uniform(keys[0], (*tokens.shape, size)), frames)
    drawn = jnp.einsum("btul,bvu->btvl", drawn, jax.nn.one_hot(fellows.argmax(-1), voices))
    own = jax.nn.one_hot(_of(labels, tokens), size)
    chosen = (drawn < chance) | (jnp.einsum("bts,bvu,bsul->btvl", frames, fellows, own) > 0)
    return jnp.einsum("btvl,vkl->btvk", chosen, jax.nn.one_hot(labels, size)) > 0


def _draw_range(keys: jax.Array, tokens: jax.Array, pitch: jax.Array,
                frames: jax.Array) -> jax.Array:
    """The tokens that lie, in half of the examples, in a range about the pitches of the truth in
    all frames, bool[B, T, T], that share it: bool[B, T, V, K]. `pitch` is int[V, K]."""
    batch = len(tokens)
    # Of exponential length in semitones, rounded down: geometric. Of mean up to an octave.
    wide = jax.random.uniform(keys[0], (batch, 1, 1), maxval=float(PITCH_CLASSES))
    low, high = (jnp.floor(wide * _first_of(drawn, frames))
                 for drawn in jax.random.exponential(keys[1], (2, *tokens.shape)))
    truth = _of(pitch, tokens)
    sung = frames[..., None] & (truth >= 0)[:, None]  # [B, T, T, V]
    lowest = jnp.where(sung, truth[:, None], PITCHES).min(axis=2) - low
    highest = jnp.where(sung, truth[:, None], -1).max(axis=2) + high
    near = (pitch >= lowest[..., None]) & (pitch <= highest[..., None])
    ranged = jax.random.bernoulli(keys[2], 0.5, (batch, 1, 1)) & sung.any(axis=2)
    return near | ~ranged[..., None] | (pitch < 0)


def _of(labels: jax.Array, tokens: jax.Array) -> jax.Array:
    """The labels int[B, T, V] of tokens, of labels int[V, K]."""
    return labels[jnp.arange(len(labels)), tokens]


def _first_of(drawn: jax.Array, frames: jax.Array) -> jax.Array:
    """Of what was drawn, [B, T, ...], that of the first frame that shares: as drawn."""
    first = frames.argmax(axis=-1).reshape(*drawn.shape[:2], *[1] * (drawn.ndim - 2))
    return jnp.take_along_axis(drawn, first, axis=1)


def draw_condition(key: jax.Array, tokens: jax.Array, tracks: jax.Array, frames: jax.Array,
                   groups: tuple[tuple[int, ...], ...], settings: ConditionSettings,
                   space: TokenSpace) -> Condition:
    """The condition of a training batch.

    Args:
      key: randomness.
      tokens: int32[B, T, V].
      tracks: int32[B, T, C].
      frames: bool[B, T].
      groups: track indices that are withheld together.
      settings: the shares.
      space: the vocabulary.
    """
    mask_key, drop_key, allowed_key = jax.random.split(key, 3)
    batch, time, voices = tokens.shape
    known = draw_known(mask_key, batch, time, voices, settings.known) & frames[..., None]
    kept = jax.random.bernoulli(drop_key, 1.0 - settings.drop, (batch, len(groups)))
    member = jnp.array([[c in group for c in range(tracks.shape[-1])] for group in groups])
    # A track outside every group is always shown.
    shown = (kept[:, :, None] | ~member).all(axis=1)
    allowed = None
    if settings.allowed:
        allowed = draw_allowed(allowed_key, tokens, space, settings.allowed)
    return Condition(tracks * shown[:, None], frames, known, jnp.where(known, tokens, 0), allowed)
