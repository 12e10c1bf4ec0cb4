"""What returns in a line: its repeated substrings, each counted at its full length."""

from collections import Counter

import numpy as np


def repeated_lengths(line: np.ndarray, onsets: np.ndarray) -> Counter[int]:
    """How often substrings of each length return.

    A substring counts if it starts on an onset, holds at least two and occurs at least twice,
    overlaps allowed, unless a longer one that contains it occurs as often.

    Args:
      line: int[T], a symbol for each frame.
      onsets: int[N], the frames of the onsets, rising.

    Returns:
      The occurrences of substrings by their length in frames: a substring that occurs three
      times adds three.
    """
    common = _common(line, onsets)
    counts: Counter[int] = Counter()
    for first in range(len(onsets) - 1):
        shortest = onsets[first + 1] - onsets[first] + 1  # that holds two onsets
        for length in np.unique(common[first, first + 1:]):
            occurrences = np.flatnonzero(common[first] >= length)
            if (length >= shortest and occurrences[0] == first
                    and not _reaches_back(common, onsets, occurrences, length)):
                counts[int(length)] += len(occurrences)
    return counts


def _common(line: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """int[N, N]: the length of the longest substring that starts at both of two onsets."""
    frames = len(line)
    row = np.zeros(frames + 1, np.int32)  # of frame t: common with each frame, 0 past the end
    rows = np.zeros((frames, frames), np.int32)
    for frame in range(frames - 1, -1, -1):
        row[:-1] = np.where(line == line[frame], row[1:] + 1, 0)
        rows[frame] = row[:-1]
    return rows[np.ix_(onsets, onsets)]


def _reaches_back(common: np.ndarray, onsets: np.ndarray, occurrences: np.ndarray,
                  length: int) -> bool:
    """Whether all occurrences, indices of onsets, are preceded by the same note."""
    if occurrences[0] == 0:
        return False
    before = onsets[occurrences] - onsets[occurrences - 1]
    return bool((common[occurrences[0] - 1, occurrences - 1] >= before[0] + length).all())
