"""The JSB chorales benchmark as a source of data.

The file holds, for every split NAME, `NAME_pitches` int16[frames, 4] (all pieces end to end,
sixteenth grid, voices soprano to bass, -1 for a rest) and `NAME_lengths` int[pieces].

It states neither re-attacks nor metre. A note counts as struck where the pitch changes, so a
repeated note is one long note, and a vocabulary for this source has `articulation=False`. Bars,
key and fermatas are "not known" in the tracks; a piece is taken to start on a beat.
"""

import os
import zipfile
import zlib

import numpy as np

from lmjax.data.dataset import Dataset, Piece, fingerprint
from lmjax.music import rhythm
from lmjax.music.chorale import HIGHEST_PITCH, REST, VOICES

# Conditioning tracks of which the file says nothing.
UNSTATED = [rhythm.POSITION, rhythm.BAR, rhythm.FERMATA, rhythm.KEY, rhythm.MODE]


def load(path: str | os.PathLike[str]) -> Dataset:
    """Reads every split of a benchmark file.

    Raises:
      ValueError: if the file is missing, is no .npz, or its arrays are not as described above.
    """
    if not os.fspath(path):
        raise ValueError("the JSB benchmark needs its file: set data.path to the .npz")
    if not os.path.isfile(path):
        raise ValueError(f"there is no JSB benchmark file {os.fspath(path)}; check data.path")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{os.fspath(path)} is not an .npz file")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        raise ValueError(f"{os.fspath(path)} is not a readable .npz file: {error}") from error
    names = [name.removesuffix("_pitches") for name in arrays if name.endswith("_pitches")]
    if not names:
        raise ValueError(
            f"{os.fspath(path)} holds no array NAME_pitches, only: {', '.join(arrays) or 'none'}")
    splits = {name: _pieces(name, arrays, os.fspath(path)) for name in names}
    return Dataset(splits, False, fingerprint(splits))


def piece_of_pitches(pitch: np.ndarray, name: str) -> Piece:
    """A piece of which only the pitches int[T, 4] are known."""
    pitch = np.array(pitch, np.int16)
    changed = np.concatenate([np.full((1, len(VOICES)), True), pitch[1:] != pitch[:-1]])
    return Piece(pitch, changed & (pitch != REST), rhythm.tracks(len(pitch)), name)


def _pieces(name: str, arrays: dict[str, np.ndarray], path: str) -> tuple[Piece, ...]:
    """The pieces of one split, cut apart."""
    pitches, lengths = arrays[f"{name}_pitches"], arrays.get(f"{name}_lengths")
    if lengths is None:
        raise ValueError(f"{path} holds {name}_pitches but no {name}_lengths")
    if pitches.ndim != 2 or pitches.shape[1] != len(VOICES) or pitches.dtype.kind not in "iu":
        raise ValueError(f"{name}_pitches in {path} must be integers of shape [frames, 4], not "
                         f"{pitches.dtype} of shape {pitches.shape}")
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths <= 0).any():
        raise ValueError(f"{name}_lengths in {path} must be positive integers of shape [pieces]")
    if lengths.sum() != len(pitches):
        raise ValueError(f"{name}_lengths in {path} add up to {lengths.sum()} frames, "
                         f"{name}_pitches has {len(pitches)}")
    if pitches.size and (pitches.min() < REST or pitches.max() > HIGHEST_PITCH):
        raise ValueError(f"{name}_pitches in {path} must be MIDI pitches, or -1 for a rest")
    parts = np.split(pitches, np.cumsum(lengths)[:-1])
    return tuple(piece_of_pitches(part, f"{name}/{i}") for i, part in enumerate(parts))
