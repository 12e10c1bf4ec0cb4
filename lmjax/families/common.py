"""What families share: the vocabulary as their networks see it, and what training withholds."""

import jax

from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.tokens import TokenSpace
from lmjax.noise.condition import Condition, Wishes

# Tracks that are withheld together: place in the bar, place in the piece, fermatas, key. The place
# in the beat is always known.
DROPPED_TOGETHER = (
    (rhythm.POSITION, rhythm.BAR), (rhythm.START, rhythm.END), (rhythm.FERMATA,),
    (rhythm.KEY, rhythm.MODE))


def space_of(vocabulary: Vocabulary) -> TokenSpace:
    """The tables by which a network sees a vocabulary."""
    return TokenSpace(vocabulary.valid, *vocabulary.parts, vocabulary.pitches)


def check_plain(condition: Condition, near: jax.Array | None) -> None:
    """Raises ValueError if more is asked than a sampler can do that knows no noise levels."""
    if condition.wishes != Wishes():
        raise ValueError("wishes are for score models, and this is another; leave them out")
    if near is not None:
        raise ValueError("only score models come back to music near to some that is given")
