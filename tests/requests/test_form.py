from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.music.rhythm import BAR, FERMATA, KEY, MODE, POSITION
from lmjax.requests.form import Fermata, Form, fermata_at

Sounding = Callable[[Form], Chorale]


def test_known_layouts() -> None:
    assert Form(bars=2).layout() == (32, (Bar(0, 4, 4), Bar(16, 4, 4)))
    frames, bars = Form("3/4", bars=2, anacrusis=4).layout()
    assert frames == 24
    assert bars == (Bar(0, 3, 4, 8), Bar(4, 3, 4), Bar(16, 3, 4))  # the last lasts 8
    assert Form.with_frames(20).layout() == (20, (Bar(0, 4, 4), Bar(16, 4, 4)))
    assert Form.with_frames(32) == Form(bars=2, frames=32)


@pytest.mark.parametrize(("key", "sharps", "mode"), [
    ("C major", 0, "major"), ("G major", 1, "major"), ("f# minor", 3, "minor"),
    ("Bb minor", -5, "minor"), ("B- major", -2, "major"), ("b minor", 2, "minor"),
    ("A minor", 0, "minor"), ("Cb major", -7, "major"), (None, None, "")])
def test_known_keys(key: str | None, sharps: int | None, mode: str) -> None:
    form = Form(key=key)
    assert (form.sharps, form.mode) == (sharps, mode)


