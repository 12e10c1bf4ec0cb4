"""What a piece shares with others note for note: copies of the training set, and of each other.

A *run* is a stretch of consecutive frames that two pieces have in common up to transposition:
frame for frame all four voices differ by the same number of semitones throughout, and rest
together. A run starts and ends on a frame in which some voice sounds; silence inside it counts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lmjax.music.chorale import REST


class Run(NamedTuple):
    """The longest run of a piece: piece[start:start + frames] is other[at:at + frames], shifted.

    Attributes:
      frames: its length in sixteenths, 0 if not even one frame is shared.
      start: where it starts in the piece.
      other: the index of the piece it is shared with, -1 if there is none.
      at: where it starts in the other piece.
      semitones: how much higher the piece is than the other.
    """

    frames: int
    start: int = 0
    other: int = -1
    at: int = 0
    semitones: int = 0


def training_runs(pieces: Sequence[np.ndarray], training: Sequence[np.ndarray]) -> list[Run]:
    """The longest run that each piece shares with any training piece.

    A longer piece has more chances: compare only with pieces, such as windows of held-out Bach,
    of the same length.

    Args:
      pieces: pitches int[T, 4] each.
      training: the same.

    Returns:
      A run for each piece, `other` an index into `training`.

    Raises:
      ValueError: if a shape is another.
    """
    count = len(training)
    owner = np.r_[np.zeros(count, int), np.ones(len(pieces), int)]
    return _longest([*training, *pieces], owner)[count:]


def shared_runs(pieces: Sequence[np.ndarray]) -> list[Run]:
    """The longest run that each piece shares with any other of them: long where a model repeats.

    Grows with the number and the length of the pieces: compare only with as many of the same
    length.

    Args:
      pieces: pitches int[T, 4] each.

    Returns:
      A run for each piece, `other` an index into `pieces`.

    Raises:
      ValueError: if a shape is another.
    """
    return _longest(pieces, np.arange(len(pieces)))


def _longest(pieces: Sequence[np.ndarray], owner: np.ndarray) -> list[Run]:
    """The longest run that each piece shares with any piece of another owner (int[N])."""
    pieces = [_checked(piece) for piece in pieces]
    sounding = [np.flatnonzero((piece != REST).any(1)) for piece in pieces]
    runs = [Run(0)] * len(pieces)
    if not any(map(len, sounding)):
        return runs
    of, frame, length, source = _matches(pieces, sounding, owner)
    for index, piece in enumerate(pieces):
        mine = np.flatnonzero((of == index) & (length > 0))
        if len(mine) == 0:
            continue
        # Back from the end of the match to where something sounds.
        loud, ends = sounding[index], frame[mine] + length[mine] - 1
        lengths = loud[np.searchsorted(loud, ends, side="right") - 1] - frame[mine] + 1
        best = lengths.argmax()
        start, match = frame[mine][best], source[mine][best]
        other, at = of[match], frame[match]
        voice = (piece[start] != REST).argmax()
        semitones = piece[start, voice] - pieces[other][at, voice]
        runs[index] = Run(*map(int, (lengths[best], start, other, at, semitones)))
    return runs


def _checked(piece: np.ndarray) -> np.ndarray:
    """A piece as int64[T, 4]."""
    piece = np.asarray(piece, np.int64)
    if piece.ndim != 2 or piece.shape[1] != 4:
        raise ValueError(f"runs are looked for in pitches [frames, 4], not {piece.shape}")
    return piece


def _matches(pieces: Sequence[np.ndarray], sounding: Sequence[np.ndarray], owner: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The longest match from every sounding frame with a piece of another owner.

    All pieces become one string in which equal substrings are equal runs. In the sorted order of
    its suffixes, the longest match of one is with the nearest of another owner, on one of its two
    sides. Exact: nothing is hashed.

    Args:
      pieces: int64[T, 4] each.
      sounding: the frames of each in which something sounds, int[n].
      owner: of each piece, int[N].

    Returns:
      For each sounding frame, in the order of the suffixes: its piece, its place there, the
      frames that match, and which sounding frame they match (no matter which, if none does).
    """
    ranks = _ranks(_symbols(pieces))
    begins = np.cumsum([0, *(2 * len(piece) for piece in pieces[:-1])])
    of = np.repeat(np.arange(len(pieces)), [len(frames) for frames in sounding])
    frame = np.concatenate(sounding)
    places = begins[of] + 2 * frame
    order = np.argsort(ranks[-1][places])
    of, frame, places = of[order], frame[order], places[order]

    common = _common_prefixes(ranks, places[:-1], places[1:])
    before, source_before = _nearest(common, owner[of])
    after, source_after = (array[::-1] for array in _nearest(common[::-1], owner[of][::-1]))
    source = np.where(after > before, len(of) - 1 - source_after, source_before)
    # n frames are 2n - 1 symbols, or 2n where the frames after them differ in shape alone.
    return of, frame, (np.maximum(after, before) + 1) // 2, source


