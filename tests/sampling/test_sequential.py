"""Composing from left to right, by models of which the answer is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.noise.condition import Condition
from lmjax.sampling.sequential import SequentialSettings, choices, generate

VOICES, SIZE = 4, 5
ANY = jnp.ones((VOICES, SIZE), bool), jnp.ones((VOICES, SIZE, SIZE), bool)
LOGITS = jnp.log(jnp.array([0.4, 0.05, 0.3, 0.2, 0.05]))


def shares(**settings):
    return np.asarray(jax.nn.softmax(choices(LOGITS, SequentialSettings(**settings))))


@pytest.mark.parametrize("settings, expected", [
    ({}, [0.4, 0.05, 0.3, 0.2, 0.05]),
    ({"kind": "cold"}, [1, 0, 0, 0, 0]),
    ({"temperature": 0.5}, np.square([8, 1, 6, 4, 1]) / 118),
    ({"top_k": 2}, [4 / 7, 0, 3 / 7, 0, 0]),
    ({"top_k": 1}, [1, 0, 0, 0, 0]),
    ({"top_k": 9}, [0.4, 0.05, 0.3, 0.2, 0.05]),
    ({"top_p": 0.65}, [4 / 7, 0, 3 / 7, 0, 0]),
    ({"top_p": 0.75}, [4 / 9, 0, 3 / 9, 2 / 9, 0]),
    ({"top_p": 1e-6}, [1, 0, 0, 0, 0]),
    ({"top_k": 3, "top_p": 0.45}, [4 / 7, 0, 3 / 7, 0, 0]),
])
def test_choices(settings, expected):
    np.testing.assert_allclose(shares(**settings), expected, atol=1e-6)


def test_what_cannot_be_stays_so():
    logits = LOGITS.at[0].set(-jnp.inf)
    for settings in ({}, {"kind": "cold"}, {"top_k": 2}, {"top_p": 0.5}, {"temperature": 3.0}):
        assert np.isneginf(choices(logits, SequentialSettings(**settings))[0])


@pytest.mark.parametrize("settings, message", [
    ({"kind": "lukewarm"}, "sampler.kind must be one of cold, warm, not 'lukewarm'"),
    ({"temperature": 0.0}, "sampler.temperature must be positive, not 0.0"),
    ({"temperature": -1.0}, "sampler.temperature must be positive, not -1.0"),
    ({"top_k": -1}, "sampler.top_k must not be negative, but is -1"),
    ({"top_p": 0.0}, "sampler.top_p must be above 0 and at most 1, not 0.0"),
    ({"top_p": 1.5}, "sampler.top_p must be above 0 and at most 1, not 1.5"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        SequentialSettings(**settings)


def condition_of(batch, time):
    return Condition.free(jnp.zeros((batch, time, 1), jnp.int32))


def advance(memory, before, tracks, number):
    """A model that remembers nothing but the frame before."""
    del tracks, number
    return memory, before


def one_up(features, here):
    """Surely a step above the voice before or, in the first voice, the frame before."""
    below = jnp.concatenate([features[..., :1], here[..., :-1]], axis=-1)
    return 30.0 * jax.nn.one_hot((below + 1) % SIZE, SIZE)


def drawn(batch=1, time=6, voices=one_up, condition=None, legal=ANY, allowed=None, seed=0,
          **settings):
    condition = (condition_of(batch, time) if condition is None else condition)._replace(
        allowed=allowed)
    keys = jax.random.split(jax.random.key(seed), batch)
    return jax.jit(lambda keys: generate(
        keys, 0, advance, voices, SequentialSettings(**settings), condition, legal))(keys)


def test_each_voice_hears_those_before_it_and_each_frame_the_one_before():
    tokens = np.asarray(drawn().tokens)[0]
    assert tokens[0, 0] == (SIZE + 1) % SIZE
    np.testing.assert_array_equal(tokens[:, 1:], (tokens[:, :-1] + 1) % SIZE)
    np.testing.assert_array_equal(tokens[1:, 0], (tokens[:-1, 0] + 1) % SIZE)


def test_tokens_come_as_often_as_they_should():
    found = drawn(2000, 1, lambda features, here: jnp.broadcast_to(LOGITS, (*here.shape, SIZE)))
    counts = np.bincount(np.asarray(found.tokens).ravel(), minlength=SIZE) / (2000 * VOICES)
    np.testing.assert_allclose(counts, np.exp(LOGITS), atol=0.02)
    entropy = -(np.exp(LOGITS) * LOGITS).sum()
    np.testing.assert_allclose(found.diagnostics.entropy, entropy, rtol=1e-5)


def test_given_cells_stand_and_are_heard():
    known = jnp.zeros((1, 6, VOICES), bool).at[0, 2, 0].set(True).at[0, 3, 2].set(True)
    tokens = jnp.where(known, 4, 0)
    found = np.asarray(drawn(condition=condition_of(1, 6)._replace(
        known=known, tokens=tokens)).tokens)[0]
    assert (found[2, 0], found[2, 1]) == (4, 0)
    assert (found[3, 0], found[3, 2], found[3, 3]) == (0, 4, 0)


def test_what_is_not_allowed_is_not_drawn():
    flat = lambda features, here: jnp.zeros((*here.shape, SIZE))  # noqa: E731
    allowed = jnp.asarray(np.random.default_rng(0).random((8, 40, VOICES, SIZE)) < 0.3)
    allowed = allowed.at[..., 1].set(True)
    for settings in ({}, {"kind": "cold"}, {"top_k": 1}, {"top_p": 0.2}):
        tokens = drawn(8, 40, flat, allowed=allowed, **settings).tokens
        assert jnp.take_along_axis(allowed, tokens[..., None], axis=-1).all()


def test_only_what_is_legal_follows():
    begin = jnp.zeros((VOICES, SIZE), bool).at[:, 2].set(True)
    follow = jnp.asarray(np.roll(np.eye(SIZE, dtype=bool), 2, axis=1))
    found = drawn(3, 5, lambda features, here: jnp.zeros((*here.shape, SIZE)),
                  legal=(begin, jnp.broadcast_to(follow, (VOICES, SIZE, SIZE))))
    expected = (2 + 2 * np.arange(5)) % SIZE
    np.testing.assert_array_equal(
        found.tokens, np.broadcast_to(expected[:, None], (3, 5, VOICES)))
    # Of equal logits token 0 counts as the most probable: it was legal in one frame of five.
    np.testing.assert_array_equal(found.corrected, 4 * VOICES)


def test_padding_is_empty_and_corrects_nothing():
    condition = condition_of(2, 6)
    condition = condition._replace(frames=condition.frames.at[1, 4:].set(False))
    found = drawn(2, condition=condition)
    assert (np.asarray(found.tokens)[1, 4:] == 0).all()
    np.testing.assert_array_equal(found.corrected, 0)


def test_a_chorale_depends_on_its_own_key_alone():
    flat = lambda features, here: jnp.zeros((*here.shape, SIZE))  # noqa: E731
    keys = jax.random.split(jax.random.key(0), 3)

    def draw(keys):
        return np.asarray(generate(keys, 0, advance, flat, SequentialSettings(),
                                   condition_of(len(keys), 9), ANY).tokens)

    every = draw(keys)
    np.testing.assert_array_equal(draw(keys[1:2]), every[1:2])
    assert not np.array_equal(every[0], every[1])
