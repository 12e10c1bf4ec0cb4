"""The record of a chorale: what it refuses, and what it says of a piece typed in by hand."""

import dataclasses

import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar, Chorale


@pytest.fixture
def chorale() -> Chorale:
    """Eight frames: an upbeat of a quarter and the first quarter of a bar in 4/4."""
    pitch = np.tile(np.int16([72, 67, 64, 48]), (8, 1))
    pitch[4:, 0] = 74
    pitch[6:, 3] = REST
    struck = np.zeros((8, 4), bool)
    struck[0] = True
    struck[4, :2] = True
    fermata = np.zeros((8, 4), bool)
    fermata[4, 0] = True
    return Chorale(pitch, struck, fermata, (Bar(0, 4, 4, 12), Bar(4, 4, 4)), 1, "major", "x", "1.6")


def test_notes_of_a_voice(chorale):
    assert chorale.notes(0) == [(0, 4, 72), (4, 8, 74)]
    assert chorale.notes(1) == [(0, 4, 67), (4, 8, 67)]  # struck again
    assert chorale.notes(2) == [(0, 8, 64)]
    assert chorale.notes(3) == [(0, 6, 48), (6, 8, REST)]


def test_metres():
    assert (Bar(0, 3, 4).length, Bar(0, 3, 4).metre) == (12, "3/4")
    assert (Bar(0, 6, 8).length, Bar(0, 6, 8).metre) == (12, "6/8")


def test_arrays_cannot_be_changed(chorale):
    with pytest.raises(ValueError, match="read-only"):
        chorale.pitch[0, 0] = 60


def test_equality_compares_notes_and_metadata(chorale):
    assert chorale == dataclasses.replace(chorale)
    assert chorale != dataclasses.replace(chorale, mode="minor")
    struck = chorale.struck.copy()
    struck[4, 2] = True
    restruck = dataclasses.replace(chorale, struck=struck)
    assert chorale != restruck
    assert not chorale.same_notes(restruck)


def changed(array: np.ndarray, where: tuple[int, int], value: object) -> np.ndarray:
    array = array.copy()
    array[where] = value
    return array


@pytest.mark.parametrize(("name", "where", "value", "message"), [
    ("struck", (6, 3), True, "a rest cannot be struck"),
    ("struck", (4, 0), False, "soprano changes pitch at frame 4"),
    ("struck", (0, 2), False, "tenor changes pitch at frame 0"),
    ("fermata", (5, 0), True, "where the note is struck"),
])
def test_refuses_contradictions(chorale, name, where, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(chorale, **{name: changed(getattr(chorale, name), where, value)})


@pytest.mark.parametrize("bars", [
    (), ((4, 4, 4, 0),), ((0, 4, 4, 0), (0, 4, 4, 0)), ((0, 4, 4, 0), (8, 4, 4, 0))])
def test_refuses_bars_outside(chorale, bars):
    with pytest.raises(ValueError, match="bars must start"):
        dataclasses.replace(chorale, bars=bars)


def test_refuses_shapes(chorale):
    with pytest.raises(ValueError, match="shape"):
        dataclasses.replace(chorale, pitch=chorale.pitch[:, :3])
    with pytest.raises(ValueError, match="struck has shape"):
        dataclasses.replace(chorale, struck=chorale.struck[1:])
