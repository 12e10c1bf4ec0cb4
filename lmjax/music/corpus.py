"""Bach's chorales, read from the corpus that music21 brings along.

Repeats are not expanded: a chorale is what is printed. Grace notes and trill signs are left out,
and so are fermatas on rests.
"""

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from lmjax.music.chorale import REST, VOICES, Chorale
from lmjax.music.score import Rejection, bars_of, cells_of, key_of

# music21 is imported where it is needed: its import takes seconds, and whoever only loads the
# built data set needs none of it.


def corpus_paths() -> list[Path]:
    """Every file of Bach's that the installed music21 holds, by name."""
    from music21 import corpus

    return sorted(map(Path, corpus.getComposer("bach")), key=lambda path: path.name)


def read(path: str | os.PathLike[str]) -> Chorale:
    """Reads one file of the corpus.

    Raises:
      Rejection: if it is not a four-part chorale on the sixteenth grid, or may not be used.
    """
    path = Path(path)
    if path.suffix == ".krn":
        raise Rejection("unclear rights", "the encoding reserves all derivative rights")
    if path.suffix == ".rntxt":
        raise Rejection("not a score", "an analysis in roman numerals")
    from music21 import converter

    # Past music21's own pickles: theirs are as slow to read and can be stale.
    score = converter.parse(path, forceSource=True, storePickle=False)
    bwv = path.stem.removeprefix("bwv")
    return chorale_of(score, hymn_titles().get(bwv, ""), bwv)


def chorale_of(score: Any, title: str = "", bwv: str = "") -> Chorale:
    """The chorale in a parsed music21 score.

    Raises:
      Rejection: if it is not a four-part chorale on the sixteenth grid.
    """
    parts = list(score.parts)
    if len(parts) != len(VOICES):
        raise Rejection("parts", f"{len(parts)} parts")
    bars, frames = bars_of(parts[0])
    voices = [cells_of(part, frames) for part in parts]
    # Soprano first. By height where the names of parts, which are free text, do not say.
    names = [str(part.partName).lower() for part in parts]
    if sorted(names) == sorted(VOICES):
        voices = [voices[names.index(voice)] for voice in VOICES]
    else:
        voices.sort(key=lambda voice: -voice[0][voice[0] != REST].mean())
    pitch, struck, fermata = (np.stack(cells, axis=1) for cells in zip(*voices, strict=True))
    sharps, mode = key_of(parts[0])
    return Chorale(pitch, struck, fermata, bars, sharps, mode, title, bwv)


@functools.cache
def hymn_titles() -> dict[str, str]:
    """The first lines of the hymns by BWV number, as far as music21's lists know them."""
    from music21.corpus import chorales

    titles = {str(bwv): entry["title"] for bwv, entry in chorales.ChoraleList().byBWV.items()}
    for entry in chorales.ChoraleListRKBWV().byRiemenschneider.values():
        titles[str(entry["bwv"])] = entry["title"]
    return titles
