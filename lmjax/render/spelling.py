"""Spelling of pitches: which of F sharp and G flat a key signature asks for."""

import math
from typing import NamedTuple

STEPS = "FCGDAEB"  # along the line of fifths, F = 0


class Spelling(NamedTuple):
    """A written pitch: step "C" to "B", alter in semitones (sharp +1), octave (C4 = MIDI 60)."""

    step: str
    alter: int
    octave: int


def spell(midi: int, sharps: int) -> Spelling:
    """The spelling of a MIDI pitch under a key signature.

    Of the names of a pitch on the line of fifths (F = 0, C = 1, B = 6, F sharp = 7, B flat = -1)
    it is the one nearest to `sharps + 3.5`: from the flattened third to the raised fifth of the
    major key, which holds the leading tones of its minor too. The centre lies between two
    integers and the names of one pitch are 12 apart, so there are no ties.

    Args:
      midi: MIDI pitch.
      sharps: sharps of the key signature, flats negative.
    """
    nearest = sharps + 3.5
    position = 7 * (midi - 5) % 12
    position += 12 * math.floor((nearest - position) / 12 + 0.5)
    alter, index = divmod(position, 7)
    return Spelling(STEPS[index], alter, (midi - alter) // 12 - 1)
