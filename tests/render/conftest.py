import importlib

import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar, Chorale

# (pitch, sixteenths), "!" for a fermata. E flat major, an upbeat of one quarter in 4/4, two
# bars of which the second is split by a phrase end, a change to 2/4, rests, and notes held over
# bar lines and beats.
SOPRANO = [(70, 4), (75, 4), (75, 4), (74, 2), (72, 4), (70, 2), (68, 6), (67, 2), (65, 4, "!"),
           (REST, 4), (70, 4), (67, 3), (68, 1), (65, 4), (63, 4, "!")]
ALTO = [(67, 4), (67, 8), (68, 4), (67, 8), (65, 4), (62, 4, "!"), (63, 4), (62, 4), (63, 8),
        (58, 4, "!")]
TENOR = [(58, 2), (60, 2), (58, 4), (63, 6), (62, 1), (63, 1), (58, 4), (60, 8), (58, 4, "!"),
         (58, 4), (58, 4), (58, 2), (60, 4), (56, 2), (55, 4, "!")]
BASS = [(51, 4), (51, 14), (49, 2), (48, 4), (53, 4), (46, 4, "!"), (43, 4), (44, 4), (46, 4),
        (46, 4), (39, 4, "!")]
BARS = (Bar(0, 4, 4, 12), Bar(4, 4, 4), Bar(20, 4, 4), Bar(32, 4, 4, 12), Bar(36, 2, 4),
        Bar(44, 2, 4))


def chorale_of_notes(voices: list[list[tuple]], bars: tuple[Bar, ...], sharps: int = 0,
                     mode: str = "", title: str = "") -> Chorale:
    frames = sum(note[1] for note in voices[0])
    pitch = np.full((frames, 4), REST, np.int16)
    struck, fermata = np.zeros((2, frames, 4), bool)
    for voice, notes in enumerate(voices):
        start = 0
        for midi, length, *mark in notes:
            pitch[start:start + length, voice] = midi
            struck[start, voice] = midi != REST
            fermata[start, voice] = bool(mark)
            start += length
        assert start == frames
    return Chorale(pitch, struck, fermata, bars, sharps, mode, title)


@pytest.fixture(scope="session")
def chorale() -> Chorale:
    return chorale_of_notes([SOPRANO, ALTO, TENOR, BASS], BARS, -3, "major", "Three Flats")


@pytest.fixture
def cairo() -> None:
    """Skips a test where the system lacks the library that draws PNG and PDF."""
    try:
        importlib.import_module("cairosvg")
    except OSError as error:
        pytest.skip(f"libcairo2 is not installed: {error}")
