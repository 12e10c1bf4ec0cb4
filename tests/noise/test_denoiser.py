import jax
import jax.numpy as jnp
import numpy as np

from lmjax.noise.denoiser import Denoised, from_logits, from_mean, score
from lmjax.noise.embed import evidence, factored_table, one_hot_table
from lmjax.noise.perturb import perturb


def test_gaussian_score():
    mu, tau2, sigma = 0.7, 2.0, jnp.array([0.5, 3.0])
    x = jax.random.normal(jax.random.key(0), (2, 3, 4))
    perturbed = (jnp.square(sigma) + tau2)[:, None, None]
    denoised = Denoised(mu + tau2 / perturbed * (x - mu), jnp.zeros((2, 3, 1, 1)))
    np.testing.assert_allclose(score(denoised, x, sigma), -(x - mu) / perturbed, rtol=2e-5)


def test_score_of_a_finite_set_of_points_is_the_gradient_of_its_log_density():
    sound, articulation = np.array([[0, 1, 1]]), np.array([[0, 1, 2]])
    table = factored_table(sound, articulation, np.ones((1, 3), bool), 0.6)
    log_prior = jnp.log(jnp.array([0.5, 0.2, 0.3]))

    def log_density(frame, sigma):
        distance = jnp.square(frame - table[0]).sum(-1)
        return jax.nn.logsumexp(log_prior - distance / (2 * sigma**2))

    sigma = jnp.array([0.4, 1.5])
    x = jax.random.normal(jax.random.key(0), (2, 5, 3))
    expected = jax.vmap(jax.vmap(jax.grad(log_density), (0, None)))(x, sigma)
    denoised = from_logits(table, log_prior + evidence(table, x, sigma))
    np.testing.assert_allclose(score(denoised, x, sigma), expected, rtol=1e-4, atol=1e-4)


def test_posterior_of_a_stated_mean_is_clipped_to_the_simplex():
    table = one_hot_table((2, 3))
    mean = jnp.array([[[1.4, -0.4, 0.2, 0.2, 0.6]]])
    denoised = from_mean(table, mean)
    np.testing.assert_array_equal(denoised.mean, mean)
    p = jax.nn.softmax(denoised.logits)[0, 0]
    np.testing.assert_allclose(p, [[1, 0, 0], [0.2, 0.2, 0.6]], atol=1e-5)
    assert p[0, 2] == 0


def test_perturb_adds_each_examples_own_noise():
    x = jnp.ones((2, 50, 40))
    noisy, z = perturb(jax.random.key(0), x, jnp.array([0.0, 3.0]))
    np.testing.assert_array_equal(noisy[0], x[0])
    np.testing.assert_allclose(noisy[1], 1 + 3 * z[1], rtol=1e-6)
    assert abs(float(z.std()) - 1) < 4 / np.sqrt(2 * z.size)
