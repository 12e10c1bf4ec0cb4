"""What the organ plays, heard by numbers."""

import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.render.organ import HIGHEST, RATE, TAIL, play

SIXTEENTH = RATE // 4  # samples, at 60 quarters a minute


def voices(*parts: list[tuple]) -> Chorale:
    """Parts of (pitch, sixteenths), "!" for a fermata, the first the soprano; the others rest."""
    frames = sum(note[1] for note in parts[0])
    pitch = np.full((frames, 4), REST)
    struck, fermata = np.zeros((2, frames, 4), bool)
    for voice, notes in enumerate(parts):
        start = 0
        for midi, length, *mark in notes:
            pitch[start:start + length, voice] = midi
            struck[start, voice] = midi != REST
            fermata[start, voice] = bool(mark)
            start += length
    return Chorale(pitch, struck, fermata, (Bar(0, 4, 4),))


def hertz(pitch: int) -> float:
    return 440 * 2 ** ((pitch - 69) / 12)


def spectrum(samples: np.ndarray) -> np.ndarray:
    """Of a second of sound: how loud each Hz is, of the loudest."""
    assert len(samples) == RATE
    found = np.abs(np.fft.rfft(samples * np.hanning(RATE)))
    return found / found.max()


def loudness(samples: np.ndarray, milliseconds: int = 10) -> np.ndarray:
    """The root mean square of each so many milliseconds."""
    size = RATE * milliseconds // 1000
    return np.sqrt(np.mean(samples[:len(samples) // size * size].reshape(-1, size) ** 2, axis=1))


@pytest.mark.parametrize("pitch", [36, 48, 57, 69, 81])
def test_a_key_sounds_its_pitch_and_harmonics_alone(pitch: int) -> None:
    heard = spectrum(play(voices([(pitch, 8)]), 60)[RATE // 2:RATE * 3 // 2])
    loud = np.flatnonzero(heard > 0.01)
    harmonic = loud / hertz(pitch)
    assert np.abs(loud - np.rint(harmonic) * hertz(pitch)).max() < 4
    assert {1, 2, 3, 4, 5, 6} <= set(np.rint(harmonic))
    assert heard[round(hertz(pitch))] > 0.7


def test_keys_are_as_loud_as_one_another() -> None:
    levels = [loudness(play(voices([(pitch, 4)]), 60)[RATE // 2:RATE], 500)
              for pitch in range(36, 85, 3)]
    assert max(levels) < 1.4 * min(levels)  # 3 dB


def test_every_voice_of_a_chord_is_heard() -> None:
    chord = [74, 69, 65, 50]
    heard = spectrum(play(voices(*([(pitch, 8)] for pitch in chord)), 60)[RATE // 2:RATE * 3 // 2])
    for pitch in chord:
        assert heard[round(hertz(pitch))] > 0.3
        for near in (pitch - 1, pitch + 1):
            assert heard[round(hertz(near))] < 0.01


def test_notes_begin_and_end_when_they_should() -> None:
    samples = play(voices([(REST, 4), (60, 4), (REST, 4)]), 60)
    assert len(samples) == 3 * RATE + TAIL * RATE
    assert np.abs(samples[:RATE]).max() < 1e-6  # of the Fourier transform
    steady = loudness(samples[3 * RATE // 2:2 * RATE]).mean()
    assert loudness(samples[RATE:])[4:99].min() > 0.7 * steady
    assert loudness(samples[2 * RATE:])[5] < 0.15 * steady
    assert np.abs(samples[2 * RATE + 14 * RATE // 20:]).max() < 1e-6


def test_a_held_note_is_steady() -> None:
    held = loudness(play(voices([(60, 16)]), 60)[RATE // 2:4 * RATE], 100)
    assert held.max() / held.min() < 1.03


def test_a_repetition_is_heard_and_a_change_is_bound() -> None:
    repeated, changed = ((loudness(play(voices([(60, 4), (pitch, 4)]), 60)[RATE * 8 // 10:])[:30])
                         for pitch in (60, 62))
    assert repeated.min() < 0.15 * repeated.max()
    assert changed.min() > 0.6 * changed.max()


def test_quick_repetitions_sound() -> None:
    quick = loudness(play(voices([(60, 1)] * 16), 600), 25)
    assert quick[:16].min() > 0.2 * quick.max()


def test_a_breath_is_silent_but_for_the_voice_that_holds() -> None:
    notes = [(60, 4, "!"), (60, 4)]
    breath = slice(round(1.95 * RATE), 2 * RATE)
    alone = play(voices(notes), 60)
    held = loudness(alone[RATE:RATE * 3 // 2]).mean()
    assert loudness(alone[breath]).max() < 0.02 * held
    assert loudness(alone[2 * RATE:])[5] > 0.7 * held
    together = play(voices([(67, 8)], notes), 60)
    assert loudness(together[breath]).min() > 0.7 * held


@pytest.mark.parametrize("pitch", [36, 41, 46])
def test_no_clicks(pitch: int) -> None:
    """No sample is farther from the last than they are while the note is held."""
    samples = play(voices([(pitch, 4), (pitch, 4, "!"), (pitch, 4), (REST, 2), (pitch, 2)]), 73)
    steps = np.abs(np.diff(samples))
    assert steps.max() < 1.1 * steps[RATE // 2:RATE * 7 // 10].max()


@pytest.mark.parametrize("late", [1, 2, 3])
def test_voices_on_one_pitch_add_up(late: int) -> None:
    one = play(voices([(62, 12)]), 73)
    two = play(voices([(62, 12)], [(REST, late), (62, 12 - late)]), 73)
    window = slice(3 * RATE // 2, 2 * RATE)
    np.testing.assert_allclose(two[window], 2 * one[window], atol=0.02)


def test_what_no_pipe_can_play() -> None:
    heard = spectrum(play(voices([(120, 8)]), 60)[RATE // 2:RATE * 3 // 2])
    assert np.abs(np.flatnonzero(heard > 1e-3) - hertz(120)).max() < 4  # no partial is mirrored
    assert hertz(122) > HIGHEST
    assert not play(voices([(122, 8)]), 60).any()


def test_a_long_piece_is_a_short_one_again_and_again() -> None:
    """The room is added by blocks; none is heard."""
    short = [(60, 4), (REST, 4)]
    samples = play(voices(short * 8), 60)
    assert len(samples) > 8 * 2 * RATE
    first, *others = (loudness(samples[start:start + 2 * RATE], 50)
                      for start in range(0, 8 * 2 * RATE, 2 * RATE))
    for other in others:
        np.testing.assert_allclose(other, first, atol=0.03)
