"""Spelling of pitches: which of F sharp and G flat a key signature asks for."""

from typing import NamedTuple

import numpy as np

from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Chorale

STEPS = "FCGDAEB"  # along the line of fifths, F = 0
# Of pitch classes where no key says better.
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


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


def fifths_of(chorale: Chorale) -> np.ndarray:
    """Where the names of a chorale's notes stand on the line of fifths, int64[T, 4]; 0 for rests.

    The outermost of the names that `fifths` gives, the flattened third and the raised fifth of the
    major key, give way to those on the other end of the line, the raised second and the flattened
    sixth, where all that sounds within a quarter of the note tends there. In every second piece of
    music21's corpus that leaves 15 of 42,598 notes with another name than the edition's, and
    `fifths` alone 153.
    """
    sounding = chorale.pitch != REST
    plain = fifths(chorale.pitch, chorale.sharps)
    names = np.where(sounding, plain, 0)
    for voice in range(len(VOICES)):
        for start, stop, pitch in chorale.notes(voice):
            name = plain[start, voice] - chorale.sharps
            if pitch == REST or name not in (-2, 9):
                continue
            around = slice(max(start - FRAMES_PER_QUARTER, 0), stop + FRAMES_PER_QUARTER)
            others = sounding[around] & ((chorale.pitch[around] - pitch) % 12 != 0)
            if not others.any():
                continue
            centre = plain[around][others].mean() - chorale.sharps
            if name == -2 and centre > 3.5:
                names[start:stop, voice] += 12
            elif name == 9 and centre < 2:
                names[start:stop, voice] -= 12
    return names


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


def name_of(pitch: int) -> str:
    """A MIDI pitch as "F#4"; "silence" for `REST`."""
    return "silence" if pitch == REST else f"{NAMES[pitch % 12]}{pitch // 12 - 1}"
