"""What voices hear of one another's motion, on chains that are certain."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.music.tokens import Vocabulary
from lmjax.networks.pairs import GAIN, VoicePairs
from lmjax.networks.smoothing import Chain, listen

LOW, HIGH = 48, 71
SOPRANO, BASS = 0, 3
REACHED, ALIKE, LEFT = range(3)  # the tables: by one step, in one direction, and onwards by one
FIFTH, THIRD = 7, 4


@pytest.fixture(scope="module")
def pairs(space_of):
    return VoicePairs(space_of(Vocabulary(ranges=((LOW, HIGH),) * 4)))


@pytest.fixture(scope="module")
def apply(pairs):
    return jax.jit(pairs.apply)


@pytest.fixture(scope="module")
def said(pairs, apply):
    """What pairs say of the notes that sound, [T, V] twice, for pitches [T, V] and one entry."""
    size = pairs.space.sounds.shape[-1]
    motion = np.tile(np.exp(-0.1 * np.abs(np.arange(size) - np.arange(size)[:, None])), (4, 1, 1))

    def measure(pitch, entry, value=1.0, present=None):
        pitch = np.asarray(pitch)
        sound = np.where(pitch < 0, 0, pitch - LOW + 1)  # the first is a rest
        seen = jnp.asarray(0.99 * np.eye(size)[sound] + 1e-6, jnp.float32)[None]
        hold = np.full((1, *pitch.shape), 0.5)
        hold[0, 1:][pitch[1:] != pitch[:-1]] = 0.01
        hold[0, :][np.asarray(present if present is not None else [True] * len(pitch)) == 0] = 1.0
        fresh = jnp.full(seen.shape, 1 / size)
        chain = listen(seen, jnp.asarray(hold), fresh, jnp.asarray(motion))
        tables = np.zeros((3, 4, 4, 12))
        if entry is not None:
            tables[entry] = value / GAIN
        else:
            tables += value / GAIN
        both = apply({"params": {"tables": jnp.asarray(tables, jnp.float32)}}, chain)
        return [np.take_along_axis(np.asarray(part[0]), sound[..., None], -1)[..., 0]
                for part in both]
    return measure


def test_a_parallel_is_told_to_the_voice_that_reaches_it(said):
    # Bass and soprano, a fifth apart, go up a tone together.
    pitch = [[55, 60, 64, 48], [57, 60, 64, 50], [57, 60, 64, 50]]
    arriving, leaving = said(pitch, (REACHED, BASS, SOPRANO, FIFTH))
    np.testing.assert_allclose(arriving[1], [1, 0, 0, 0], atol=2e-2)
    np.testing.assert_allclose(arriving[[0, 2]], 0, atol=2e-2)
    np.testing.assert_allclose(leaving, 0, atol=1e-6)


def test_and_to_the_note_from_which_it_is_reached(said):
    pitch = [[55, 60, 64, 48], [57, 60, 64, 50], [57, 60, 64, 50]]
    arriving, leaving = said(pitch, (LEFT, BASS, SOPRANO, FIFTH))
    np.testing.assert_allclose(leaving[0], [1, 0, 0, 0], atol=2e-2)
    np.testing.assert_allclose(leaving[1:], 0, atol=2e-2)
    np.testing.assert_allclose(arriving, 0, atol=1e-6)


@pytest.mark.parametrize("pitch", [
    [[55, 60, 64, 48], [57, 60, 64, 53]],  # by other steps
    [[55, 60, 64, 48], [57, 60, 64, 48]],  # the bass stays
    [[57, 60, 64, 50], [57, 60, 64, 50]],  # both stay
    [[55, 60, 64, 51], [57, 60, 64, 53]],  # a third
    [[-1, 60, 64, 48], [57, 60, 64, 50]],  # out of a rest
])
def test_what_is_no_parallel_is_not(said, pitch):
    np.testing.assert_allclose(said(pitch, (REACHED, BASS, SOPRANO, FIFTH))[0][1], 0, atol=2e-2)


def test_intervals_are_counted_from_the_other_voice_modulo_the_octave(said):
    for pitch, interval in (([[64, 60, 64, 48], [66, 60, 64, 50]], THIRD),
                            ([[52, 60, 64, 60], [54, 60, 64, 62]], THIRD),
                            ([[67, 60, 64, 48], [69, 60, 64, 50]], FIFTH)):
        np.testing.assert_allclose(
            said(pitch, (REACHED, BASS, SOPRANO, interval))[0][1, SOPRANO], 1, atol=2e-2)


def test_similar_motion_is_any_two_steps_in_one_direction(said):
    entry = (ALIKE, BASS, SOPRANO, FIFTH)
    for before, alike in (([54, 60, 64, 48], 1), ([50, 60, 64, 48], 1), ([59, 60, 64, 52], 1),
                          ([55, 60, 64, 52], 0), ([59, 60, 64, 48], 0), ([57, 60, 64, 48], 0)):
        arriving, _ = said([before, [57, 60, 64, 50]], entry)
        np.testing.assert_allclose(arriving[1], [alike, 0, 0, 0], atol=2e-2)


@pytest.mark.parametrize("entry", [-3.0, 1.5])
def test_what_is_told_makes_a_pair_exact(space_of, entry):
    """Two frames of two voices are a tree, on which messages give exact posteriors."""
    low, high = 60, 64
    space = space_of(Vocabulary(ranges=((low, high),) * 4))
    generator = np.random.default_rng(0)
    size = high - low + 2  # the first is a rest
    seen = generator.uniform(0.01, 1, (2, 4, size))
    hold = generator.uniform(0.2, 0.8, (2, 4))
    fresh = generator.dirichlet(np.ones(size), (2, 4))
    motion = np.exp(np.einsum("vi,vsri->vsr", generator.normal(0, 0.5, (4, 2 * size - 1)),
                              space.steps))
    chain = listen(*(jnp.asarray(a, jnp.float32) for a in (
        seen[None], hold[None], fresh[None], motion)))
    interval = 2
    tables = np.zeros((3, 4, 4, 12))
    tables[[REACHED, LEFT], BASS, SOPRANO, interval] = entry / GAIN
    arriving, leaving = VoicePairs(space).apply(
        {"params": {"tables": jnp.asarray(tables, jnp.float32)}}, chain)

    def joint(voice):
        """The weight of every two states, the first frame's and the second's."""
        moved = hold[1, voice] * np.eye(size) + (1 - hold[1, voice]) * motion[voice] * fresh[
            1, voice]
        return (fresh[0, voice] * seen[0, voice])[:, None] * moved * seen[1, voice]

    weights = np.einsum("ab,cd->abcd", joint(SOPRANO), joint(BASS))
    for a, b, c, d in itertools.product(range(1, size), repeat=4):
        if b - a == d - c != 0 and b - d == interval:
            weights[a, b, c, d] *= np.exp(entry)
    exact = weights.sum(axis=(2, 3)) / weights.sum()
    told = listen(chain.seen, chain.hold, chain.fresh * jnp.exp(arriving), chain.motion)
    np.testing.assert_allclose(told.posterior[0, 1, SOPRANO], exact.sum(axis=0), atol=1e-5)
    told = listen(chain.seen * jnp.exp(leaving), chain.hold, chain.fresh, chain.motion)
    np.testing.assert_allclose(told.posterior[0, 0, SOPRANO], exact.sum(axis=1), atol=1e-5)


def test_a_voice_is_not_told_of_itself(said):
    alone = [[55, 60, 64, 48], [57, 60, 64, 48]]
    for part in said(alone, None):
        np.testing.assert_allclose(part, 0, atol=0.1)
    together = [[55, 60, 64, 48], [57, 62, 66, 50]]
    arriving, leaving = said(together, None)
    # Of three others, by one step and in one direction; onwards, by the step alone.
    np.testing.assert_allclose(arriving[1], 6, atol=0.2)
    np.testing.assert_allclose(leaving[0], 3, atol=0.2)


def test_frames_that_do_not_exist_are_silent(said):
    pitch = [[55, 60, 64, 48], [57, 60, 64, 50]]
    arriving, leaving = said(pitch, (LEFT, BASS, SOPRANO, FIFTH), present=[1, 0])
    np.testing.assert_array_equal(leaving, 0)
    np.testing.assert_array_equal(arriving[1], 0)


def test_it_starts_silent_and_teaches_the_chains_nothing(pairs, apply):
    shape = (1, 3, 4, pairs.space.sounds.shape[-1])
    shares = jax.nn.softmax(jax.random.normal(jax.random.key(0), shape))
    chain = Chain(shares, jnp.full(shape[:3], 0.3), shares, jnp.ones((4, *shape[-1:] * 2)) / 25,
                  shares, shares)
    params = pairs.init(jax.random.key(0), chain)
    for part in apply(params, chain):
        assert part.shape == shape
        np.testing.assert_array_equal(part, 0)
    loud = jax.tree.map(jnp.ones_like, params)
    slopes = jax.grad(lambda chain: sum(part.sum() for part in apply(loud, chain)))(chain)
    assert all((slope == 0).all() for slope in slopes)
    slope, = jax.tree.leaves(jax.grad(
        lambda params: sum(part.sum() for part in apply(params, chain)))(params))
    assert (slope != 0).sum() == 3 * 4 * 3 * 12  # all but those of a voice with itself


def test_a_move_that_all_refuse_is_a_number_still(pairs, apply):
    """Also where shares of moves, rounded, sum to more than 1."""
    size = pairs.space.sounds.shape[-1]
    sound = np.array([[20, 13, 9, 1], [22, 15, 11, 3], [22, 15, 11, 3]])
    seen = jnp.asarray(np.eye(size)[sound], jnp.float32)[None]
    hold = jnp.zeros((1, *sound.shape))
    chain = listen(seen, hold, jnp.full(seen.shape, 1 / size), jnp.ones((4, size, size)))
    rounded = chain._replace(before=chain.before * (1 - 1e-3), fresh=chain.fresh * (1 + 1e-3))
    tables = jnp.full((3, 4, 4, 12), -100.0)
    for each in (chain, rounded):
        for part in apply({"params": {"tables": tables}}, each):
            assert np.isfinite(part).all() and np.min(part) < -5
