"""When each sixteenth sounds: a steady tempo, with a breath after each fermata."""

from typing import NamedTuple

import numpy as np

from lmjax.music.chorale import FRAMES_PER_QUARTER, Chorale
from lmjax.music.rhythm import fermata_frames

# A fermata adds a quarter, so that the pulse goes on: half of it to its chord, half as silence.
HOLD = BREATH = FRAMES_PER_QUARTER / 2  # sixteenths
# Quarters a minute. MIDI knows no tempo below 3.6, which a breath after a sixteenth divides by 5.
SLOWEST, FASTEST = 20, 600
USUAL, USUAL_OF_HALVES = 80, 112  # where nobody says; halves that are beats are half as many


class Timing(NamedTuple):
    """When the frames of a chorale sound, in seconds.

    Attributes:
      begins: float64[T + 1], when each frame begins, and when the last one ends.
      ends: float64[T], when a note whose last frame this is ends: where the next frame begins or,
        at the end of a fermata, a breath before that. A note that goes on holds through a breath.
    """

    begins: np.ndarray
    ends: np.ndarray


def timing_of(chorale: Chorale, quarter_per_minute: float | None = None) -> Timing:
    """When the frames of a chorale sound; there is no breath after the last one.

    Fermatas of which the one begins where the other ends are one.

    Args:
      chorale: of which music.
      quarter_per_minute: the tempo; without one it is `USUAL` or, in 3/2 and its like,
        `USUAL_OF_HALVES`.

    Raises:
      ValueError: if the tempo is too slow or too fast.
    """
    if quarter_per_minute is None:
        quarter_per_minute = USUAL_OF_HALVES if chorale.bars[0].denominator == 2 else USUAL
    if not SLOWEST <= quarter_per_minute <= FASTEST:
        raise ValueError(f"the tempo must be {SLOWEST} to {FASTEST} quarters a minute, not "
                         f"{quarter_per_minute}")
    lengths, breaths = np.ones(len(chorale)), np.zeros(len(chorale))
    edges = np.flatnonzero(np.diff(fermata_frames(chorale), prepend=False, append=False))
    for start, end in edges.reshape(-1, 2):
        lengths[start:end] += HOLD / (end - start)
        if end < len(chorale):
            breaths[end - 1] = BREATH
    sixteenth = 60 / quarter_per_minute / FRAMES_PER_QUARTER
    begins = sixteenth * np.r_[0, np.cumsum(lengths + breaths)]
    return Timing(begins, begins[1:] - sixteenth * breaths)


def seconds_of(chorale: Chorale, quarter_per_minute: float | None = None) -> np.ndarray:
    """When each frame begins and, at last, the end: float64[T + 1], in seconds.

    Frames under a fermata last longer, and the last of them holds the breath after it.

    Raises:
      ValueError: if the tempo is too slow or too fast.
    """
    return timing_of(chorale, quarter_per_minute).begins
