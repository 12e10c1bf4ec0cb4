"""Figures of order-agnostic models of which the answer is known."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.data.jsb import piece_of_pitches
from lmjax.metrics.likelihood import Likelihood, parts_of
from lmjax.metrics.orders import ORDERS, build_framewise, build_measure, framewise, order_bound
from lmjax.music.tokens import Vocabulary
from lmjax.noise.condition import hide

VOICES, SIZE = 2, 2
# A joint distribution of one frame of two voices; frames are independent of each other.
JOINT = np.array([[0.5, 0.1], [0.15, 0.25]])


def conditionals(params, condition):
    """Its exact conditionals."""
    def of_voice(joint, other, known):
        given = joint[other] / joint.sum(axis=1)[other][..., None]
        return jnp.log(jnp.where(known[..., None], given, joint.sum(axis=0)))

    joint = jnp.asarray(JOINT)
    return jnp.stack([
        of_voice(joint.T, condition.tokens[..., 1], condition.known[..., 1]),
        of_voice(joint, condition.tokens[..., 0], condition.known[..., 0])], axis=2)


def batch(tokens):
    tokens = jnp.asarray(tokens)
    return (tokens, jnp.zeros((*tokens.shape[:2], 1), jnp.int32),
            jnp.ones(tokens.shape[:2], bool))


def test_hidden_sets_are_uniform_of_every_size():
    cells = jnp.ones((4000, 1, 3), bool).at[:, :, 0].set(False)
    keys = jax.random.split(jax.random.key(0), 4000)
    for level, count in ((0.0, 1), (0.49, 1), (0.5, 2), (0.99, 2)):
        hidden, weight = hide(keys, jnp.full(4000, level), cells)
        hidden = np.asarray(hidden)
        assert (hidden.sum((1, 2)) == count).all() and not hidden[:, 0, 0].any()
        np.testing.assert_allclose(weight, 2 / count)
        np.testing.assert_allclose(hidden[:, 0, 1:].mean(0), count / 2,
                                   atol=4 * 0.5 / np.sqrt(4000))


def test_of_exact_conditionals_the_bound_is_the_likelihood():
    frames = [list(pair) for pair in itertools.product(range(2), repeat=2)]
    tokens = np.array([frames] * 4000)  # one piece of four frames
    level = (np.arange(4000) + 0.5) / 4000
    found = np.asarray(build_measure(conditionals)(
        {}, jax.random.split(jax.random.key(0), 4000), *batch(tokens), np.zeros(4000, int), level))
    exact = -np.log(JOINT).sum()
    assert abs(found.mean() - exact) < 4 * found.std() / np.sqrt(4000)
    # Frames before `new` are given, and not counted.
    found = np.asarray(build_measure(conditionals)(
        {}, jax.random.split(jax.random.key(1), 4000), *batch(tokens), np.full(4000, 3), level))
    assert abs(found.mean() + np.log(JOINT[1, 1])) < 4 * found.std() / np.sqrt(4000)


@pytest.mark.parametrize("tokens", list(itertools.product(range(2), repeat=2)))
def test_framewise_each_voice_hears_the_most_probable_of_those_before(tokens):
    found = np.asarray(build_framewise(conditionals)(
        {}, jax.random.split(jax.random.key(0), 500), *batch([[list(tokens)]] * 500),
        np.zeros(500, int)))
    first = JOINT.sum(axis=1)[tokens[0]] * JOINT[0, tokens[1]] / JOINT[0].sum()
    second = JOINT.sum(axis=0)[tokens[1]] * JOINT[tokens[0], 0] / JOINT[:, 0].sum()
    known = np.log([first, second])
    nearest = np.abs(found[:, None] - known).argmin(axis=1)
    np.testing.assert_allclose(found, known[nearest], rtol=1e-5)
    if abs(known[0] - known[1]) > 1e-3:  # in either order as often
        assert abs(nearest.mean() - 0.5) < 4 * 0.5 / np.sqrt(500)


def test_framewise_other_frames_are_given_in_any_number():
    def counting(params, condition):
        number = condition.known.all(-1).sum(-1)  # frames that are given
        chosen = jax.nn.one_hot(number, SIZE + 3)[:, None, None]
        return jnp.broadcast_to(jnp.log(chosen + 1e-6), (*condition.known.shape, SIZE + 3))

    time = 4
    shares = []
    for number in range(time):
        found = np.asarray(build_framewise(counting)(
            {}, jax.random.split(jax.random.key(0), 2000),
            *batch(np.full((2000, time, VOICES), number)), np.full(2000, 2)))
        shares.append((found > -1).mean())
    np.testing.assert_allclose(shares, 1 / time, atol=4 * np.sqrt(0.1875 / 2000))


def test_pieces_are_put_together():
    """Windows of unequal length, a model that finds every token as likely."""
    pieces = [piece_of_pitches(np.full((n, 4), 60, np.int16), str(n)) for n in (5, 12)]
    parts = parts_of(pieces, Vocabulary(), 8, 4, ())

    def flat(params, condition):
        return jnp.zeros((*condition.known.shape, 200))

    found = order_bound(build_measure(flat), {}, parts, 3, 2)
    np.testing.assert_allclose(found.nats, 4 * math.log(200) * np.array([5, 12]), rtol=1e-5)
    assert found.frames.tolist() == [5, 12]
    beside = framewise(build_framewise(flat), {}, parts, 2 * ORDERS)
    assert type(beside) is Likelihood and beside.frames.tolist() == [5, 12]
    assert beside.per_frame == pytest.approx(4 * math.log(200), rel=1e-5)
