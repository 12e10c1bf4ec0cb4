import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.smoothing import (
    LARGEST_RATIO,
    LEAST,
    LEAST_HEARD,
    distribution,
    holding,
    likelihood,
    listen,
    same_note,
    shifted,
)

TIME, VOICES, SIZE = 5, 2, 3
by_network = jax.jit(listen)


def weights(seed=0):
    """Of one example: seen [T, V, S], hold [T, V], fresh [T, V, S] and motion [V, S, S]."""
    generator = np.random.default_rng(seed)
    return (generator.uniform(0.01, 1.0, (TIME, VOICES, SIZE)),
            generator.uniform(0.1, 0.9, (TIME, VOICES)),
            generator.dirichlet(np.ones(SIZE), (TIME, VOICES)),
            generator.uniform(0.1, 2.0, (VOICES, SIZE, SIZE)))


def found(seen, hold, fresh, motion):
    """The chain of one example: its messages, filtered and posterior, float[T, V, S] each."""
    rows = [jnp.asarray(a, jnp.float32)[None] for a in (seen, hold, fresh)]
    chain = by_network(*rows, jnp.asarray(motion, jnp.float32))
    return [np.asarray(part)[0] for part in (
        chain.before, chain.after, chain.filtered, chain.posterior)]


def normal(shares):
    return shares / shares.sum(-1, keepdims=True)


def by_sequences(seen, hold, fresh, motion):
    """The same for one voice, each as a distribution, from the sum over all sequences of states."""
    states = np.array(list(itertools.product(range(SIZE), repeat=TIME)))
    step = np.ones(states.shape)
    step[:, 0] = fresh[0, states[:, 0]]
    for t in range(1, TIME):
        last, here = states[:, t - 1], states[:, t]
        step[:, t] = (hold[t] * (here == last)
                      + (1 - hold[t]) * fresh[t, here] * motion[last, here])
    heard = seen[np.arange(TIME), states]
    sums = np.zeros((4, TIME, SIZE))
    for t, state in itertools.product(range(TIME), range(SIZE)):
        there = states[:, t] == state
        until, later = step[:, :t + 1].prod(1), step[:, t + 1:].prod(1)
        sums[0, t, state] = (until * heard[:, :t].prod(1))[there].sum()
        sums[1, t, state] = (later * heard[:, t + 1:].prod(1))[there].sum()
        sums[2, t, state] = (until * heard[:, :t + 1].prod(1))[there].sum()
        sums[3, t, state] = (until * later * heard.prod(1))[there].sum()
    return normal(sums)


def test_messages_are_sums_over_all_sequences():
    chain = weights()
    parts = found(*chain)
    for voice in range(VOICES):
        seen, hold, fresh = (part[:, voice] for part in chain[:3])
        expected = by_sequences(seen, hold, fresh, chain[3][voice])
        for part, sums in zip(parts, expected, strict=True):
            np.testing.assert_allclose(normal(part[:, voice]), sums, rtol=1e-4)


def test_where_every_motion_weighs_the_same_notes_are_drawn_as_they_are_fresh():
    """Then the weights are probabilities, and so is the message from before."""
    seen, hold, fresh, _ = weights()
    before, _, filtered, _ = found(seen, hold, fresh, np.ones((VOICES, SIZE, SIZE)))
    held = hold[1:, :, None]
    np.testing.assert_allclose(
        before[1:], held * filtered[:-1] + (1 - held) * fresh[1:], rtol=1e-4)
    np.testing.assert_allclose(before.sum(-1), 1, rtol=1e-5)


