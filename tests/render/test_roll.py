import sys
from pathlib import Path

import numpy as np
import pytest

from lmjax.music.chorale import Bar, Chorale
from lmjax.render.roll import ROW_FRAMES, figure, pitch_name, rows, write_roll


def held(frames: int, bars: tuple[Bar, ...]) -> Chorale:
    pitch = np.tile(np.array([72, 67, 60, 48]), (frames, 1))
    struck = np.zeros((frames, 4), bool)
    struck[0] = True
    return Chorale(pitch, struck, np.zeros_like(struck), bars)


def test_rows_break_at_bar_lines_and_cover_the_piece() -> None:
    bars = (Bar(0, 3, 4, 8), *(Bar(start, 3, 4) for start in range(4, 300, 12)))
    cut = rows(held(300, bars))
    assert cut == [(0, 100), (100, 196), (196, 300)]
    starts = {bar.start for bar in bars}
    assert all(end - start <= ROW_FRAMES and start in starts for start, end in cut)
    assert rows(held(16, (Bar(0, 4, 4),))) == [(0, 16)]


def test_every_note_is_drawn_and_re_attacks_are_apart(chorale: Chorale) -> None:
    picture = figure(chorale)
    bars = [collection for axes in picture.axes for collection in axes.collections
            if type(collection).__name__ == "PolyCollection"]
    spans = {tuple(np.round(path.get_extents().intervalx, 2))
             for collection in bars for path in collection.get_paths()}
    assert {(4, 7.7), (8, 11.7)} <= spans  # the soprano repeats E flat at 8
    labels = [text.get_text() for text in picture.legends[0].get_texts()]
    assert labels == ["Soprano", "Alto", "Tenor", "Bass"]
    fermatas = [patch for axes in picture.axes for patch in axes.patches
                if type(patch).__name__ == "Arc"]
    assert len(fermatas) == 8


def test_png_without_pyplot(chorale: Chorale, tmp_path: Path) -> None:
    write_roll(chorale, tmp_path / "piece.png")
    assert (tmp_path / "piece.png").read_bytes().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules


def test_silence_can_be_drawn() -> None:
    silent = Chorale(np.full((8, 4), -1), np.zeros((8, 4), bool), np.zeros((8, 4), bool),
                     (Bar(0, 4, 4),))
    assert len(figure(silent).axes) == 1


@pytest.mark.parametrize(("midi", "sharps", "name"), [
    (66, 1, "F♯4"), (70, -2, "B♭4"), (60, 0, "C4")])
def test_pitch_names(midi: int, sharps: int, name: str) -> None:
    assert pitch_name(midi, sharps) == name
