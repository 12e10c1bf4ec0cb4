"""A judge of sets of which it is known whether they can be told apart."""

import numpy as np
import pytest

from lmjax.judge import notes_of, shuffled
from lmjax.metrics.discriminator import features, strikes, told_apart

pytestmark = pytest.mark.usefixtures("quick_to_run")
FRAMES = 32


def chorales(count, seed, fifths=False):
    """Voices that move by step, or with a soprano in fifths above the alto."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        steps = generator.integers(-2, 3, (FRAMES // 4, 4))
        pitch = np.array([72, 65, 57, 50]) + np.cumsum(steps, axis=0)
        if fifths:
            pitch[:, 0] = pitch[:, 1] + 7
        pitch = np.repeat(pitch, 4, axis=0).astype(np.int16)
        struck = np.diff(pitch, axis=0, prepend=0) != 0
        made.append(notes_of(pitch, struck))
    return made


def test_what_moves_in_fifths_is_told_apart():
    share, low, _ = told_apart(chorales(20, 0, fifths=True), chorales(25, 1))
    assert share > 0.95 and low > 0.9


def test_it_hears_what_it_is_given_alone():
    ones, others = chorales(30, 0), chorales(30, 1)
    crossed = [notes_of(one.pitch[:, ::-1], one.struck[:, ::-1]) for one in ones]
    assert told_apart(crossed, others)[0] > 0.95
    assert 0.25 < told_apart(crossed, others, heard=strikes)[0] < 0.75
    lively = [notes_of(one.pitch, one.struck | (np.arange(FRAMES)[:, None] % 4 == 2))
              for one in ones]
    assert told_apart(lively, others, heard=strikes)[0] > 0.95


def test_two_sets_of_one_kind_are_not():
    share, low, high = told_apart(chorales(30, 0), chorales(30, 1))
    assert low < 0.5 < high and 0.25 < share < 0.75


def test_features_do_not_change_with_the_key():
    one, = chorales(1, 0)
    up = notes_of((one.pitch + 3).astype(np.int16), one.struck)
    np.testing.assert_array_equal(features(one), features(up))
    other = one.pitch.copy()
    other[8:12, 0] += 1
    other = notes_of(other, np.diff(other, axis=0, prepend=0) != 0)
    assert (features(one) != features(other)).any()


def test_too_few_to_fold():
    with pytest.raises(ValueError, match="needs 5 windows of each kind, not 3"):
        told_apart(chorales(3, 0), chorales(9, 1))


def test_shuffled_beats_keep_each_voices_notes_and_nothing_else():
    one, = chorales(1, 0)
    mixed = shuffled(one, np.random.default_rng(0))
    assert (mixed.pitch != one.pitch).mean() > 0.3
    for voice in range(4):
        np.testing.assert_array_equal(np.sort(mixed.pitch[:, voice]), np.sort(one.pitch[:, voice]))
    assert (mixed.pitch.reshape(-1, 4, 4) == mixed.pitch[::4, None]).all()  # beats are whole
