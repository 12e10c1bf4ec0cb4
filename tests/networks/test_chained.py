"""What a voice hears of how those before it have moved."""

import jax
import numpy as np
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks.chained import GAIN, Motions

RANGES, FRAMES = ((64, 80), (57, 70), (50, 66)), 40
LOWEST, PITCHES, REST = 50, 31, -1


@pytest.fixture(scope="module")
def motions(space_of):
    return Motions(space_of(Vocabulary(ranges=(*RANGES, (50, 60)))))


def lines(seed, rest):
    """Pitches int[T, 3] at random, or `REST`."""
    generator = np.random.default_rng(seed)
    pitch = np.stack([generator.integers(low, high + 1, FRAMES) for low, high in RANGES], axis=1)
    return np.where(generator.random(pitch.shape) < rest, REST, pitch)


def laid_out(pitch):
    """On the pitch axis, [1, T, P, V]."""
    return (pitch[None, :, None] == np.arange(LOWEST, LOWEST + PITCHES)[:, None]).astype(np.float32)


def test_each_pitch_is_worth_its_entries_of_the_table(motions):
    left, here, v = lines(0, 0.2), lines(1, 0.2), 2
    table = np.random.default_rng(2).normal(size=(v, 2, 12, 12)).astype(np.float32)
    told = jax.jit(motions.apply)({"params": {"table": table / GAIN}}, laid_out(left),
                                  laid_out(here[:, :v]))
    expected = np.zeros((FRAMES, PITCHES))
    for t, place in np.ndindex(expected.shape):
        c, p = left[t, v], LOWEST + place
        for u in range(v):
            a, b = left[t, u], here[t, u]
            if REST not in (a, b, c) and a != b and p != c:
                other = int((b > a) != (p > c))
                expected[t, place] += table[u, other, (c - a) % 12, (p - b) % 12]
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(told[0], expected, atol=1e-4)


def test_parallel_fifths_can_be_refused_alone(motions):
    """A below E, then B below F sharp: a fifth moved by a tone; contrary motion is left alone."""
    table = np.zeros((1, 2, 12, 12), np.float32)
    table[0, 0, 5, 5] = -3 / GAIN  # the lower voice a fifth below, before and after
    told = motions.apply({"params": {"table": table}}, laid_out(np.array([[64, 57]])),
                         laid_out(np.array([[66]])))
    refused = {LOWEST + int(place): float(told[0, 0, place]) for place in np.flatnonzero(told)}
    assert refused == {59: -3.0, 71: -3.0}
