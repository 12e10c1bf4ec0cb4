"""What an order-agnostic model hears: the cells that are known, and nothing of the others."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.masked import MaskedModel, MaskedSettings
from lmjax.noise.embed import NEVER

BATCH, TIME, TRACK_SIZES, KEY = 2, 8, (3, 13, 5), 1
TINY = MaskedSettings(channels=2, frame_channels=2, early_channels=2, pitch_channels=2,
                      cell_channels=4, local_width=8, layers=1, heads=2, expansion=2, reach=4,
                      offsets=2, level_width=8, rounds=2, dropout=0.0)


@pytest.fixture(scope="module")
def model(space):
    return MaskedModel(space, TINY, TRACK_SIZES, KEY)


@pytest.fixture(scope="module")
def condition(space, random_condition):
    free = random_condition(BATCH, TIME, sizes=TRACK_SIZES)
    known = jax.random.bernoulli(jax.random.key(0), 0.5, free.known.shape)
    tokens = jax.random.randint(jax.random.key(1), known.shape, 0, jnp.asarray(
        space.valid.sum(axis=1)))
    return free._replace(known=known, tokens=jnp.where(known, tokens, 0))


@pytest.fixture(scope="module")
def params(model, condition):
    shapes = jax.eval_shape(model.init, jax.random.key(0), condition.tracks)
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(
        generator.normal(0, 0.2, leaf.shape), jnp.float32), shapes)


def test_it_hears_known_cells_and_no_others(model, condition, params):
    logits = jax.jit(model.logits)
    here = np.asarray(logits(params, condition))
    assert here.shape == (BATCH, TIME, *model.space.valid.shape)
    np.testing.assert_array_equal(here == NEVER, np.broadcast_to(~model.space.valid, here.shape))
    hidden = condition._replace(tokens=jnp.where(condition.known, condition.tokens, 1))
    np.testing.assert_array_equal(logits(params, hidden), here)
    at = tuple(np.argwhere(np.asarray(condition.known))[0])
    other = condition._replace(tokens=condition.tokens.at[at].set(1 - condition.tokens[at]))
    changed = np.abs(np.asarray(logits(params, other)) - here).max((2, 3))
    assert changed[at[0]].max() > 1e-3 and changed[1 - at[0]].max() == 0


def test_dropout_is_for_training_alone(model, condition, params):
    dropping = dataclasses.replace(model, network=dataclasses.replace(TINY, dropout=0.5))
    here = jax.jit(model.logits)(params, condition)
    logits = jax.jit(dropping.logits)
    np.testing.assert_array_equal(logits(params, condition), here)
    assert np.abs(np.asarray(logits(params, condition, jax.random.key(0)) - here)).max() > 0.01