def test_the_first_frame_is_drawn_and_nothing_is_held_into_it():
    seen, hold, fresh, motion = weights()
    parts = found(seen, hold, fresh, motion)
    np.testing.assert_allclose(parts[0][0], fresh[0], rtol=1e-6)
    np.testing.assert_array_equal(parts[1][-1], np.ones((VOICES, SIZE)))
    hold[0] = 0.99
    for one, other in zip(parts, found(seen, hold, fresh, motion), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_frame_alone_hears_nothing():
    fresh = jnp.array([[[[0.2, 0.8]]]])
    chain = by_network(
        jnp.array([[[[1.0, 0.1]]]]), jnp.array([[[0.9]]]), fresh, jnp.ones((1, 2, 2)))
    np.testing.assert_allclose(chain.before, fresh)
    np.testing.assert_array_equal(chain.after, jnp.ones_like(fresh))


def test_a_long_chain_of_what_is_unlikely_stays_within_float32():
    """Two notes in turn, each as sure as can be, in a chain that would hold every note."""
    time, exists = 400, jnp.array([[True, True, False]])
    note = np.arange(time) // 4 % 2
    seen = likelihood(
        jnp.where(np.arange(3) == note[:, None], 0.0, 2 * LEAST_HEARD)[None, :, None], exists)
    hold = holding(jnp.full((1, time, 1), 100.0))
    fresh = jnp.broadcast_to(distribution(jnp.zeros((1, 3)), exists), seen.shape)
    posterior = np.asarray(by_network(seen, hold, fresh, jnp.ones((1, 3, 3))).posterior)[0, :, 0]
    # A change costs a two-thousandth, to miss even one frame far more.
    assert (posterior[np.arange(time), note] > 0.95).all()
    assert (posterior[:, 2] == 0).all()


def test_a_distribution_by_hand():
    exists = jnp.array([[True, True, True], [True, True, False]])
    shares = distribution(jnp.log(jnp.array([[1.0, 2.0, 5.0], [1.0, 3.0, 99.0]])), exists)
    by_hand = [[1 / 8, 2 / 8, 5 / 8], [1 / 4, 3 / 4, 0]]
    floor = [[1 / 3, 1 / 3, 1 / 3], [1 / 2, 1 / 2, 0]]
    np.testing.assert_allclose(
        shares, (1 - LEAST) * np.array(by_hand) + LEAST * np.array(floor), rtol=1e-5)


def test_what_exists_is_never_impossible_and_what_does_not_always_is():
    exists = jnp.array([[True, True, True, False]])
    shares = distribution(jnp.array([[200.0, -200.0, 0.0, 500.0]]), exists)[0]
    np.testing.assert_allclose(
        shares, [1 - 2 * LEAST / 3, LEAST / 3, LEAST / 3, 0], rtol=1e-5)
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-6)


def test_holding_is_never_certain():
    np.testing.assert_allclose(
        holding(jnp.array([-500.0, 0.0, jnp.log(3.0), 500.0])),
        [LEAST, 0.5, LEAST + (1 - 2 * LEAST) * 0.75, 1 - LEAST], rtol=1e-5)


def test_a_likelihood_is_bounded_below_where_a_state_exists():
    heard = jnp.array([[0.0, -1.0, -50.0, -1.0]])
    seen = likelihood(heard, jnp.array([[True, True, True, False]]))
    np.testing.assert_allclose(seen, [[1, np.exp(-1), np.exp(LEAST_HEARD), 0]], rtol=1e-5)


@pytest.mark.parametrize("offset, expected", [
    (1, [2, 3, 4, 0]), (-2, [0, 0, 1, 2]), (0, [1, 2, 3, 4]), (4, [0] * 4), (9, [0] * 4),
    (-9, [0] * 4)])
def test_shifted_by_hand(offset, expected):
    np.testing.assert_array_equal(shifted(jnp.arange(1.0, 5.0)[None], offset), [expected])


def test_shifted_moves_frames_and_leaves_the_rest():
    x = jnp.arange(12.0).reshape(1, 3, 2, 2)
    np.testing.assert_array_equal(
        shifted(x, 1), jnp.concatenate([x[:, 1:], jnp.zeros((1, 1, 2, 2))], axis=1))


def test_same_note_by_hand():
    """Two frames, two voices of two sounds: mean(p q) / (mean(p) mean(q)), in nats."""
    heard = jnp.log(jnp.array([[[[1.0, 0.5], [1.0, 0.0625]], [[1.0, 0.25], [0.125, 1.0]]]]))
    first = np.log((1 + 0.125) / 2 / (1.5 / 2 * 1.25 / 2))
    second = np.log((0.125 + 0.0625) / 2 / (1.0625 / 2 * 1.125 / 2))
    assert first > 0 > second
    # The columns: the frame after, the frame before, two after, two before; in each, the voices.
    np.testing.assert_allclose(
        jax.jit(same_note, static_argnums=1)(heard, 2),
        [[[first, second, 0, 0, 0, 0, 0, 0], [0, 0, first, second, 0, 0, 0, 0]]], atol=1e-5)


def test_same_note_of_frames_that_are_further_apart():
    """The first and the third of three frames are the same for sure, one of two sounds."""
    heard = 1000.0 * jnp.array([[0.0, -1.0], [-1.0, 0.0], [0.0, -1.0]])[None, :, None]
    same, other = np.log(2), -LARGEST_RATIO
    np.testing.assert_allclose(
        jax.jit(same_note, static_argnums=1)(heard, 2)[0],
        [[other, 0, same, 0], [other, other, 0, 0], [0, other, 0, same]], atol=1e-5)


def test_same_note_says_nothing_of_a_frame_of_which_nothing_is_heard():
    heard = jnp.array([[[[0.0, -3.0]], [[0.0, 0.0]]]])
    np.testing.assert_allclose(jax.jit(same_note, static_argnums=1)(heard, 1), jnp.zeros((1, 2, 2)),
                               atol=1e-6)


def test_same_note_passes_no_gradient():
    heard = jnp.log(jnp.array([[[[1.0, 0.5]], [[1.0, 0.25]]]]))
    gradient = jax.jit(jax.grad(lambda heard: same_note(heard, 1).sum()))(heard)
    np.testing.assert_array_equal(gradient, jnp.zeros_like(heard))
