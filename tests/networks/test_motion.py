"""How voices are found to move, on chains that are certain and on one that is not."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks.motion import MOVES, STEPS, Moves, over_octaves, pulse
from lmjax.networks.repeats import BEAT
from lmjax.networks.smoothing import listen

LOW, HIGH = 60, 64
UP, DOWN = len(STEPS), len(STEPS) + 1


@pytest.fixture(scope="module")
def space(space_of):
    return space_of(Vocabulary(ranges=((LOW, HIGH),) * 4))


@pytest.fixture(scope="module")
def read(space):
    """The chain of seen, hold, fresh and steps, and what its moves are, [B, T, V, Q]."""
    @jax.jit
    def measure(seen, hold, fresh, steps):
        motion = jnp.exp(jnp.einsum("vi,vsri->vsr", steps, space.steps))
        moves = Moves(space, chain := listen(seen, hold, fresh, motion))
        return chain, moves.taken(), *jax.tree.map(
            lambda x: x.transpose(2, 3, 0, 1), (moves.heard, moves.leaving()))
    return measure


def random_weights(space, time=3):
    generator = np.random.default_rng(0)
    size = space.sounds.shape[-1]
    return [jnp.asarray(a, jnp.float32) for a in (
        generator.uniform(0.01, 1, (1, time, 4, size)), generator.uniform(0.1, 0.9, (1, time, 4)),
        generator.dirichlet(np.ones(size), (1, time, 4)),
        generator.normal(0, 0.5, (4, 2 * size - 1)))]


def test_a_step_is_told_and_a_held_note_is_none(space, read):
    pitch = np.array([[60, 60, 64, -1], [62, 60, 61, 61]])
    size = space.sounds.shape[-1]
    sound = np.where(pitch < 0, 0, pitch - LOW + 1)
    seen = jnp.asarray(np.eye(size)[sound] + 1e-6, jnp.float32)[None]
    hold, fresh = jnp.full((1, 2, 4), 0.5), jnp.full(seen.shape, 1 / size)
    taken = np.asarray(read(seen, hold, fresh, jnp.zeros((4, 2 * size - 1)))[1])[0]
    expected = np.zeros((4, MOVES))
    expected[0, [STEPS.index(2), UP]] = 1
    expected[2, [STEPS.index(-3), DOWN]] = 1
    np.testing.assert_allclose(taken[1], expected, atol=1e-4)
    np.testing.assert_allclose(taken[0], 0, atol=1e-4)


def test_the_pulse_is_the_mean_of_each_place_in_a_beat_beginning_at_ones_own():
    taken = np.random.default_rng(0).uniform(size=(2, 11, 3)).astype(np.float32)
    present = np.arange(11) < [[11], [6]]
    heard = np.asarray(pulse(jnp.asarray(taken), jnp.asarray(present))).reshape(2, 11, BEAT, 3)
    for piece, length in enumerate((11, 6)):
        for frame, later in itertools.product(range(11), range(BEAT)):
            mean = taken[piece, :length][(frame + later) % BEAT::BEAT].mean(axis=0)
            np.testing.assert_allclose(heard[piece, frame, later], mean, rtol=1e-5)


def test_a_place_in_a_beat_where_nothing_is_present_has_no_moves():
    taken, present = jnp.ones((1, 8, 2)), jnp.arange(8)[None] < 2
    heard = np.asarray(pulse(taken, present)).reshape(8, BEAT, 2)
    np.testing.assert_array_equal(heard[:, :, 0], [[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 1],
                                                   [0, 1, 1, 0]] * 2)


def test_moves_are_sums_over_all_sequences(space, read):
    seen, hold, fresh, steps = random_weights(space)
    _, taken, *_ = read(seen, hold, fresh, steps)
    size, voice = space.sounds.shape[-1], 1
    motion = np.exp(np.einsum("i,sri->sr", np.asarray(steps)[voice], space.steps[voice]))
    seen, hold, fresh = (np.asarray(part)[0, :, voice] for part in (seen, hold, fresh))
    sums, total = np.zeros(MOVES), 0.0  # into the second of three frames
    for states in itertools.product(range(size), repeat=3):
        first, second, third = states
        moved = (1 - hold[1]) * fresh[1, second] * motion[first, second]
        held = hold[1] * (first == second)
        rest = fresh[0, first] * seen[range(3), states].prod() * (
            hold[2] * (second == third) + (1 - hold[2]) * fresh[2, third] * motion[second, third])
        total += rest * (moved + held)
        if first and second:  # 0 is a rest
            step = second - first
            if step in STEPS:
                sums[STEPS.index(step)] += rest * moved
            if step:
                sums[UP if step > 0 else DOWN] += rest * moved
    np.testing.assert_allclose(np.asarray(taken)[0, 1, voice], sums / total, rtol=1e-4)


def test_what_a_pitch_hears_is_its_posterior(space, read):
    chain, _, heard, _ = read(*random_weights(space))
    before, laid = (jnp.einsum("btvs,vsq->btvq", shares, space.octaves)
                    for shares in (chain.before, chain.posterior))
    np.testing.assert_allclose(before * heard, laid, rtol=1e-4, atol=1e-7)


def test_leaving_is_a_part_of_what_comes_after(space, read):
    """Held, redrawn, or moved by some step: where every step is counted, nothing is missing."""
    seen, hold, fresh, steps = random_weights(space)
    fresh = fresh.at[..., 0].set(0.0)  # no rest follows
    chain, *_, (parts, whole) = read(seen, hold, fresh, steps)
    after = jnp.einsum("btvs,vsq->btvq", chain.after, space.octaves)
    shares = np.asarray(whole)[0, 0] / np.asarray(after)[0, 0].clip(1e-9)
    exists = np.asarray(after)[0, 0] > 0
    for voice in range(4):  # the same up to a factor of the frame
        np.testing.assert_allclose(shares[voice][exists[voice]], shares[voice][exists[voice]][0],
                                   rtol=1e-4)
    joint = np.einsum("vs,vsq->vq", (chain.seen * chain.after)[0, 1], space.octaves)
    drawn = np.einsum("vs,vsq->vq", fresh[0, 1], space.octaves) * joint
    size = space.sounds.shape[-1]
    same = np.exp(np.asarray(steps))[:, [size - 1]]
    held = np.asarray(hold)[0, 1][:, None]
    total = held * joint + (1 - held) * same * drawn + np.asarray(sum(parts))[0, 0]
    np.testing.assert_allclose(total, np.asarray(whole)[0, 0], rtol=1e-4, atol=1e-7)


def test_octaves_are_summed():
    summed = over_octaves(jnp.arange(24.0).reshape(1, 24, 1, 1))
    np.testing.assert_array_equal(summed[0, :, 0, 0], 12 + 2 * jnp.arange(12.0))
