"""Spelling of pitches: which of F sharp and G flat a key signature asks for."""

from typing import NamedTuple

import numpy as np

STEPS = "FCGDAEB"  # along the line of fifths, F = 0


class Spelling(NamedTuple):
    """A written pitch: step "C" to "B", alter in semitones (sharp +1), octave (C4 = MIDI 60)."""

    step: str
    alter: int
    octave: int


def fifths(midi: np.ndarray | int, sharps: int) -> np.ndarray:
    """Where the names of MIDI pitches, of any shape, stand on the line of fifths.

    F = 0, C = 1, B = 6, F sharp = 7, B flat = -1. The names of one pitch are 12 apart; it is the
    one from `sharps - 2` to `sharps + 9`: from the flattened third to the raised fifth of the
    major key of that signature, which holds the leading tones of its minor too.

    Args:
      midi: int[...], MIDI pitches, no rests.
      sharps: sharps of the key signature, flats negative.
    """
    flattest = sharps - 2
    return (7 * (np.asarray(midi, np.int64) - 5) - flattest) % 12 + flattest


def named(midi: int, position: int) -> Spelling:
    """The spelling of a MIDI pitch whose name stands at a position on the line of fifths."""
    alter, index = divmod(position, 7)
    return Spelling(STEPS[index], alter, (midi - alter) // 12 - 1)


def spell(midi: int, sharps: int) -> Spelling:
    """The spelling of a MIDI pitch under a key signature, as `fifths` chooses it.

    Args:
      midi: MIDI pitch.
      sharps: sharps of the key signature, flats negative.
    """
    return named(midi, int(fifths(midi, sharps)))
