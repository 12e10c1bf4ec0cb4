import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.music.tokens import Vocabulary

LOWEST, PITCHES, SOUNDS = 36, 27, 4  # of the fixture `space`: from its lowest pitch to its highest


def one_hot(index, size):
    return np.eye(size)[index]


def test_sounds_by_hand(space):
    # Rest, then each pitch struck and held.
    three = [0, 1, 1, 2, 2, 3, 3]
    np.testing.assert_array_equal(space.sounds[0], one_hot(three, SOUNDS))
    np.testing.assert_array_equal(space.sounds[3], one_hot(three, SOUNDS))
    # Voices of two pitches have two tokens fewer.
    for voice in (1, 2):
        np.testing.assert_array_equal(space.sounds[voice, :5], one_hot(three[:5], SOUNDS))
        assert (space.sounds[voice, 5:] == 0).all()


def test_counts_by_hand(space, hold_space):
    assert (space.kinds, space.others, space.pitches) == (2, 1, PITCHES)
    assert (hold_space.kinds, hold_space.others, hold_space.pitches) == (1, 2, PITCHES)


def test_the_pitch_axis_by_hand(space):
    where = {voice: [(sound, pitch - LOWEST) for sound, pitch in enumerate(pitches, start=1)]
             for voice, pitches in enumerate(((60, 61, 62), (60, 61), (48, 49), (36, 37, 38)))}
    expected = np.zeros((4, SOUNDS, PITCHES))
    for voice, places in where.items():
        for sound, place in places:
            expected[voice, sound, place] = 1
    np.testing.assert_array_equal(space.axis, expected)  # a rest lies nowhere


def test_the_lowest_pitch_class_by_hand(space_of, space):
    assert space.lowest_class == 0  # the C of the bass
    # An A, that of the alto.
    assert space_of(Vocabulary(ranges=((60, 61), (57, 59), (58, 58), (69, 70)))).lowest_class == 9


def test_steps_by_hand(space):
    steps, none = space.steps, np.zeros(2 * SOUNDS - 1)
    assert steps.shape == (4, SOUNDS, SOUNDS, 2 * SOUNDS - 1)
    unison = SOUNDS - 1
    for low in (1, 2, 3):
        np.testing.assert_array_equal(steps[0, low, low], one_hot(unison, len(none)))
    np.testing.assert_array_equal(steps[0, 1, 3], one_hot(unison + 2, len(none)))  # up a tone
    np.testing.assert_array_equal(steps[3, 3, 2], one_hot(unison - 1, len(none)))
    # A rest is no interval away from anything, nor is a pitch that the alto lacks.
    for voice, one, other in ((0, 0, 0), (0, 0, 2), (0, 2, 0), (1, 3, 1), (1, 1, 3), (1, 3, 3)):
        np.testing.assert_array_equal(steps[voice, one, other], none)


def test_tokens_of_pitches_by_hand(space):
    expected = np.zeros((4, 2, PITCHES, 7))
    for voice, low, count in ((0, 60, 3), (1, 60, 2), (2, 48, 2), (3, 36, 3)):
        for i in range(count):
            for kind in (0, 1):  # struck, held
                expected[voice, kind, low - LOWEST + i, 1 + 2 * i + kind] = 1
    np.testing.assert_array_equal(space.pitched_tokens, expected)


def test_what_has_no_pitch_by_hand(space):
    for voice in range(4):
        np.testing.assert_array_equal(space.other_tokens[voice], [one_hot(0, 7)])
        np.testing.assert_array_equal(space.other_sounds[voice], [one_hot(0, SOUNDS)])


@pytest.mark.parametrize("padding", [False, True])
def test_the_tables_of_the_hold_encoding_by_hand(hold_ranges, space_of, padding):
    """Hold, rest, the pitches and at last the padding, each of which is a sound of its own."""
    space = space_of(Vocabulary("hold", hold_ranges, padding=padding))
    size = 5 + padding
    others, kinds = 2 + padding, 1
    assert (space.kinds, space.others, space.pitches) == (kinds, others, PITCHES)
    for voice, (low, high) in enumerate(hold_ranges):
        count = high - low + 1
        valid = np.arange(size) < 2 + count + padding
        np.testing.assert_array_equal(space.sounds[voice], np.diag(valid))
        axis, pitched = np.zeros((size, PITCHES)), np.zeros((kinds, PITCHES, size))
        for i in range(count):
            axis[2 + i, low - LOWEST + i] = pitched[0, low - LOWEST + i, 2 + i] = 1
        np.testing.assert_array_equal(space.axis[voice], axis)
        np.testing.assert_array_equal(space.pitched_tokens[voice], pitched)
        plain = one_hot([0, 1, 2 + count] if padding else [0, 1], size)
        np.testing.assert_array_equal(space.other_tokens[voice], plain)
        np.testing.assert_array_equal(space.other_sounds[voice], plain)
        # The unison is entry 4 or 5; neither hold nor rest nor padding is an interval away.
        np.testing.assert_array_equal(space.steps[voice, 2, 3], one_hot(size, 2 * size - 1))
        for other in (0, 1, *([2 + count] if padding else ())):
            assert not space.steps[voice, other].any() and not space.steps[voice, :, other].any()


@st.composite
def vocabularies(draw):
    lows = draw(st.lists(st.integers(20, 90), min_size=4, max_size=4))
    ranges = tuple((low, low + draw(st.integers(0, 14))) for low in lows)
    encoding = draw(st.sampled_from(("hold", "sounding")))
    flag = draw(st.booleans())
    return (Vocabulary("hold", ranges, padding=flag) if encoding == "hold"
            else Vocabulary("sounding", ranges, articulation=flag))


@settings(deadline=None, max_examples=40)
@given(vocabularies())
def test_tables_of_any_vocabulary(space_of, vocabulary):
    space = space_of(vocabulary)
    tokens, sounds = space.valid.shape[1], space.sounds.shape[-1]
    # Every token that exists is read from one place, and no other from any.
    places = np.concatenate([space.pitched_tokens.reshape(4, -1, tokens), space.other_tokens], 1)
    assert np.isin(places, (0, 1)).all()
    np.testing.assert_array_equal(places.sum(axis=1), space.valid)
    assert places.sum(axis=2).max() == 1  # and no place is read twice
    # It has the pitch, the pitch class and the sound that it states.
    lowest = min(low for low, _ in vocabulary.ranges)
    assert space.pitches == max(high for _, high in vocabulary.ranges) - lowest + 1
    for voice, kind, place, token in np.argwhere(space.pitched_tokens):
        pitch, sound = space.pitch[voice, token], space.sound[voice, token]
        assert pitch == lowest + place
        assert (space.lowest_class + place) % 12 == pitch % 12
        assert kind == max(space.articulation[voice, token] - 1, 0)
        np.testing.assert_array_equal(space.axis[voice, sound], one_hot(place, space.pitches))
    pitches = [high - low + 1 for low, high in vocabulary.ranges]
    np.testing.assert_array_equal(space.axis.sum(axis=(1, 2)), pitches)
    np.testing.assert_array_equal(space.pitched_tokens.sum(axis=(1, 2, 3)),
                                  space.kinds * np.array(pitches))
    # Steps are differences of places.
    assert space.steps.sum() == sum(count ** 2 for count in pitches)
    for voice, one, other, step in np.argwhere(space.steps):
        start, end = (space.axis[voice, sound].argmax() for sound in (one, other))
        assert step - (sounds - 1) == end - start
