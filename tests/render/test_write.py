import os
from pathlib import Path

import pytest

from lmjax.files import write_bytes
from lmjax.music.chorale import Chorale
from lmjax.render.write import WRITERS, write


@pytest.mark.parametrize("suffix", WRITERS)
def test_writes_by_suffix(chorale: Chorale, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"piece{suffix}"
    write(chorale, path)
    signature = {".png": b"\x89PNG", ".mid": b"MThd", ".midi": b"MThd",
                 ".svg": b"<svg"}.get(suffix, b"<?xml")
    assert path.read_bytes().startswith(signature)
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_suffix_names_the_known(chorale: Chorale, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"piece\.pdf.*\.xml, \.mid, \.midi, \.png, \.svg"):
        write(chorale, tmp_path / "piece.pdf")


def test_missing_folder(chorale: Chorale, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot write piece\.mid: there is no folder"):
        write(chorale, tmp_path / "nowhere" / "piece.mid")


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "piece.mid"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
