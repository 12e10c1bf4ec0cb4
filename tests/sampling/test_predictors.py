import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.noise.schedule import geometric
from lmjax.sampling import langevin, predictors
from lmjax.sampling.chain import Sampler

SIGMAS = geometric(20, 0.05, 20)


def test_a_finished_rung_has_the_noise_of_its_level():
    for sampler in (predictors.ancestral(SIGMAS), predictors.euler(SIGMAS),
                    predictors.consistent(SIGMAS, 0.5)):
        sigma, target, pull, noise, churn = sampler.plan
        assert not np.any(churn)
        # On a point mass at 0, D = 0: what is left of the old noise plus the new.
        np.testing.assert_allclose(
            np.sqrt(np.square((1 - pull) * sigma) + np.square(noise)), target, rtol=1e-5)


def test_euler_is_consistent_sampling_at_the_smallest_eta():
    ratio = 400 ** (1 / 19)
    euler = predictors.euler(SIGMAS).plan
    assert not np.any(euler.noise)
    smallest = predictors.consistent(SIGMAS, 1 - 1 / ratio).plan
    np.testing.assert_allclose(smallest.pull, euler.pull, rtol=1e-5)
    ancestral = predictors.ancestral(SIGMAS).plan
    same = predictors.consistent(SIGMAS, 1 - 1 / ratio**2).plan
    np.testing.assert_allclose(same.noise, ancestral.noise, rtol=1e-4)


def test_eta_too_small_for_the_ladder_is_refused():
    with pytest.raises(ValueError, match="more levels"):
        predictors.consistent(SIGMAS, 0.2)


def test_annealed_langevin_is_the_papers():
    sampler = langevin.annealed(SIGMAS, 100, 0.0001 / 0.05**2, "euler_maruyama")
    assert sampler.plan.sigma.shape == (2000,) and sampler.evaluations == 2001
    alpha = 0.0001 * np.square(np.asarray(SIGMAS)) / 0.05**2
    first_rows = slice(None, None, 100)
    # x + alpha s + sqrt(2 alpha) z with s = (D - x) / sigma^2.
    np.testing.assert_allclose(sampler.plan.pull[first_rows], alpha / np.square(SIGMAS), rtol=1e-4)
    np.testing.assert_allclose(sampler.plan.noise[first_rows], np.sqrt(2 * alpha), rtol=1e-4)
    np.testing.assert_array_equal(sampler.plan.target, sampler.plan.sigma)
    assert not np.any(sampler.plan.churn)


def test_langevin_steps_that_cannot_be():
    with pytest.raises(ValueError, match="between 0 and 2, not 2"):
        langevin.annealed(SIGMAS, 2, 2.0)
    with pytest.raises(ValueError, match=r"a scheme must be one of .*, not 'euler'"):
        langevin.annealed(SIGMAS, 2, 0.1, "euler")


def test_corrections_follow_each_prediction_at_its_level():
    sampler = langevin.predictor_corrector(jnp.array([4.0, 2.0, 1.0]), 2, 0.1)
    np.testing.assert_allclose(sampler.plan.start, [4, 2, 2, 2, 1, 1], rtol=1e-6)
    plain = langevin.predictor_corrector(jnp.array([4.0, 2.0, 1.0]), 2, 0.1, "euler_maruyama")
    np.testing.assert_allclose(plain.plan.sigma, [4, 2, 2, 2, 1, 1])
    np.testing.assert_allclose(sampler.plan.target, [2, 2, 2, 1, 1, 1])
    np.testing.assert_allclose(sampler.plan.pull[1], 0.1, rtol=1e-6)
    with pytest.raises(ValueError, match="first-order"):
        langevin.predictor_corrector(SIGMAS, 1, 0.1, predictor=predictors.heun(SIGMAS))


def test_heun_asks_twice():
    assert predictors.heun(SIGMAS).evaluations == 2 * 19 + 1
    assert predictors.euler(SIGMAS).evaluations == 19 + 1
    assert isinstance(predictors.heun(SIGMAS), Sampler)


@pytest.mark.parametrize("wrong", [[1.0], [1.0, 2.0], [1.0, 0.0], [2.0, 2.0]])
def test_ladders_that_do_not_descend_are_refused(wrong):
    with pytest.raises(ValueError, match="ladder"):
        predictors.euler(jnp.array(wrong))
