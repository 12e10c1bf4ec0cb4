from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from lmjax.music.chorale import Bar, Chorale
from lmjax.render.dive import COLUMNS, Dive, ink, write_animation, write_strip
from lmjax.render.roll import COLOURS

LOWEST, PITCHES, FRAMES = 58, 5, 4
SOPRANO, TENOR = np.array(to_rgb(COLOURS[0])), np.array(to_rgb(COLOURS[2]))


@pytest.fixture
def dive() -> Dive:
    """Two steps: nothing is known, then the soprano's pitches are, and the rest stays open."""
    pitch = np.full((FRAMES, 4), -1)
    pitch[:, 0] = [60, 60, 62, 62]
    struck = np.zeros((FRAMES, 4), bool)
    struck[[0, 2], 0] = True
    chorale = Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 1, 4),))
    probability = np.full((2, FRAMES, 4, PITCHES), 0.1)
    probability[1, :, 0] = pitch[:, :1] == LOWEST + np.arange(PITCHES)
    return Dive(0.5 * probability, 0.5 * probability, LOWEST, np.array([3.0, 0.2]),
                np.array([1.5, 0.7]), np.array([5.0, 90.0]), chorale)


def test_ink_has_the_colour_of_the_voice_that_sings() -> None:
    struck, held = np.zeros((2, 2, 4, PITCHES))
    struck[0, 0, 3] = 1  # the soprano strikes the fourth pitch, and holds it
    held[1, 0, 3] = 1
    picture = ink(struck, held)
    assert picture.shape == (PITCHES, 2 * COLUMNS, 4)
    assert picture[3, :, 3].tolist() == [0] + [pytest.approx(1)] * (2 * COLUMNS - 1)
    np.testing.assert_allclose(picture[3, 1:, :3], np.tile(SOPRANO, (2 * COLUMNS - 1, 1)))
    assert not picture[[0, 1, 2, 4], :, 3].any()


def test_inks_darken_each_other_and_are_thin_where_little_is_likely() -> None:
    held = np.zeros((2, 4, PITCHES))
    held[0, [0, 2], 1] = 1
    held[1, 0, 1] = 0.25
    picture = ink(np.zeros_like(held), held)
    colour, opacity = picture[1, ..., :3], picture[1, ..., 3:]
    on_white = 1 - opacity * (1 - colour)
    np.testing.assert_allclose(on_white[0], SOPRANO * TENOR)
    np.testing.assert_allclose(on_white[-1], 1 - 0.5 * (1 - SOPRANO))  # the root of a quarter


def test_the_last_picture_is_the_chorale(dive: Dive) -> None:
    last = dive.picture(2, 0, FRAMES)
    rows, columns = np.nonzero(last[..., 3])
    assert sorted(set(rows)) == [2, 4]
    assert columns[rows == 2].tolist() == list(range(1, 2 * COLUMNS))
    assert columns[rows == 4].tolist() == list(range(2 * COLUMNS + 1, 4 * COLUMNS))
    assert dive.picture(2, 2, 4).shape[1] == 2 * COLUMNS


def test_animation_has_a_picture_for_each_step_and_ends_in_exact_colours(
        dive: Dive, tmp_path: Path) -> None:
    write_animation(dive, tmp_path / "dive.gif")
    write_animation(dive, tmp_path / "again.gif")
    assert (tmp_path / "dive.gif").read_bytes() == (tmp_path / "again.gif").read_bytes()
    with Image.open(tmp_path / "dive.gif") as film:
        assert film.n_frames == 3 and film.info["loop"] == 0
        durations, colours = [], []
        for number in range(3):
            film.seek(number)
            durations.append(film.info["duration"])
            colours.append({colour for _, colour in film.convert("RGB").getcolors()})
    assert durations[2] > durations[0] > durations[1]
    soprano = tuple(np.round(255 * SOPRANO).astype(int).tolist())
    assert all({soprano, (255, 255, 255)} <= seen for seen in colours)
    assert colours[0] != colours[2]


def test_strip_shows_some_frames_of_a_run_however_short(dive: Dive, tmp_path: Path) -> None:
    whole, end = tmp_path / "whole.png", tmp_path / "end.png"
    write_strip(dive, whole)
    write_strip(dive, end, 2)
    assert whole.read_bytes().startswith(b"\x89PNG") and whole.read_bytes() != end.read_bytes()
