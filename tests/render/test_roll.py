import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lmjax.music.chorale import Bar, Chorale
from lmjax.render.roll import (
    COLOURS,
    MARKERS,
    ROW_FRAMES,
    contours,
    figure,
    pitch_name,
    rows,
    write_contours,
    write_roll,
)


def held(frames: int, bars: tuple[Bar, ...]) -> Chorale:
    pitch = np.tile(np.array([72, 67, 60, 48]), (frames, 1))
    struck = np.zeros((frames, 4), bool)
    struck[0] = True
    return Chorale(pitch, struck, np.zeros_like(struck), bars)


def bars_of(picture) -> list:
    """The bars of all notes."""
    return [collection for axes in picture.axes for collection in axes.collections
            if type(collection).__name__ == "PolyCollection"]


def spans_of(bars: list) -> list[tuple]:
    """Where bars begin and end, in frames."""
    return [tuple(np.round(path.get_extents().intervalx, 2).tolist())
            for collection in bars for path in collection.get_paths()]


def labels_of(picture) -> list[str]:
    """What the legend says."""
    return [text.get_text() for text in picture.legends[0].get_texts()]


def fermatas_of(picture) -> int:
    """How many fermatas there are."""
    return sum(type(patch).__name__ == "Arc" for axes in picture.axes for patch in axes.patches)


def test_rows_break_at_bar_lines_and_cover_the_piece() -> None:
    bars = (Bar(0, 3, 4, 8), *(Bar(start, 3, 4) for start in range(4, 300, 12)))
    cut = rows(held(300, bars))
    assert cut == [(0, 100), (100, 196), (196, 300)]
    starts = {bar.start for bar in bars}
    assert all(end - start <= ROW_FRAMES and start in starts for start, end in cut)
    assert rows(held(16, (Bar(0, 4, 4),))) == [(0, 16)]


def test_every_note_is_drawn_and_re_attacks_are_apart(chorale: Chorale) -> None:
    picture = figure(chorale)
    spans = spans_of(bars_of(picture))
    assert {(4, 7.7), (8, 11.7)} <= set(spans)  # the soprano repeats E flat at 8
    assert labels_of(picture) == ["Soprano", "Alto", "Tenor", "Bass"]
    assert fermatas_of(picture) == 8


def test_given_cells_are_hatched_and_notes_are_cut_there(chorale: Chorale) -> None:
    given = np.zeros(chorale.pitch.shape, bool)
    given[:10, 0] = True  # two sixteenths of the soprano's third note
    picture = figure(chorale, given)
    hatched = [bar for bar in bars_of(picture) if bar.get_hatch()]
    assert spans_of(hatched) == [(0, 3.7), (4, 7.7), (8, 10)]
    whole = set(spans_of(bars_of(picture))) - set(spans_of(bars_of(figure(chorale))))
    assert whole == {(8, 10), (10, 11.7)}
    assert labels_of(picture)[-1] == "Given"


def test_given_cells_of_another_shape_are_refused(chorale: Chorale) -> None:
    with pytest.raises(ValueError, match=r"\(52, 4\), not \(48,\)"):
        figure(chorale, np.zeros(48, bool))


def test_voices_on_one_pitch_share_its_height_the_higher_above() -> None:
    pitch = np.tile(np.array([60, 60, 55, 48]), (8, 1))
    pitch[4:, 1] = 57
    struck = np.zeros((8, 4), bool)
    struck[0] = struck[4, 1] = True
    bars = bars_of(figure(Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 2, 4),))))
    boxes = {(voice, extents.x0): extents for voice in range(4) for bar in bars
             for path in bar.get_paths() for extents in [path.get_extents()]
             if tuple(bar.get_facecolor()[0, :3]) == to_rgb(COLOURS[voice])}
    soprano, alto, later = boxes[0, 0], boxes[1, 0], boxes[0, 4]
    assert 59.5 < alto.y0 < alto.y1 <= soprano.y0 + 1e-6 < soprano.y1 < 60.5
    assert (soprano.x1, later.x1) == pytest.approx((4, 7.7))
    assert (later.y0 + later.y1) / 2 == pytest.approx(60)


def test_contours_mark_where_notes_are_struck(chorale: Chorale) -> None:
    given = np.zeros(chorale.pitch.shape, bool)
    given[:8, 0] = True
    picture = contours(chorale, given)
    marks = [line for axes in picture.axes for line in axes.lines if line.get_marker() in MARKERS
             and line.get_markersize() == 4]
    assert len(marks) == chorale.struck.sum()
    assert sum(line.get_markerfacecolor() == "white" for line in marks) == 2
    assert fermatas_of(picture) == 8
    assert labels_of(picture) == ["Soprano", "Alto", "Tenor", "Bass", "Given"]


@pytest.mark.parametrize("sharps", range(-7, 8))
def test_pitches_beside_a_row_have_plain_names(sharps: int) -> None:
    piece = held(8, (Bar(0, 2, 4),))
    piece = Chorale(piece.pitch, piece.struck, piece.fermata, piece.bars, sharps)
    names = [text.get_text() for text in figure(piece).axes[0].get_yticklabels()]
    assert 6 <= len(names) <= 9 and not any("♯♯" in name or "♭♭" in name for name in names)


def test_png_without_pyplot(chorale: Chorale, tmp_path: Path) -> None:
    for number, write in enumerate((write_roll, write_roll, write_contours)):
        write(chorale, tmp_path / f"{number}.png")
    one, same, other = [(tmp_path / f"{number}.png").read_bytes() for number in range(3)]
    assert one.startswith(b"\x89PNG") and one == same != other
    assert "matplotlib.pyplot" not in sys.modules


def test_silence_can_be_drawn() -> None:
    silent = Chorale(np.full((8, 4), -1), np.zeros((8, 4), bool), np.zeros((8, 4), bool),
                     (Bar(0, 4, 4),))
    assert len(figure(silent).axes) == 1


@pytest.mark.parametrize(("midi", "sharps", "name"), [
    (66, 1, "F♯4"), (70, -2, "B♭4"), (60, 0, "C4")])
def test_pitch_names(midi: int, sharps: int, name: str) -> None:
    assert pitch_name(midi, sharps) == name
