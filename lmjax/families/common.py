"""What families share: the vocabulary as their networks see it, and what training withholds."""

from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.tokens import TokenSpace

# Tracks that are withheld together: place in the bar, place in the piece, fermatas, key. The place
# in the beat is always known.
DROPPED_TOGETHER = (
    (rhythm.POSITION, rhythm.BAR), (rhythm.START, rhythm.END), (rhythm.FERMATA,),
    (rhythm.KEY, rhythm.MODE))


def space_of(vocabulary: Vocabulary) -> TokenSpace:
    """The tables by which a network sees a vocabulary."""
    return TokenSpace(vocabulary.valid, *vocabulary.parts, vocabulary.pitches)
