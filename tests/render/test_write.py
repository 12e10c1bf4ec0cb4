import os
from pathlib import Path

import numpy as np
import pytest

from lmjax.files import write_bytes
from lmjax.music.chorale import Chorale
from lmjax.render.write import PLOTS, WRITERS, write

SIGNATURES = {".png": b"\x89PNG", ".score.png": b"\x89PNG",
              ".contours.png": b"\x89PNG", ".mid": b"MThd", ".midi": b"MThd",
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
def test_scores_rolls_and_contours_are_different_pictures(chorale: Chorale, tmp_path: Path) -> None:
    names = ["piece.PNG", "piece.Score.png", "piece.contours.png"]
    for name in names:
        write(chorale, tmp_path / name)
    assert len({(tmp_path / name).read_bytes() for name in names}) == 3


@pytest.mark.parametrize("suffix", PLOTS)
def test_plots_tell_what_was_given(chorale: Chorale, tmp_path: Path, suffix: str) -> None:
    plain, marked = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write(chorale, plain)
    write(chorale, marked, np.ones(chorale.pitch.shape, bool))
    assert plain.read_bytes() != marked.read_bytes()


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
