"""Gibbs sampling, by models of which the answer is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.noise.condition import Condition
from lmjax.sampling.gibbs import GibbsSettings, generate, one_cell, redraw

VOICES, SIZE = 2, 2
ANY = jnp.ones((VOICES, SIZE), bool), jnp.ones((VOICES, SIZE, SIZE), bool)


def condition_of(batch, time):
    return Condition.free(jnp.zeros((batch, time, 1), jnp.int32), VOICES)


def agreeing(keys, condition):
    """The conditionals of two voices that agree in 9 draws of 10, each frame on its own."""
    other = jax.nn.one_hot(condition.tokens[..., ::-1], SIZE)
    known = condition.known[..., ::-1, None]
    return jnp.log(jnp.where(known, 0.1 + 0.8 * other, 0.5))


def certain(keys, condition):
    """Token 1 everywhere, whatever is known."""
    return jnp.broadcast_to(jnp.array([-30.0, 0.0]), (*condition.known.shape, SIZE))


def composed(ask, settings, condition, legal=ANY, seed=0):
    keys = jax.random.split(jax.random.key(seed), len(condition.frames))
    return jax.jit(lambda keys, condition: generate(
        keys, ask, settings, condition, legal))(keys, condition)


@pytest.mark.parametrize("settings", [
    GibbsSettings(steps=30), GibbsSettings("single_gibbs", steps=30)])
def test_it_reaches_the_distribution_of_its_conditionals(settings):
    tokens = np.asarray(composed(agreeing, settings, condition_of(4000, 1)).tokens)
    agree = (tokens[..., 0] == tokens[..., 1]).mean()
    # A block of both is drawn as if they were independent: in the end one in 19 blocks is.
    expected = 0.9 if settings.kind == "single_gibbs" else 0.9 - 0.4 * 0.01 / 0.19
    assert abs(agree - expected) < 4 * np.sqrt(0.09 / 4000)
    assert abs(tokens.mean() - 0.5) < 4 * np.sqrt(0.25 / 4000)


def test_the_share_that_is_drawn():
    settings = GibbsSettings(steps=100)
    share = [float(settings.share(jnp.array(step))) for step in (0, 35, 70, 99)]
    np.testing.assert_allclose(share, [0.9, 0.5, 0.1, 0.1], atol=1e-6)
    drawn = composed(agreeing, settings, condition_of(20, 50)).diagnostics.drawn
    expected = [float(settings.share(jnp.array(step))) for step in range(100)]
    np.testing.assert_allclose(drawn.mean(axis=1), expected, atol=4 * np.sqrt(0.25 / 2000))


def test_single_draws_one_cell_a_step():
    found = composed(agreeing, GibbsSettings("single_gibbs", steps=10), condition_of(3, 5))
    np.testing.assert_allclose(found.diagnostics.drawn, 0.1, rtol=1e-6)
    assert set(np.unique(np.round(10 * np.asarray(found.diagnostics.changed)))) <= {0, 1}


def test_a_cell_is_asked_for_with_all_others_given():
    seen = []

    def watched(keys, condition):
        seen.append(condition)
        return agreeing(keys, condition)

    tokens = jnp.asarray(np.random.default_rng(0).integers(0, 2, (200, 3, VOICES)))
    keys = jax.random.split(jax.random.key(0), 200)
    free = jnp.ones(tokens.shape, bool).at[:, 0, 0].set(False)
    cell = one_cell(keys, free)
    counts = np.asarray(cell).sum(0)
    assert (np.asarray(cell).sum((1, 2)) == 1).all() and counts[0, 0] == 0
    assert (np.delete(counts.ravel(), 0) > 15).all()  # 40 on average
    after, _ = redraw(keys, watched, tokens, cell, condition_of(200, 3))
    np.testing.assert_array_equal(seen[0].known, ~cell)
    np.testing.assert_array_equal(seen[0].tokens, jnp.where(cell, 0, tokens))
    np.testing.assert_array_equal(np.asarray(after)[~cell], np.asarray(tokens)[~cell])


@pytest.mark.parametrize("kind", ["blocked_gibbs", "single_gibbs"])
def test_what_is_given_and_what_is_forbidden_is_held(kind):
    condition = condition_of(3, 4)
    frames = condition.frames.at[1, 3].set(False)
    known = (jax.random.bernoulli(jax.random.key(1), 0.4, (3, 4, VOICES)) & frames[..., None])
    given = jnp.zeros(known.shape, jnp.int32)
    allowed = jnp.ones((3, 4, VOICES, SIZE), bool).at[0, 2, 1, 1].set(False)
    found = composed(certain, GibbsSettings(kind, steps=20), condition._replace(
        frames=frames, known=known, tokens=given, allowed=allowed))
    tokens = np.asarray(found.tokens)
    assert (tokens[np.asarray(known)] == 0).all()
    assert tokens[0, 2, 1] == 0
    assert (tokens[1, 3] == 0).all()
    free = np.array(frames[..., None] & ~known)
    free[0, 2, 1] = False
    assert (tokens[free] == 1).all()


def test_a_chorale_does_not_depend_on_its_batch():
    settings, condition = GibbsSettings(steps=8), condition_of(3, 4)
    keys = jax.random.split(jax.random.key(0), 3)
    together = generate(keys, agreeing, settings, condition, ANY).tokens
    alone = generate(keys[1:2], agreeing, settings, condition_of(1, 4), ANY).tokens
    np.testing.assert_array_equal(together[1:2], alone)


def test_in_the_end_every_token_may_follow():
    """Token 1 may not begin, and may not follow itself."""
    start = jnp.array([[True, False]] * VOICES)
    follow = jnp.ones((VOICES, SIZE, SIZE), bool).at[:, 1, 1].set(False)
    found = composed(certain, GibbsSettings(steps=3), condition_of(2, 5), (start, follow))
    tokens = np.asarray(found.tokens)
    assert (tokens[:, 0] == 0).all() and not (tokens[:, 1:] & tokens[:, :-1]).any()
    np.testing.assert_array_equal(found.corrected, (tokens == 0).sum((1, 2)))


@pytest.mark.parametrize("settings, message", [
    ({"kind": "annealed"}, "sampler.kind must be one of blocked_gibbs, single_gibbs"),
    ({"steps": 0}, "sampler.steps must be at least 1, not 0"),
    ({"smallest": 0.95}, "sampler.smallest and sampler.largest must lie between 0 and 1"),
    ({"largest": 1.5}, "sampler.smallest and sampler.largest must lie between 0 and 1"),
    ({"over": 0.0}, "sampler.over must be above 0 and at most 1, not 0.0"),
    ({"temperature": 0.0}, "sampler.temperature must be positive, not 0.0"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        GibbsSettings(**settings)
