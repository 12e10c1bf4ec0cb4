import os
from pathlib import Path

import pytest

from lmjax.files import write_bytes
from lmjax.music.chorale import Chorale
from lmjax.render.write import WRITERS, write

SIGNATURES = {".png": b"\x89PNG", ".score.png": b"\x89PNG", ".mid": b"MThd", ".midi": b"MThd",
              ".svg": b"<svg", ".pdf": b"%PDF", ".wav": b"RIFF", ".mp3": b"\xff\xf3"}


@pytest.mark.usefixtures("cairo")
@pytest.mark.parametrize("suffix", WRITERS)
def test_writes_by_suffix(chorale: Chorale, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"piece{suffix}"
    write(chorale, path)
    assert path.read_bytes().startswith(SIGNATURES.get(suffix, b"<?xml"))
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_suffix_names_the_known(chorale: Chorale, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"piece\.doc.*\.xml, \.mid, \.midi, .*\.svg, \.pdf"):
        write(chorale, tmp_path / "piece.doc")


@pytest.mark.usefixtures("cairo")
def test_a_score_and_a_piano_roll_are_different_pictures(chorale: Chorale, tmp_path: Path) -> None:
    write(chorale, tmp_path / "piece.PNG")
    write(chorale, tmp_path / "piece.Score.png")
    assert (tmp_path / "piece.PNG").read_bytes() != (tmp_path / "piece.Score.png").read_bytes()


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
