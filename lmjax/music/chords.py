"""The kinds of chords, as music21 names them: "major", "dominant-seventh", ..."""

import functools
from collections.abc import Sequence

import numpy as np

from lmjax.music.spelling import fifths, named

UNIDENTIFIABLE = "unidentifiable"
C = 1  # on the line of fifths


def chord_kind(pitches: Sequence[int], sharps: int) -> str:
    """What music21's `harmony.chordSymbolFigureFromChord` calls the kind of a chord.

    Args:
      pitches: the MIDI pitches that sound, in any order, at least one.
      sharps: the key signature that decides their spelling, flats negative.

    Returns:
      a key of music21's `harmony.CHORD_TYPES`, or `UNIDENTIFIABLE`.
    """
    rising = np.unique(pitches)
    if len(rising) == 1:
        return "pedal"
    names = fifths(rising, sharps)
    return _kind(tuple(dict.fromkeys((names - names[0]).tolist())))


@functools.cache
def _kind(shape: tuple[int, ...]) -> str:
    """The kind of a chord whose names stand so far above its bass on the line of fifths.

    Names are listed once, from the bass up by their lowest pitch: their order can decide the
    root. Asking music21 takes milliseconds, and a corpus has but some hundreds of shapes.
    """
    if len(shape) == 1:
        return UNIDENTIFIABLE  # octaves
    from music21 import chord, harmony

    notes: list[str] = []
    for above in shape:
        step, alter, _ = named(0, C + above)
        # Of the octaves it matters only that the bass is the lowest.
        notes.append(f"{step}{'#' * alter}{'-' * -alter}{5 if notes else 3}")
    return harmony.chordSymbolFigureFromChord(chord.Chord(notes), True)[1] or UNIDENTIFIABLE
