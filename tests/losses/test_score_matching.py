"""All four losses are least at the truth: their gradients vanish there, within computed errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.losses.denoising import denoising, per_frame, weighted_denoising
from lmjax.losses.implicit import implicit
from lmjax.losses.sliced import sliced
from lmjax.noise.denoiser import from_logits, score
from lmjax.noise.embed import embed, evidence, one_hot_table

LOSSES = [implicit, sliced, denoising, weighted_denoising]
BATCH = 20_000
TABLE = one_hot_table((3,))


def gaussian_score(params, x, sigma):
    """Of N(mu, tau2): `params` are mu and log tau2, the same for every coordinate."""
    mu, log_tau2 = params
    return (mu - x) / (jnp.square(sigma)[:, None, None] + jnp.exp(log_tau2))


def points_score(params, x, sigma):
    """Of three tokens with prior `softmax(0, *params)`."""
    logits = jnp.concatenate([jnp.zeros(1), params]) + evidence(TABLE, x, sigma)
    return score(from_logits(TABLE, logits), x, sigma)


def gaussian_data(key):
    return 0.5 + jnp.sqrt(1.5) * jax.random.normal(key, (BATCH, 1, 2))


def points_data(key):
    prior = jax.nn.log_softmax(jnp.array([0.0, 1.0, -0.5]))
    return embed(TABLE, jax.random.categorical(key, prior, shape=(BATCH, 1, 1)))


FAMILIES = {
    "gaussian": (gaussian_score, gaussian_data, jnp.array([0.5, jnp.log(1.5)])),
    "points": (points_score, points_data, jnp.array([1.0, -0.5])),
}


OFFSETS = {
    "gaussian": 0.4 * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]),
    "points": 0.8 * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]),
}


def z_scores(loss, family):
    """The mean gradient at truth + offsets, over its standard error: float[offsets, 2]."""
    model, data, truth = FAMILIES[family]
    x = data(jax.random.key(1))
    sigma = jnp.full(BATCH, 0.6)
    mask = jnp.ones_like(x, bool)

    def per_example(params):
        return loss(lambda y, s: model(params, y, s), jax.random.key(2), x, sigma, mask)

    points = truth + jnp.asarray(OFFSETS[family])
    gradients = np.asarray(jax.jit(jax.vmap(jax.jacfwd(per_example)))(points))
    return gradients.mean(1) / (gradients.std(1) / np.sqrt(BATCH))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_vanishes_at_the_truth_and_points_to_it_elsewhere(loss, family):
    at_truth, above_first, below_first, above_second, below_second = z_scores(loss, family)
    assert np.abs(at_truth).max() < 4
    assert above_first[0] > 6 and below_first[0] < -6
    assert above_second[1] > 6 and below_second[1] < -6


def test_minimisers_over_a_family_agree():
    model, data, _ = FAMILIES["gaussian"]
    x = data(jax.random.key(5))
    mask, sigma = jnp.ones_like(x, bool), jnp.full(BATCH, 0.6)
    offsets = jnp.linspace(-0.2, 0.2, 41)

    def mean_loss(loss, offset):
        params = jnp.array([0.5, jnp.log(1.5)]) + offset * jnp.array([1.0, 0.0])
        return loss(lambda y, s: model(params, y, s), jax.random.key(2), x, sigma, mask).mean()

    # The perturbed mean is all that mu can be fitted to; two coordinates a frame.
    error = np.sqrt((1.5 + 0.36) / (2 * BATCH))
    for loss in LOSSES:
        values = jax.jit(jax.vmap(lambda offset, loss=loss: mean_loss(loss, offset)))(offsets)
        assert abs(offsets[values.argmin()]) < 4 * error + 0.01


def test_exact_scores_have_the_known_loss():
    x = gaussian_data(jax.random.key(3))
    sigma, mask = jnp.full(BATCH, 0.6), jnp.ones_like(x, bool)
    truth = FAMILIES["gaussian"][2]

    def exact(y, s):
        return gaussian_score(truth, y, s)

    # tr grad s = -d / (tau2 + sigma2), E |s|^2 = d / (tau2 + sigma2), and E |s + z / sigma|^2 =
    # d / sigma2 - d / (tau2 + sigma2), with d = 2 coordinates.
    variance = 1.5 + 0.36
    expected = {implicit: -1 / variance, sliced: -1 / variance,
                denoising: 2 / 0.36 - 2 / variance, weighted_denoising: 2 - 0.72 / variance}
    for loss, value in expected.items():
        got = np.asarray(loss(exact, jax.random.key(4), x, sigma, mask))
        assert abs(got.mean() - value) < 4 * got.std() / np.sqrt(BATCH)


def test_weighted_is_sigma_squared_times_plain():
    x = jax.random.normal(jax.random.key(0), (3, 4, 2))
    sigma, mask = jnp.array([0.1, 1.0, 5.0]), jnp.ones_like(x, bool)
    args = (lambda y, s: -y, jax.random.key(1), x, sigma, mask)
    np.testing.assert_allclose(
        weighted_denoising(*args), jnp.square(sigma) * denoising(*args), rtol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_masked_coordinates_do_not_count(loss):
    x = jax.random.normal(jax.random.key(0), (2, 5, 3))
    mask = jnp.ones_like(x, bool).at[0, 3:].set(False).at[1, 0, 1].set(False)

    def wild(y, s):
        return jnp.where(mask, -y, 1e6 * y)

    def tame(y, s):
        return jnp.where(mask, -y, 0.0)

    args = (jax.random.key(1), x, jnp.ones(2), mask)
    np.testing.assert_allclose(loss(wild, *args), loss(tame, *args), rtol=1e-5)


def test_implicit_trace_is_exact():
    matrix = jnp.array([[1.0, 2.0], [3.0, -5.0]])
    x = jnp.zeros((1, 1, 2))
    got = implicit(lambda y, s: y @ matrix.T, jax.random.key(0), x, jnp.zeros(1),
                   jnp.ones_like(x, bool))
    np.testing.assert_allclose(got, [-4.0], rtol=1e-6)


def test_per_frame_divides_by_the_frames_that_count():
    values = jnp.ones((2, 3, 4))
    mask = jnp.ones_like(values, bool).at[0, 2].set(False).at[1].set(False)
    np.testing.assert_array_equal(per_frame(values, mask), [4.0, 0.0])
