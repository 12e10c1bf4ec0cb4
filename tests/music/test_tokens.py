"""Both encodings lose nothing, state only legal tokens, and refuse what they cannot state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lmjax.music.chorale import PAPER_RANGES, REST
from lmjax.music.tokens import WIDE_RANGES, Vocabulary

VOCABULARIES = [
    Vocabulary("hold"), Vocabulary("hold", PAPER_RANGES, padding=True), Vocabulary("sounding"),
    Vocabulary("sounding", PAPER_RANGES), Vocabulary("sounding", articulation=False)]
EVERY = pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=str)


@st.composite
def cells(draw):
    """Pitches and re-attacks of up to 20 frames, with few pitches so that many repeat."""
    frames = draw(st.integers(1, 20))
    shape = (frames, 4)
    choice = draw(arrays.arrays(np.int16, shape, elements=st.integers(0, 3)))
    low, high = np.array(PAPER_RANGES, np.int16).T
    pitch = np.choose(choice, [np.full(4, REST, np.int16), low, low + 1, high])
    again = draw(arrays.arrays(np.bool_, shape))
    changed = np.concatenate([np.ones((1, 4), bool), pitch[1:] != pitch[:-1]])
    return pitch, (changed | again) & (pitch != REST)


def without_reattacks(pitch, struck):
    changed = np.concatenate([np.ones((1, 4), bool), pitch[1:] != pitch[:-1]])
    return struck & changed


def assert_round_trip(vocabulary, pitch, struck):
    tokens = vocabulary.encode(pitch, struck)
    expected = struck if vocabulary.articulation else without_reattacks(pitch, struck)
    decoded = vocabulary.decode(tokens)
    np.testing.assert_array_equal(decoded[0], pitch)
    np.testing.assert_array_equal(decoded[1], expected)
    start, follow = vocabulary.legal()
    voices = np.arange(4)
    assert start[voices, tokens[0]].all()
    assert follow[voices, tokens[:-1], tokens[1:]].all()


@EVERY
@settings(deadline=None)
@given(cells())
def test_round_trip(vocabulary, piece):
    assert_round_trip(vocabulary, *piece)


@EVERY
@settings(deadline=None)
@given(piece=cells(), data=st.data())
def test_a_window_begins_with_struck_notes(vocabulary, piece, data):
    pitch, struck = piece
    start = data.draw(st.integers(0, len(pitch) - 1))
    window = struck[start:].copy()
    window[0] = pitch[start] != REST
    tokens = vocabulary.encode(pitch[start:], struck[start:])
    np.testing.assert_array_equal(tokens, vocabulary.encode(pitch[start:], window))
    assert_round_trip(vocabulary, pitch[start:], window)


@EVERY
@settings(deadline=None)
@given(data=st.data())
def test_legal_tokens_decode_to_what_they_state(vocabulary, data):
    start, follow = vocabulary.legal()
    tokens = np.zeros((6, 4), int)
    padding = np.arange(vocabulary.size) == np.array(vocabulary.sizes)[:, None] - 1
    for t in range(6):
        for v in range(4):
            allowed = start[v] if t == 0 else follow[v, tokens[t - 1, v]]
            if vocabulary.padding:
                allowed = allowed & ~padding[v]
            tokens[t, v] = data.draw(st.sampled_from(np.flatnonzero(allowed).tolist()))
    pitch, struck = vocabulary.decode(tokens)
    again = vocabulary.encode(pitch, struck)
    if vocabulary.encoding == "sounding":
        np.testing.assert_array_equal(again, tokens)
    else:  # Rest after Rest and Hold after Rest sound the same
        for one, other in zip(vocabulary.decode(again), (pitch, struck), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("vocabulary", [
    Vocabulary("hold"), Vocabulary("sounding"), Vocabulary("sounding", articulation=False)],
    ids=str)
def test_every_chorale_of_the_corpus_survives(vocabulary, corpus_data):
    for pieces in corpus_data.splits.values():
        for piece in pieces:
            assert_round_trip(vocabulary, piece.pitch, piece.struck)


def test_wide_ranges_hold_the_corpus_and_the_paper(corpus_data):
    for (low, high), (paper_low, paper_high) in zip(WIDE_RANGES, PAPER_RANGES, strict=True):
        assert low <= paper_low
        assert high >= paper_high
    for pieces in corpus_data.splits.values():
        for piece in pieces:
            Vocabulary("sounding").check_ranges(piece.pitch)


def test_tokens_by_hand():
    pitch = np.int16([[60, 53, 48, 36], [60, 54, 48, REST], [60, 54, 48, REST]])
    struck = np.array([[1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
    hold = Vocabulary("hold", PAPER_RANGES)
    assert hold.encode(pitch, struck).tolist() == [[2, 2, 2, 2], [0, 3, 2, 1], [0, 0, 0, 0]]
    assert hold.sizes == (22, 24, 24, 31)
    sounding = Vocabulary("sounding", PAPER_RANGES)
    assert sounding.encode(pitch, struck).tolist() == [[1, 1, 1, 1], [2, 3, 1, 0], [2, 4, 2, 0]]
    assert sounding.sizes == (41, 45, 45, 59)
    plain = Vocabulary("sounding", PAPER_RANGES, articulation=False)
    assert plain.encode(pitch, struck).tolist() == [[1, 1, 1, 1], [1, 2, 1, 0], [1, 2, 1, 0]]


def test_a_pitch_outside_is_named():
    pitch, struck = np.full((3, 4), 60, np.int16), np.zeros((3, 4), bool)
    pitch[1, 2] = 90
    with pytest.raises(ValueError, match="tenor has pitch 90 at frame 1"):
        Vocabulary("sounding").encode(pitch, struck)


@pytest.mark.parametrize("settings_", [
    {"encoding": "other"}, {"encoding": "hold", "articulation": False},
    {"encoding": "sounding", "padding": True}])
def test_refuses_what_makes_no_sense(settings_):
    with pytest.raises(ValueError, match="encoding"):
        Vocabulary(**settings_)
