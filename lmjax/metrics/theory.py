"""Counterpoint: what can be counted in a chorale's pitches, beside the same counts in Bach.

Everything is counted on the grid `pitch int[T, 4]`, -1 for a rest, and summed over pieces before
it is divided. A voice pair is one of the six; a *moving* pair changes both its pitches from one
frame to the next, with neither resting before or after.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from lmjax.metrics import tables
from lmjax.metrics.tables import Interval, Row
from lmjax.music.chorale import REST

DISSONANT = (1, 2, 6, 10, 11)  # interval classes modulo the octave
TRIADS = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8))  # major, minor, diminished, augmented
UPPER, LOWER = np.triu_indices(4, k=1)
FAR = 1000  # above every pitch

ROWS = {
    "parallel_fifths": Row("parallel fifths, per 1,000 moving pairs", 1000, 2),
    "parallel_octaves": Row("parallel octaves, per 1,000 moving pairs", 1000, 2),
    "repeats": Row("cells that repeat the frame before, %", 100, 1),
    "dissonant": Row("dissonant voice pairs, %", 100, 1),
    "triads": Row("frames that are a triad, %", 100, 1),
    "in_order": Row("frames with voices in order, %", 100, 1),
    "odd_onsets": Row("onsets on odd sixteenths, %", 100, 2),
    "entropy": Row("pitch-class entropy of a piece, bits", 1, 2),
}


def _triad_table() -> np.ndarray:
    """bool[4096]: whether a set of pitch classes, as a sum of powers of two, is a triad."""
    table = np.zeros(1 << 12, bool)
    for shape in TRIADS:
        for root in range(12):
            table[sum(1 << (root + note) % 12 for note in shape)] = True
    return table


IS_TRIAD = _triad_table()


def count(pitch: np.ndarray) -> tables.Counts:
    """The numerator and the denominator of every ratio of `ROWS` for one piece.

    - parallel fifth: a moving pair whose voices move in the same direction, neither passing the
      other, 7 semitones modulo 12 apart before and after; octave: 0 modulo 12 (unisons too);
    - repeats: cells with the same pitch, or rest, as the frame before, over all but the first;
    - dissonant: interval class 1, 2, 6, 10 or 11, over the sounding pairs of all frames;
    - triad: the pitch classes are a major, minor, diminished or augmented triad, over the frames
      with three or more voices sounding;
    - in order: no voice above a higher one, resting voices passed over, over all frames;
    - odd onset: a change to a new pitch at an odd sixteenth, over all such changes;
    - entropy: of the pitch classes of the piece's sounding cells, over 1, so that the table shows
      the mean over pieces: a sum over pieces in different keys would hide what each is like.

    Args:
      pitch: int[T, 4], starting on a beat.

    Raises:
      ValueError: if the shape is another.
    """
    pitch = _checked(pitch)
    sounding = pitch != REST
    change = pitch[1:] - pitch[:-1]
    moving, fifths, octaves = _motion(pitch)
    both = sounding[:, UPPER] & sounding[:, LOWER]
    kind = np.abs(pitch[:, UPPER] - pitch[:, LOWER]) % 12
    classes = np.bitwise_or.reduce(np.where(sounding, 1 << pitch % 12, 0), axis=1)
    full = sounding.sum(1) >= 3
    ceiling = np.minimum.accumulate(np.where(sounding, pitch, FAR), axis=1)
    onsets = (change != 0) & sounding[1:]
    return {
        "parallel_fifths": (int(fifths.sum()), int(moving.sum())),
        "parallel_octaves": (int(octaves.sum()), int(moving.sum())),
        "repeats": (int((change == 0).sum()), change.size),
        "dissonant": (int((np.isin(kind, DISSONANT) & both).sum()), int(both.sum())),
        "triads": (int((IS_TRIAD[classes] & full).sum()), int(full.sum())),
        "in_order": (int((pitch <= ceiling).all(1).sum()), len(pitch)),
        "odd_onsets": (int(onsets[::2].sum()), int(onsets.sum())),
        "entropy": (_entropy_bits(np.bincount(pitch[sounding] % 12)), 1),
    }


class Parallel(NamedTuple):
    """Two voices in parallel fifths or octaves.

    Attributes:
      kind: "parallel fifths" or "parallel octaves".
      frame: to which they move, from the one before.
      voices: the upper and the lower one.
    """

    kind: str
    frame: int
    voices: tuple[int, int]


def parallels(pitch: np.ndarray) -> list[Parallel]:
    """All parallel fifths and octaves that `count` counts, in the order of their frames.

    Args:
      pitch: int[T, 4].

    Raises:
      ValueError: if the shape is another.
    """
    _, fifths, octaves = _motion(_checked(pitch))
    found = [Parallel(kind, int(frame) + 1, (int(UPPER[pair]), int(LOWER[pair])))
             for kind, cells in (("parallel fifths", fifths), ("parallel octaves", octaves))
             for frame, pair in np.argwhere(cells)]
    return sorted(found, key=lambda parallel: parallel.frame)


def _checked(pitch: np.ndarray) -> np.ndarray:
    pitch = np.asarray(pitch, np.int64)
    if pitch.ndim != 2 or pitch.shape[1] != 4:
        raise ValueError(f"counterpoint is counted on pitches [frames, 4], not {pitch.shape}")
    return pitch


def _motion(pitch: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether a pair of voices moves from each frame to the next, whether in parallel fifths, and
    whether in parallel octaves: bool[T - 1, 6] each."""
    sounding = pitch != REST
    change = pitch[1:] - pitch[:-1]
    moves = (change != 0) & sounding[1:] & sounding[:-1]
    moving = moves[:, UPPER] & moves[:, LOWER]
    apart = pitch[:, UPPER] - pitch[:, LOWER]
    similar = moving & (change[:, UPPER] * change[:, LOWER] > 0) & (apart[1:] * apart[:-1] >= 0)
    kind = np.abs(apart) % 12
    fifths = similar & (kind[1:] == 7) & (kind[:-1] == 7)
    octaves = similar & (kind[1:] == 0) & (kind[:-1] == 0)
    return moving, fifths, octaves


def _entropy_bits(counts: np.ndarray) -> float:
    """The entropy in bits of counts int[k]; 0 if there are none."""
    share = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.sum(share * np.log2(1 / share)))


def table(pieces: Iterable[np.ndarray], seed: int = 0, draws: int = 1000) -> dict[str, Interval]:
    """The counterpoint table of some pieces: label -> (value, low, high).

    Values are ratios of sums over pieces, in the unit of the label; low and high bound the 95 %
    bootstrap interval over pieces.

    Args:
      pieces: pitches int[T, 4] each.
      seed: of the bootstrap.
      draws: bootstrap samples.

    Raises:
      ValueError: if there are no pieces.
    """
    pieces = list(pieces)
    if not pieces:
        raise ValueError("a counterpoint table needs at least one piece")
    return tables.ratios([count(piece) for piece in pieces], ROWS, seed, draws)


def format_table(columns: Mapping[str, Mapping[str, Interval]]) -> str:
    """Tables side by side as aligned Markdown: name of the column -> its table."""
    return tables.format_table(columns, ROWS)
