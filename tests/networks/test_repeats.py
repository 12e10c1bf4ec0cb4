"""What a passage hears of another that repeats it, on music that is seen well and seen ill."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.repeats import BEAT, Repeats, _along, _by_beat, _by_lag

SOUNDS, VOICES, REACH = 20, 4, 8
USUAL = jnp.full((VOICES, SOUNDS), 1 / SOUNDS)


def seen_of(sound, certainty=0.99):
    """The likelihood [1, T, V, S] of states in which the sounds [T, V] are seen that well."""
    return jnp.asarray(certainty * np.eye(SOUNDS)[sound] + (1 - certainty) / SOUNDS, jnp.float32)[
        None]


def random_music(time, seed=0):
    return np.random.default_rng(seed).integers(0, SOUNDS, (time, VOICES))


@pytest.fixture(scope="module")
def params():
    seen = seen_of(random_music(8))
    return Repeats(REACH).init(jax.random.key(0), seen, USUAL, jnp.ones((1, 8), bool))


@pytest.fixture(scope="module")
def hear(params):
    """What cells are told and how likely they repeat something, without the leading axis."""
    apply = jax.jit(Repeats(REACH).apply)

    def measure(seen, frames=None):
        frames = jnp.ones(seen.shape[:2], bool) if frames is None else jnp.asarray(frames)[None]
        return [np.asarray(part[0]) for part in apply(params, seen, USUAL, frames)]
    return measure


def test_a_passage_is_told_what_it_repeats(hear):
    once, bridge = random_music(24), random_music(12, 1)
    sound = np.concatenate([once, bridge, once])
    seen = seen_of(sound)
    # One frame of the second time is not seen at all.
    at = 36 + 11
    told, repeated = hear(seen.at[:, at].set(1.0))
    np.testing.assert_array_equal(told[at].argmax(axis=-1), sound[at])
    assert (repeated[at] > 0.9).all()
    assert (repeated[24:36] < 0.1).all()


def test_what_is_seen_ill_twice_is_as_if_seen_better(hear):
    once = random_music(32)
    seen = seen_of(np.concatenate([once, once]), 0.3)
    told, _ = hear(seen)
    right = np.take_along_axis(told, np.concatenate([once, once])[..., None], -1)[..., 0]
    assert right[8:56].min() > 3.0
    told, _ = hear(seen_of(np.concatenate([once, random_music(32, 1)]), 0.3))
    np.testing.assert_allclose(told, 1, atol=0.2)


def test_one_voice_may_repeat_what_the_others_do_not(hear):
    once, then = random_music(40), random_music(40, 1)
    then[:, 0] = once[:, 0]
    _, repeated = hear(seen_of(np.concatenate([once, then])))
    assert (repeated[52:68, 0] > 0.25).all()
    assert (repeated[:, 1:] < 0.02).all()


@pytest.mark.parametrize("time", [1, 3, 4, 5, 8])
def test_nothing_is_repeated_in_a_beat_or_two(hear, time):
    told, repeated = hear(seen_of(random_music(time)))
    assert told.shape == (time, VOICES, SOUNDS)
    np.testing.assert_allclose(told, 1, atol=0.1)
    np.testing.assert_allclose(repeated, 0, atol=0.01)


def test_frames_that_do_not_exist_are_neither_heard_nor_told(hear):
    once = random_music(24)
    sound = np.concatenate([once, once])
    frames = np.arange(48) < 40
    seen = jnp.where(frames[:, None, None], seen_of(sound), 1.0)
    told, repeated = hear(seen, frames)
    np.testing.assert_allclose(told[40:], 1, atol=1e-6)
    np.testing.assert_allclose(repeated[40:], 0, atol=1e-6)
    shorter, _ = hear(seen[:, :40])
    np.testing.assert_allclose(told[:40], shorter, rtol=1e-4)


def test_what_is_told_of_a_transposed_piece_is_transposed(hear):
    once = random_music(16) // 2
    seen = seen_of(np.concatenate([once, once]))
    told, repeated = hear(seen)
    higher, as_likely = hear(jnp.roll(seen, 3, axis=-1))
    np.testing.assert_allclose(np.roll(told, 3, axis=-1), higher, rtol=1e-5)
    np.testing.assert_allclose(repeated, as_likely, rtol=1e-5)


def test_odds_are_those_of_all_sequences():
    generator = np.random.default_rng(0)
    time = 5
    evidence = generator.normal(size=(time, 2))
    lasting, beginning = np.array([1.0, 2.0]), np.array([-1.0, -2.5])
    odds = _along(*(jnp.asarray(a, jnp.float32) for a in (evidence, lasting, beginning)))
    stay, enter = 1 / (1 + np.exp(-lasting)), 1 / (1 + np.exp(-beginning))
    for chain, at in itertools.product(range(2), range(time)):
        change = np.array([[1 - enter[chain], enter[chain]], [1 - stay[chain], stay[chain]]])
        first = np.array([1 - stay[chain], enter[chain]])
        weight = np.zeros(2)
        for states in itertools.product(range(2), repeat=time):
            here = first[states[0]]
            for one, two in itertools.pairwise(states):
                here *= change[one, two]
            heard = [evidence[t, chain] for t in range(time) if states[t] and t != at]
            weight[states[at]] += here * np.exp(sum(heard))
        assert odds[at, chain] == pytest.approx(np.log(weight[1] / weight[0]), abs=1e-4)


def test_lags_are_pairs_of_beats():
    beats = 5
    pairs = np.random.default_rng(0).normal(size=(2, BEAT, 3, beats, beats))
    lags = np.asarray(_by_lag(jnp.asarray(pairs)))
    back = np.asarray(_by_beat(jnp.asarray(lags)))
    for one, two, place in itertools.product(range(beats), range(beats), range(BEAT)):
        if two > one:
            np.testing.assert_allclose(
                lags[BEAT * one + place, ..., two - one - 1], pairs[:, place, :, one, two],
                rtol=1e-6)
            np.testing.assert_allclose(back[:, place, :, one, two], pairs[:, place, :, one, two],
                                       rtol=1e-6)
        else:
            assert np.isneginf(back[:, place, :, one, two]).all()


def test_gradients_are_finite_and_reach_every_parameter(params):
    once = random_music(16)
    seen = seen_of(np.concatenate([once, once, random_music(16, 1)]), 0.6)
    frames = (jnp.arange(48) < 44)[None]
    seen = jnp.where(frames[..., None, None], seen, 1.0)

    def total(params):
        told, repeated = Repeats(REACH).apply(params, seen, USUAL, frames)
        return jnp.log(told[..., 3:]).sum() + repeated.sum()
    slopes = jax.grad(total)(params)["params"]
    for name, slope in slopes.items():
        assert np.isfinite(slope).all(), name
        assert (slope != 0).all(), name
