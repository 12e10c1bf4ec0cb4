"""Samplers of a Gaussian: every row is linear, so the moments at each finite ladder are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.noise.denoiser import Denoised
from lmjax.noise.schedule import geometric
from lmjax.sampling import chain, langevin, predictors

MU, TAU2 = 1.5, 0.8
CHAINS, TIME, WIDTH = 100, 20, 20
NUMBERS = CHAINS * TIME * WIDTH


def denoise(x, sigma, condition):
    """The exact posterior mean of N(MU, TAU2), independent coordinates."""
    share = (TAU2 / (TAU2 + jnp.square(sigma)))[:, None, None]
    return Denoised(MU + share * (x - MU), jnp.zeros((*condition.tokens.shape, 1)))


def residue(sigma):
    """1 - the share of x in the posterior mean: `x - D = residue (x - mu)`."""
    return sigma**2 / (TAU2 + sigma**2)


def predicted(sampler, mean, variance):
    """Mean and variance after the plan, by its linear recursion."""
    for row in zip(*map(np.float64, sampler.plan), strict=True):
        sigma, target, pull, noise, churn = row
        if sampler.calls == 2:
            here = residue(sigma) / sigma
            there = residue(target) / target * (1 + (target - sigma) * here)
            factor = 1 + (target - sigma) * (here + there) / 2
        else:
            factor = 1 - pull * residue(sigma)
        mean = MU + factor * (mean - MU)
        variance = factor**2 * variance + (factor * churn + noise) ** 2
    return mean, variance


def run(sampler, free, keys, centre=0.0):
    """The end states of a chain begun at N(centre, sigma_1^2)."""
    @jax.jit
    def chains(keys):
        start = chain.initial(keys, TIME, jnp.full(WIDTH, centre), sampler.plan.start[0])
        return chain.run(jax.vmap(jax.random.fold_in, (0, None))(keys, 99), denoise, sampler,
                         start, free(CHAINS, TIME))
    return chains(keys(CHAINS))


def test_moments_are_those_of_the_linear_recursion(build, ladder, free, keys):
    sampler = build(ladder)
    x, diagnostics = run(sampler, free, keys)
    mean, variance = predicted(sampler, 0.0, float(sampler.plan.start[0]) ** 2)
    x = np.asarray(x, np.float64)
    assert abs(x.mean() - mean) < 4 * np.sqrt(variance / NUMBERS)
    assert abs(x.var() / variance - 1) < 4 * np.sqrt(2 / NUMBERS)
    assert all(field.shape == (len(sampler.plan.sigma), CHAINS) for field in diagnostics)


@pytest.mark.parametrize("build", [
    predictors.ancestral, predictors.euler, predictors.heun,
    # A fixed eta has an error of its own, tested below: it must shrink with the ladder's gaps.
    lambda sigmas: predictors.consistent(sigmas, 1.5 * float(1 - sigmas[1] / sigmas[0])),
    lambda sigmas: langevin.predictor_corrector(sigmas, 1, float(1 - sigmas[1] / sigmas[0]))])
def test_moments_approach_the_truth_as_levels_grow(build):
    def error(levels):
        # Begun at the truth perturbed, so that only the ladder errs.
        _, variance = predicted(build(geometric(50.0, 0.05, levels)), MU, 50.0**2 + TAU2)
        return abs(np.log(variance / (TAU2 + 0.05**2)))

    few, many = error(24), error(384)
    assert many < few / 2 and many < 0.1


@pytest.mark.parametrize("eta", [0.1, 0.3])
def test_consistent_sampling_at_a_fixed_eta_is_too_cold_by_the_known_factor(eta):
    """Its noise is right for data of no variance; the more data varies, the more it lacks."""
    sigma = 0.7
    _, variance = predicted(
        predictors.consistent(geometric(0.7002, sigma, 400), eta), MU, sigma**2 + TAU2)
    stationary = (sigma**2 + TAU2) * (1 - eta / 2) / (1 - eta * residue(sigma) / 2)
    assert variance == pytest.approx(stationary, rel=1e-3)
    assert stationary < sigma**2 + TAU2


@pytest.mark.parametrize("ratio", [0.3, 0.8])
def test_first_order_steps_lack_the_known_variance(ratio):
    sigma = 0.9
    spread = TAU2 * sigma**2 / (TAU2 + sigma**2)  # of the clean state, given the noisy one
    for build, lacking in ((predictors.ancestral, (1 - ratio**2) ** 2),
                           (predictors.euler, (1 - ratio) ** 2)):
        _, variance = predicted(build(jnp.array([sigma, ratio * sigma])), MU, sigma**2 + TAU2)
        truth = (ratio * sigma) ** 2 + TAU2
        assert truth - variance == pytest.approx(spread * lacking, rel=1e-4)


def test_heun_errs_less_than_euler():
    def error(build, levels):
        _, variance = predicted(build(geometric(50.0, 0.05, levels)), MU, 50.0**2 + TAU2)
        return abs(np.log(variance / (TAU2 + 0.05**2)))

    # First and second order: half the step leaves a half and a quarter of the error.
    assert error(predictors.euler, 100) / error(predictors.euler, 200) == pytest.approx(2, rel=0.1)
    assert error(predictors.heun, 100) / error(predictors.heun, 200) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("rate", [0.05, 0.3, 1.0])
def test_euler_maruyama_is_too_hot_by_the_known_factor(rate, free, keys):
    sigma = 0.7
    sampler = langevin.annealed(jnp.array([0.8, sigma]), 200, rate, "euler_maruyama")
    x, _ = run(sampler, free, keys, MU)
    truth = sigma**2 + TAU2
    stationary = truth / (1 - rate * residue(sigma) / 2)
    assert predicted(sampler, MU, 0.64)[1] == pytest.approx(stationary, rel=1e-3)
    assert abs(float(x.var()) / stationary - 1) < 4 * np.sqrt(2 / NUMBERS) + 1e-3
    assert stationary / truth - 1 == pytest.approx(rate * residue(sigma) / 2, rel=rate / 2)


@pytest.mark.parametrize("rate", [0.05, 0.3, 1.0, 1.9])
def test_leimkuhler_matthews_is_exact_at_any_rate(rate, free, keys):
    """Before each step, and where the model is asked, which is half its noise later."""
    sigma = 0.7
    sampler = langevin.annealed(jnp.array([0.8, sigma]), 200, rate)
    x, _ = run(sampler, free, keys, MU)
    truth = sigma**2 + TAU2
    assert predicted(sampler, MU, 0.64)[1] == pytest.approx(truth, rel=1e-3)
    assert abs(float(x.var()) / truth - 1) < 4 * np.sqrt(2 / NUMBERS) + 1e-3
    plan = sampler.plan
    np.testing.assert_allclose(plan.target, np.repeat([0.8, sigma], 200), rtol=1e-6)
    np.testing.assert_allclose(plan.start, plan.target, rtol=1e-5)
    asked = float(plan.sigma[-1]) ** 2 + TAU2
    assert truth + float(plan.churn[-1]) ** 2 == pytest.approx(asked, rel=1e-5)


def test_score_and_step_norms_of_a_known_move(free, keys):
    sampler = predictors.euler(jnp.array([2.0, 1.0]))
    x = jnp.full((1, 3, 2), MU + 1.0)
    condition = free(1, 3)._replace(frames=jnp.array([[True, True, False]]))
    _, info = chain.run(keys(1), denoise, sampler, x, condition)
    slope = 1 / (TAU2 + 4)
    np.testing.assert_allclose(info.score_norm, [[slope * 2]], rtol=1e-5)
    np.testing.assert_allclose(info.step_norm, [[0.5 * 4 * slope * 2]], rtol=1e-5)
    np.testing.assert_array_equal(info.changed, [[1.0]])