def _symbols(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """All pieces as one string int[2 * frames], in which equal substrings are equal runs.

    Each frame is two symbols: its shape, which is the pitches relative to the highest voice that
    sounds, and then how far that reference moves to the next frame, counted from the last that was
    not silent. So a match that starts at a shape begins in any transposition, and keeps to it.
    The last motion of each piece is a mark found nowhere else: no match goes on into the next.
    """
    rows = []
    for index, piece in enumerate(pieces):
        sounding = piece != REST
        reference = piece[np.arange(len(piece)), sounding.argmax(1)]
        loud = np.flatnonzero(sounding.any(1))
        string = np.zeros((len(piece), 2, 6), np.int64)  # shape (4 voices), motion, kind or mark
        string[:, 0, :4] = np.where(sounding, piece - reference[:, None], np.iinfo(np.int64).min)
        string[loud[1:] - 1, 1, 4] = np.diff(reference[loud])
        string[:, 1, 5] = 1
        string[-1:, 1, 5] = 2 + index
        rows.append(string.reshape(-1, 6))
    return np.unique(np.concatenate(rows), axis=0, return_inverse=True)[1].reshape(-1)


def _ranks(symbols: np.ndarray) -> list[np.ndarray]:
    """For each k the rank int[N] of the 2**k symbols from each place (Manber & Myers 1993).

    Equal ranks are equal substrings, cut off at the end of the string; in the last all differ.
    """
    ranks = [symbols]
    while ranks[-1].max() < len(symbols) - 1:
        width = 1 << (len(ranks) - 1)
        after = np.zeros_like(symbols)
        after[:-width] = 1 + ranks[-1][width:]
        both = ranks[-1] * (len(symbols) + 1) + after
        ranks.append(np.unique(both, return_inverse=True)[1].reshape(-1))
    return ranks


def _common_prefixes(ranks: list[np.ndarray], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many symbols from the places a and from the places b are the same, int[N]."""
    length = np.zeros_like(a)
    for k in reversed(range(len(ranks))):
        padded = np.r_[ranks[k], -1]  # past the end
        end = len(ranks[k])
        i, j = np.minimum(a + length, end), np.minimum(b + length, end)
        length += (padded[i] == padded[j]).astype(int) << k
    return length


def _nearest(common: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each sorted suffix, the nearest before it of another owner.

    Args:
      common: int[N - 1], symbols that each suffix shares with the next.
      owner: int[N].

    Returns:
      How many symbols the two share (0 where there is none), and the place of the other.
    """
    length, source = np.zeros(len(owner), int), np.zeros(len(owner), int)
    for i in range(1, len(owner)):
        same = owner[i] == owner[i - 1]
        length[i] = min(common[i - 1], length[i - 1]) if same else common[i - 1]
        source[i] = source[i - 1] if same else i - 1
    return length, source
