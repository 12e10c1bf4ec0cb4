"""The laws of transposition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.music import rhythm
from lmjax.music.chorale import PAPER_RANGES, REST, Bar, Chorale
from lmjax.music.transpose import (
    interval,
    transpose,
    transpose_pitch,
    transpose_sharps,
    transpositions,
)


def chorale_in(sharps: int) -> Chorale:
    pitch = np.int16([[72, 67, 64, 48], [72, REST, 65, 48]])
    struck = np.array([[True] * 4, [True, False, True, False]])
    return Chorale(pitch, struck, np.zeros((2, 4), bool), (Bar(0, 4, 4),), sharps, "major")


def test_transpositions_by_hand():
    pitch = np.int16([[62, 60, 55, 48], [79, REST, 55, 48]])
    # The soprano reaches from 62 to 79 and may go two down, not up.
    assert transpositions(pitch, PAPER_RANGES) == range(-2, 1)
    assert 0 not in transpositions(np.int16([[80, 60, 55, 48]]), PAPER_RANGES)
    assert not transpositions(np.int16([[59, 60, 55, 48], [80, 60, 55, 48]]), PAPER_RANGES)


@settings(deadline=None)
@given(st.lists(st.tuples(*(st.integers(low - 3, high + 3) for low, high in PAPER_RANGES)),
                min_size=1, max_size=5))
def test_transpositions_are_all_that_fit(rows):
    pitch = np.array(rows, np.int16)
    low, high = np.array(PAPER_RANGES).T
    fitting = [k for k in range(-60, 61)
               if ((pitch + k >= low) & (pitch + k <= high)).all()]
    assert list(transpositions(pitch, PAPER_RANGES)) == fitting


@given(st.integers(-12, 12), st.integers(-12, 12))
def test_shifts_add_up(one, other):
    pitch = chorale_in(0).pitch
    twice = transpose_pitch(transpose_pitch(pitch, one), other)
    np.testing.assert_array_equal(twice, transpose_pitch(pitch, one + other))
    assert twice.dtype == pitch.dtype
    np.testing.assert_array_equal(twice == REST, pitch == REST)


@given(st.integers(-5, 6), st.integers(-12, 12))
def test_there_and_back(sharps, semitones):
    chorale = chorale_in(sharps)
    assert transpose(transpose(chorale, semitones), -semitones) == chorale


@given(st.integers(-7, 7), st.integers(-12, 12))
def test_the_signature_moves_with_the_notes(sharps, semitones):
    moved = transpose_sharps(sharps, semitones)
    assert -6 <= moved <= 6
    tonic = rhythm.key_index(sharps) - 1
    assert rhythm.key_index(moved) - 1 == (tonic + semitones) % 12


@pytest.mark.parametrize(("sharps", "semitones", "moved"), [
    (0, 2, 2), (0, 7, 1), (0, 5, -1), (0, 1, -5), (3, -2, 1), (-3, 12, -3), (0, 6, 6)])
def test_signatures_by_hand(sharps, semitones, moved):
    assert transpose_sharps(sharps, semitones) == moved


def test_every_chorale_fits_the_paper_in_some_key(corpus_data):
    for pieces in corpus_data.splits.values():
        for piece in pieces:
            assert len(transpositions(piece.pitch, PAPER_RANGES)) > 0


@pytest.mark.parametrize("semitones, name", [
    (1, "a minor second (1 semitone)"), (-8, "a minor sixth (8 semitones)"),
    (12, "an octave (12 semitones)"), (-27, "2 octaves and a minor third (27 semitones)"),
    (0, "a unison (0 semitones)")])
def test_names_of_intervals(semitones, name):
    assert interval(semitones) == name
