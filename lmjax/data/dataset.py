"""What every source of music becomes: pieces in named splits."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lmjax.music import rhythm
from lmjax.music.chorale import Chorale

SOURCES = ("corpus", "jsb16")


class LeftOut(NamedTuple):
    """A file that did not become a piece, and why."""

    path: str
    reason: str
    detail: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """One piece as arrays, ready to be cut into windows.

    Attributes:
      pitch: int16[T, 4], MIDI pitch of what sounds in each cell, -1 for silence.
      struck: bool[T, 4], whether the note is struck in the cell.
      tracks: int32[T, C], the conditioning tracks of `lmjax.music.rhythm`.
      name: what reports call the piece, a BWV number for the corpus.
      chorale: the full record, None for a source that has no metre.
    """

    pitch: np.ndarray
    struck: np.ndarray
    tracks: np.ndarray
    name: str
    chorale: Chorale | None = None

    def __len__(self) -> int:
        return len(self.pitch)


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """The pieces of a source, split by work.

    Attributes:
      splits: the pieces of each split by its name: "train", "valid", "test" for the corpus,
        whatever the file holds for the JSB benchmark.
      vocabulary_articulation: whether the source tells struck from held cells.
      fingerprint: a hash of the pieces and of how they are split.
      rejections: the files that were left out.
    """

    splits: Mapping[str, tuple[Piece, ...]]
    vocabulary_articulation: bool
    fingerprint: str
    rejections: tuple[LeftOut, ...] = ()

    def split(self, name: str) -> tuple[Piece, ...]:
        """The pieces of one split.

        Raises:
          ValueError: if the data has no split of that name.
        """
        if name not in self.splits:
            raise ValueError(f"the data has no split {name!r}, only {', '.join(self.splits)}")
        return self.splits[name]


def piece_of(chorale: Chorale) -> Piece:
    """A chorale with its conditioning tracks."""
    return Piece(chorale.pitch, chorale.struck, rhythm.chorale_tracks(chorale), chorale.bwv,
                 chorale)


def metre_pieces(pieces: Sequence[Piece], metres: Sequence[str]) -> tuple[Piece, ...]:
    """The pieces that are in one of the metres throughout; all if none is named.

    Raises:
      ValueError: if that leaves none.
    """
    kept = tuple(piece for piece in pieces if not metres or (
        piece.chorale is not None and all(
            bar.metre in metres for bar in piece.chorale.bars)))
    if not kept:
        raise ValueError(f"no piece of the split is in {' or '.join(metres)}; choose other metres"
                         if metres else "the split has no piece")
    return kept


def fits(piece: Piece, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether every pitch lies in its voice's range as written."""
    low, high = np.array(ranges).T
    sounding = piece.pitch >= 0
    return not (sounding & ((piece.pitch < low) | (piece.pitch > high))).any()


def fingerprint(splits: Mapping[str, Sequence[Piece]]) -> str:
    """16 hexadecimal digits that change when a note, a track, a name or a split changes."""
    digest = hashlib.sha256()
    for split, pieces in splits.items():
        digest.update(f"{split} {len(pieces)}\n".encode())
        for piece in pieces:
            digest.update(f"{piece.name} {len(piece)}\n".encode())
            for array, dtype in ((piece.pitch, "<i2"), (piece.struck, "|b1"),
                                 (piece.tracks, "<i4")):
                digest.update(np.ascontiguousarray(array, dtype).tobytes())
    return digest.hexdigest()[:16]


def load_dataset(source: str = "corpus", path: str = "", progress: bool = True) -> Dataset:
    """The data that a config names.

    Args:
      source: "corpus", the chorales of the installed music21, or "jsb16", the JSB benchmark.
      path: the benchmark's .npz file; the corpus needs none.
      progress: whether to show a bar while the corpus is read for the first time.

    Raises:
      ValueError: if the source is not known, or its file is missing or damaged.
    """
    # Here, because both build on the records above.
    from lmjax.data import build, jsb

    if source == "corpus":
        return build.load(progress)
    if source == "jsb16":
        return jsb.load(path)
    raise ValueError(f"data.source must be one of {', '.join(SOURCES)}, not {source!r}")
