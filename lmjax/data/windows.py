"""Windows of a piece: where they may start, and what they hold."""

from typing import NamedTuple

import numpy as np

from lmjax.data.dataset import Piece
from lmjax.music import rhythm
from lmjax.music.chorale import VOICES
from lmjax.music.tokens import Vocabulary
from lmjax.music.transpose import transpose_pitch


class Window(NamedTuple):
    """A window of one piece, or with a leading axis B a batch of them.

    Attributes:
      tokens: int32[T, V]; past the end of the piece the padding token if there is one, else 0.
      tracks: int32[T, C]; 0 past the end.
      frames: bool[T], the frames that exist.
    """

    tokens: np.ndarray
    tracks: np.ndarray
    frames: np.ndarray


def beats(tracks: np.ndarray) -> np.ndarray:
    """The frames of a piece's tracks int32[T, C] on which a quarter-note beat starts, int[N]."""
    return np.flatnonzero(tracks[:, rhythm.BEAT] == 1)


def cut(piece: Piece, start: int, length: int, vocabulary: Vocabulary,
        semitones: int = 0) -> Window:
    """The window of `length` frames from `start`, transposed, padded where the piece has ended.

    Raises:
      ValueError: if the vocabulary lacks one of the pitches.
    """
    end = min(start + length, len(piece))
    count = end - start
    tokens = np.zeros((length, len(VOICES)), np.int32)
    if vocabulary.padding:
        tokens[:] = np.array(vocabulary.sizes) - 1
    tokens[:count] = vocabulary.encode(
        transpose_pitch(piece.pitch[start:end], semitones), piece.struck[start:end])
    tracks = np.zeros((length, piece.tracks.shape[1]), np.int32)
    tracks[:count] = rhythm.transpose(rhythm.crop(piece.tracks, start, end), semitones)
    return Window(tokens, tracks, np.arange(length) < count)


def stack(windows: list[Window]) -> Window:
    """One batch of windows of equal length."""
    return Window(*(np.stack(field) for field in zip(*windows, strict=True)))
