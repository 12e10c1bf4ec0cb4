import dataclasses

import numpy as np
import pytest

from lmjax.music.chorale import Bar, Chorale
from lmjax.render.tempo import seconds_of, timing_of


def chords(lengths: list[int], fermatas: tuple[int, ...] = ()) -> Chorale:
    """Chords of some lengths in sixteenths, those of some numbers under fermatas."""
    starts = np.cumsum([0, *lengths])
    pitch = np.tile(np.array([72, 67, 64, 48]), (starts[-1], 1))
    struck, fermata = np.zeros((2, *pitch.shape), bool)
    struck[starts[:-1]] = True
    fermata[starts[list(fermatas)]] = True
    return Chorale(pitch, struck, fermata, (Bar(0, 4, 4),))


def test_without_fermatas_the_tempo_is_steady() -> None:
    seconds = seconds_of(chords([4, 4]), quarter_per_minute=75)
    np.testing.assert_allclose(seconds, np.arange(9) * 0.2)


def test_without_a_tempo_a_beat_of_half_notes_is_slower_and_its_quarters_faster() -> None:
    quarters = chords([4] * 6)
    halves = dataclasses.replace(quarters, bars=(Bar(0, 3, 2),))
    assert seconds_of(quarters)[-1] == pytest.approx(6 * 60 / 80)
    assert seconds_of(halves)[-1] == pytest.approx(3 * 60 / 56)
    assert seconds_of(halves, 80)[-1] == seconds_of(quarters)[-1]


def test_a_fermata_adds_half_a_quarter_of_sound_and_half_of_silence() -> None:
    timing = timing_of(chords([4, 4, 4], fermatas=(1,)), quarter_per_minute=60)
    np.testing.assert_allclose(timing.begins, [
        0, 0.25, 0.5, 0.75, 1, 1.375, 1.75, 2.125, 3, 3.25, 3.5, 3.75, 4])
    np.testing.assert_allclose(timing.ends, [
        0.25, 0.5, 0.75, 1, 1.375, 1.75, 2.125, 2.5, 3.25, 3.5, 3.75, 4])


def test_there_is_no_breath_after_the_end() -> None:
    timing = timing_of(chords([4, 8], fermatas=(1,)), quarter_per_minute=60)
    assert timing.begins[-1] == timing.ends[-1] == 3.5


def test_neighbouring_fermatas_are_one() -> None:
    assert seconds_of(chords([4, 4, 4], fermatas=(0, 1)), 60)[-1] == 4


def test_a_fermata_of_any_voice_counts(chorale: Chorale) -> None:
    assert chorale.fermata.any(axis=1).sum() == 2
    assert seconds_of(chorale, 60)[-1] == pytest.approx((52 + 4 + 2) / 4)


@pytest.mark.parametrize("tempo", [0, -80, 19.9, 601, float("nan"), float("inf")])
def test_impossible_tempos(tempo: float) -> None:
    with pytest.raises(ValueError, match="the tempo must be 20 to 600 quarters a minute, not"):
        seconds_of(chords([4]), tempo)
