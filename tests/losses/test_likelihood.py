import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.losses.likelihood import cross_entropy, integrand, prior
from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import embed, evidence, factored_table, one_hot_table
from lmjax.noise.perturb import perturb
from lmjax.noise.schedule import SigmaDistribution

PRIOR = np.array([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("table", [
    one_hot_table((4,)),
    factored_table(np.array([[0, 1, 1, 2]]), np.array([[0, 1, 2, 1]]), np.ones((1, 4), bool), 0.5)])
def test_bound_of_the_exact_denoiser_is_the_log_likelihood_of_each_token(table):
    """I-MMSE holds for each clean point by itself: the three terms add up to -log p(token)."""
    log_prior, low, high, each = jnp.log(jnp.asarray(PRIOR)), 0.05, 30.0, 40_000
    tokens = jnp.repeat(jnp.arange(4), each)[:, None, None]
    x = embed(table, tokens)
    mask = jnp.ones_like(x, bool)
    keys = jax.random.split(jax.random.key(0), 3)

    def posterior(noisy, sigma):
        return from_logits(table, log_prior + evidence(table, noisy, sigma))

    distribution = SigmaDistribution("log_logistic", low, high, centre=0.5, spread=1.0)
    sigma = distribution.sample(keys[0], len(x))
    mean = posterior(perturb(keys[1], x, sigma)[0], sigma).mean
    path = integrand(mean, x, sigma, mask) / distribution.density(sigma)
    last = jnp.full(len(x), low)
    logits = posterior(perturb(keys[2], x, last)[0], last).logits
    centre = jnp.asarray(PRIOR) @ table[0]
    total = (path + prior(x, centre, high, mask)
             + cross_entropy(logits, tokens, jnp.ones_like(tokens, bool)))
    per_token = np.asarray(total).reshape(4, each)
    error = per_token.std(1) / np.sqrt(each)
    assert error.max() < 0.03
    np.testing.assert_array_less(np.abs(per_token.mean(1) + np.log(PRIOR)), 4 * error)


def test_bound_of_a_wrong_denoiser_is_larger():
    table, low, high = one_hot_table((4,)), 0.05, 30.0
    tokens = jax.random.categorical(
        jax.random.key(5), jnp.log(jnp.asarray(PRIOR)), shape=(40_000, 1, 1))
    x = embed(table, tokens)
    mask, last = jnp.ones_like(x, bool), jnp.full(len(x), low)
    distribution = SigmaDistribution("log_logistic", low, high, centre=0.5, spread=1.0)
    sigma = distribution.sample(jax.random.key(0), len(x))

    def bound(log_prior):
        mean, logits = (
            from_logits(table, log_prior + evidence(table, perturb(key, x, s)[0], s))[part]
            for part, key, s in ((0, jax.random.key(1), sigma), (1, jax.random.key(2), last)))
        return (integrand(mean, x, sigma, mask) / distribution.density(sigma)
                + cross_entropy(logits, tokens, jnp.ones_like(tokens, bool)))

    excess = np.asarray(bound(jnp.log(jnp.asarray(PRIOR[::-1].copy())))
                        - bound(jnp.log(jnp.asarray(PRIOR))))
    error = excess.std() / np.sqrt(len(excess))
    # A model that believes the reversed prior pays its divergence from the true one.
    divergence = (PRIOR * np.log(PRIOR / PRIOR[::-1])).sum()
    assert abs(excess.mean() - divergence) < 4 * error < 0.1


def test_cross_entropy_of_even_chances():
    logits = jnp.zeros((2, 3, 4, 5))
    mask = jnp.ones((2, 3, 4), bool).at[1, 1:].set(False)
    got = cross_entropy(logits, jnp.zeros((2, 3, 4), jnp.int32), mask)
    np.testing.assert_allclose(got, np.log(5) * np.array([12, 4]), rtol=1e-6)


def test_integrand_and_prior_by_hand():
    x = jnp.array([[[1.0, 0.0], [0.0, 1.0]]])
    mask = jnp.array([[[True, True], [True, False]]])
    np.testing.assert_allclose(integrand(jnp.zeros_like(x), x, jnp.array([0.5]), mask), [4.0])
    np.testing.assert_allclose(prior(x, jnp.array([0.5, 0.0]), 2.0, mask), [0.5 / 8])
