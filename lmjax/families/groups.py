"""What training withholds of a chorale's form."""

from lmjax.music import rhythm

# Tracks that are withheld together: place in the bar, place in the piece, fermatas, key. The place
# in the beat is always known.
DROPPED_TOGETHER = (
    (rhythm.POSITION, rhythm.BAR), (rhythm.START, rhythm.END), (rhythm.FERMATA,),
    (rhythm.KEY, rhythm.MODE))
