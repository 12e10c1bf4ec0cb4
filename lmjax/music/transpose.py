"""Every transposition that keeps the voices inside their ranges, as index arithmetic."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lmjax.music.chorale import REST, Chorale

FARTHEST = 127  # semitones, for voices that are silent throughout
INTERVALS = ("a unison", "a minor second", "a major second", "a minor third", "a major third",
             "a fourth", "a tritone", "a fifth", "a minor sixth", "a major sixth",
             "a minor seventh", "a major seventh")  # of 0 to 11 semitones


def transpositions(pitch: np.ndarray, ranges: Sequence[tuple[int, int]]) -> range:
    """The shifts, in semitones, that leave every voice inside its range.

    Args:
      pitch: int[T, 4], -1 for silence.
      ranges: per voice the lowest and the highest MIDI pitch, inclusive.

    Returns:
      A range of shifts, empty if there is none.
    """
    down, up = -FARTHEST, FARTHEST
    for voice, (low, high) in enumerate(ranges):
        sounding = pitch[:, voice][pitch[:, voice] != REST]
        if sounding.size:
            down = max(down, low - int(sounding.min()))
            up = min(up, high - int(sounding.max()))
    return range(down, up + 1)


def interval(semitones: int) -> str:
    """How far so many semitones are, up or down, such as "a minor third (3 semitones)"."""
    octaves, rest = divmod(abs(semitones), 12)
    far = ["an octave" if octaves == 1 else f"{octaves} octaves"] if octaves else []
    near = [INTERVALS[rest]] if rest or not octaves else []
    return f"{' and '.join(far + near)} ({abs(semitones)} semitone{'s' * (abs(semitones) != 1)})"


def transpose_pitch(pitch: np.ndarray, semitones: int) -> np.ndarray:
    """The same music some semitones higher; rests stay rests."""
    return np.where(pitch == REST, pitch, pitch + semitones).astype(pitch.dtype)


def transpose_sharps(sharps: int, semitones: int) -> int:
    """The key signature some semitones higher, as -5 to 6 sharps: the fewest accidentals."""
    return (sharps + 7 * semitones + 5) % 12 - 5


def transpose(chorale: Chorale, semitones: int) -> Chorale:
    """The chorale some semitones higher, its key signature with it."""
    if semitones == 0:
        return chorale
    return dataclasses.replace(
        chorale, pitch=transpose_pitch(chorale.pitch, semitones),
        sharps=transpose_sharps(chorale.sharps, semitones))
