"""Writing a file so that a reader never sees half of it."""

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes an OSError of the block name the path and say what to do."""
    try:
        yield
    except OSError as error:
        raise OSError(f"{os.fspath(path)} cannot be written ({error.strerror or error}); free some "
                      "space or choose another folder") from error


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Makes a folder and those above it where they do not exist.

    Raises:
      OSError: if it cannot be made.
    """
    with writing(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
      OSError: if the file cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {path.name}: there is no folder {path.parent}; create it first")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with writing(path):
            temporary.write_bytes(content)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as a compressed .npz, whole or not at all."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_bytes(path, content.getvalue())
