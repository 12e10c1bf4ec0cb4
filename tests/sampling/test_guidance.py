"""Guidance and temperature, of a model whose logits are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import one_hot_table
from lmjax.sampling.guidance import guide, temper

TABLE = one_hot_table([3])
PLAIN, TOLD = np.log([0.5, 0.3, 0.2]), np.log([0.2, 0.2, 0.6])


def denoise(x, sigma, condition):
    """Of one cell a frame, whose probabilities depend on track 1 alone."""
    told = condition.tracks[..., 1, None, None] > 0
    return from_logits(TABLE, 7.0 + jnp.where(told, TOLD, PLAIN))


def probabilities(model):
    condition = Condition.free(jnp.array([[[5, 1]], [[5, 1]]]), voices=1)
    return jax.nn.softmax(model(jnp.zeros((2, 1, 3)), jnp.ones(2), condition).logits)[:, 0, 0]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 2.0])
def test_guidance_goes_on_in_the_direction_of_what_the_tracks_say(weight):
    found = probabilities(guide(denoise, TABLE, jnp.array([weight, 1.0]), [1]))
    expected = np.exp(PLAIN + weight * (TOLD - PLAIN))
    np.testing.assert_allclose(found[0], expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(found[1], np.exp(TOLD), rtol=1e-5)


def test_tracks_that_do_not_guide_are_told_in_any_case():
    np.testing.assert_allclose(
        probabilities(guide(denoise, TABLE, jnp.array([3.0, 0.0]), [0])),
        [np.exp(TOLD)] * 2, rtol=1e-5)


def test_there_is_guidance_only_below_a_noise_level():
    for below, expected in ((1.0, PLAIN + 2 * (TOLD - PLAIN)), (0.9, TOLD)):
        found = probabilities(guide(denoise, TABLE, jnp.array([2.0, 2.0]), [1], below))
        np.testing.assert_allclose(
            found, [np.exp(expected) / np.exp(expected).sum()] * 2, rtol=1e-5)


def test_temperature():
    found = probabilities(temper(denoise, TABLE, jnp.array([0.5, 1.0])))
    np.testing.assert_allclose(found[0], np.array([0.04, 0.04, 0.36]) / 0.44, rtol=1e-5)
    np.testing.assert_allclose(found[1], np.exp(TOLD), rtol=1e-5)
