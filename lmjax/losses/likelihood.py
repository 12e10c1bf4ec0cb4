"""The three terms of the likelihood bound of a variance-exploding process, and cross-entropy.

    -log p(tokens) <= integral of `integrand` over log sigma from sigma_min to sigma_max
                      + `prior` + `cross_entropy` of the posterior at sigma_min

(I-MMSE; Kingma et al. 2021.) All return sums over a chorale, in nats, so that totals over chorales
can be divided once by their frames.
"""

import jax
import jax.numpy as jnp

from lmjax.noise.perturb import per_example


def cross_entropy(logits: jax.Array, tokens: jax.Array, mask: jax.Array) -> jax.Array:
    """`-log p(tokens)` of cells taken as independent, summed: float32[B], nats.

    Args:
      logits: float32[B, T, V, K].
      tokens: int32[B, T, V].
      mask: bool[B, T, V], the cells that count.
    """
    log_p = jax.nn.log_softmax(logits)
    surprise = -jnp.take_along_axis(log_p, tokens[..., None], -1)[..., 0]
    return jnp.where(mask, surprise, 0.0).sum((1, 2))


def integrand(mean: jax.Array, x: jax.Array, sigma: jax.Array, mask: jax.Array) -> jax.Array:
    """`|x - D|^2 / sigma^2`, nats per unit of log sigma: float32[B].

    Args:
      mean: float32[B, T, D], what the model makes of the state perturbed with sigma.
      x: float32[B, T, D], the clean state.
      sigma: float32[B].
      mask: bool[B, T, D], the coordinates that count.
    """
    error = jnp.square((mean - x) / per_example(sigma, x))
    return jnp.where(mask, error, 0.0).sum((1, 2))


def prior(x: jax.Array, centre: jax.Array, sigma_max: float | jax.Array,
          mask: jax.Array) -> jax.Array:
    """The divergence of the noisiest state from N(centre, sigma_max^2): float32[B], nats.

    Args:
      x: float32[B, T, D], the clean state.
      centre: float32[D], the training data's mean frame.
      sigma_max: the largest sigma.
      mask: bool[B, T, D], the coordinates that count.
    """
    distance = jnp.square(x - centre) / (2 * sigma_max**2)
    return jnp.where(mask, distance, 0.0).sum((1, 2))