@pytest.mark.parametrize(("fields", "message"), [
    ({"metre": "4-4"}, "like 3/4"),
    ({"metre": "0/4"}, "like 3/4"),
    ({"metre": "4/3"}, "like 3/4"),
    ({"metre": "4/0"}, "like 3/4"),
    ({"metre": "13/4"}, "lasts 52"),
    ({"bars": 0}, "at least 1 bar"),
    ({"bars": -1}, "at least 1 bar"),
    ({"anacrusis": 16}, "0 to 15"),
    ({"anacrusis": -4}, "0 to 15"),
    ({"metre": "3/8", "bars": 1}, "whole number of quarter beats"),
    ({"key": "H major"}, "key is written"),
    ({"key": "C dorian"}, "key is written"),
    ({"key": "G# major"}, "8 sharps"),
    ({"fermatas": ((9, 1),)}, "no beat 1 in bar 9"),
    ({"fermatas": ((1, 5),)}, "no beat 5 in bar 1"),
    ({"fermatas": ((8, 4),), "anacrusis": 4}, "no beat 4 in bar 8"),
    ({"fermatas": ((0, 4),)}, "no beat 4 in bar 0"),
    ({"fermatas": ((0, 3),), "anacrusis": 4}, "no beat 3 in bar 0"),
    ({"fermatas": ((-1, 4),), "anacrusis": 4}, "no beat 4 in bar -1"),
    ({"fermatas": ((8, 3, 3),)}, "beat 3 of bar 8 cannot last 3 beats, only 1 to 2"),
    ({"fermatas": ((1, 1, 0),)}, "beat 1 of bar 1 cannot last 0 beats, only 1 to 32"),
    ({"fermatas": ((1,),)}, r"\(bar, beat\) or \(bar, beat, beats\), not \(1,\)"),
    ({"frames": 64}, "not 8 bars"),
])
def test_mistakes_are_named(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Form(**fields)


@pytest.mark.parametrize("frames", [0, -4, 30])
def test_length_is_a_whole_number_of_beats(frames: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        Form.with_frames(frames)


def test_known_tracks() -> None:
    form = Form("3/4", bars=2, key="D major", anacrusis=4, fermatas=((2, 2),))
    tracks = form.tracks()
    assert tracks[:5, POSITION].tolist() == [9, 10, 11, 12, 1]
    assert (tracks[:, BAR] == 13).all()
    assert np.flatnonzero(tracks[:, FERMATA] == 2).tolist() == [20, 21, 22, 23]
    assert (tracks[:, KEY] == 3).all() and (tracks[:, MODE] == 1).all()
    long = Form(bars=2, anacrusis=4, fermatas=((0, 4), (1, 4, 2)))
    assert long.fermatas == (Fermata(0, 4), Fermata(1, 4, 2))
    assert np.flatnonzero(long.tracks()[:, FERMATA] == 2).tolist() == [*range(4), *range(16, 24)]
    free = Form(key=None).tracks()
    assert not free[:, [FERMATA, KEY, MODE]].any()
    assert (Form(fermatas=()).tracks()[:, FERMATA] == 1).all()


def test_chorale_bears_the_fermatas() -> None:
    form = Form(bars=1, key="G major", fermatas=((1, 4),))
    pitch = np.tile(np.array([72, 67, 60, 48]), (16, 1))
    pitch[12:, 2] = REST
    struck = np.zeros((16, 4), bool)
    struck[0] = struck[8, 0] = struck[14, 1] = True
    chorale = form.chorale(pitch, struck, "Made")
    assert np.argwhere(chorale.fermata).tolist() == [[0, 3], [8, 0], [14, 1]]
    assert (chorale.sharps, chorale.mode, chorale.title) == (1, "major", "Made")
    assert chorale.bars == (Bar(0, 4, 4),)
    assert not Form(bars=1).chorale(pitch, struck).fermata.any()
    with pytest.raises(ValueError, match="lasts 32"):
        Form(bars=2).chorale(pitch, struck)


@settings(deadline=None)
@given(st.sampled_from(["2/4", "3/4", "4/4", "3/2", "6/8", "12/8"]), st.integers(1, 20),
       st.integers(0, 7))
def test_bars_fill_the_form(metre: str, bars: int, anacrusis: int) -> None:
    length = Form(metre, bars=2).layout()[0] // 2
    if bars * length % 4:
        bars *= 2
    form = Form(metre, bars, anacrusis=anacrusis)
    frames, laid = form.layout()
    assert frames == bars * length == len(form.tracks())
    assert len(laid) == bars + (anacrusis > 0)
    ends = [*(bar.start for bar in laid[1:]), frames]
    assert all(end - bar.start == length for bar, end in list(zip(laid, ends, strict=True))[1:-1])


def test_the_form_of_a_known_chorale(sounding: Sounding) -> None:
    form = Form("4/4", 2, "Bb major", 4, ((1, 3), (2, 1, 3)))
    assert Form.of(sounding(form)) == form
    cut = Form.with_frames(28, "3/4", "F minor", fermatas=())
    assert Form.of(sounding(cut)) == cut


@pytest.mark.parametrize(("bars", "at", "message"), [
    ((Bar(0, 4, 4), Bar(16, 3, 4)), 0, "the metre changes from 4/4 to 3/4"),
    ((Bar(0, 4, 4), Bar(12, 4, 4)), 0, "the bar at sixteenth 12 breaks the metre"),
    ((Bar(0, 4, 4, 8), Bar(4, 4, 4)), 0, "the bar at sixteenth 4 breaks the metre"),
    ((Bar(0, 4, 4), Bar(16, 4, 4)), 26, "from sixteenth 26 to 32 is not on whole beats"),
])
def test_a_chorale_without_a_form(bars: tuple[Bar, ...], at: int, message: str) -> None:
    marked = np.zeros((32, 4), bool)
    marked[at] = True
    struck = marked.copy()
    struck[0] = True
    with pytest.raises(ValueError, match=message):
        Form.of(Chorale(np.full((32, 4), 60), struck, marked, bars))


@settings(deadline=None)
@given(st.sampled_from(["2/2", "3/4", "4/4", "3/2", "6/8", "12/8"]), st.integers(2, 12),
       st.integers(0, 2), st.data())
def test_a_form_is_that_of_its_chorales(
        sounding: Sounding, metre: str, bars: int, upbeats: int, data: st.DataObject) -> None:
    bar = Bar(0, *map(int, metre.split("/")))
    bars += bars * bar.length % 4 > 0
    beat, end = bar.length // bar.numerator, bars * bar.length
    anacrusis = min(upbeats, bar.numerator - 1) * beat
    # Every other of some edges begins a chord: two chords under fermatas do not touch.
    edges = sorted(data.draw(st.sets(st.integers(0, end // beat), max_size=8)))
    spans = zip(edges[::2], edges[1::2], strict=False)
    form = Form(metre, bars, None, anacrusis, tuple(
        fermata_at(bar, anacrusis, beat * a, beat * b) for a, b in spans))
    found = Form.of(sounding(form))
    assert (found.metre, found.bars, found.anacrusis) == (metre, bars, anacrusis)
    assert found.fermatas == form.fermatas and found.frames is None
    tracks = form.tracks()
    np.testing.assert_array_equal(tracks[:, :KEY], found.tracks()[:, :KEY])


@pytest.mark.parametrize("key", [
    "C major", "A minor", "F# major", "Gb major", "Cb major", "Bb minor", "D# minor", "Ab minor"])
def test_a_key_keeps_its_name(sounding: Sounding, key: str) -> None:
    assert Form.of(sounding(Form(key=key))).key == key
