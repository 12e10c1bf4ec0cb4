"""The seam between a model and everything that uses one.

To samplers, losses and metrics a model is a function `denoise(x, sigma, condition)` that returns
the posterior mean of the clean state and the logits of the tokens behind it.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.embed import NEVER, posterior_mean
from lmjax.noise.perturb import per_example


class Denoised(NamedTuple):
    """What a model makes of a perturbed state.

    Attributes:
      mean: float32[B, T, D], the expected clean state.
      logits: float32[B, T, V, K], unnormalised log-probabilities of the tokens.
    """

    mean: jax.Array
    logits: jax.Array


# (x float32[B, T, D], sigma float32[B], condition) -> Denoised
Denoise = Callable[[jax.Array, jax.Array, Condition], Denoised]


def score(denoised: Denoised, x: jax.Array, sigma: jax.Array) -> jax.Array:
    """Tweedie's formula: `grad log q_sigma(x) = (E[clean | x] - x) / sigma^2`, as x is shaped."""
    return (denoised.mean - x) / jnp.square(per_example(sigma, x))


def from_logits(table: jax.Array, logits: jax.Array) -> Denoised:
    """The posterior that logits float32[B, T, V, K] state; its mean is exact."""
    return Denoised(posterior_mean(table, jax.nn.softmax(logits)), logits)


def from_mean(table: jax.Array, mean: jax.Array) -> Denoised:
    """A posterior for a model that states only the mean float32[B, T, D], one-hot tables only.

    Each voice's slice is clipped to the probability simplex: not probabilities that the model
    was trained to give, so what is computed from them must say so.
    """
    share = jnp.einsum("btd,vkd->btvk", mean, table, precision=jax.lax.Precision.HIGHEST)
    exists = (table != 0).any(-1)
    logits = jnp.where(exists, jnp.log(jnp.clip(share, 1e-6, 1.0)), NEVER)
    return Denoised(mean, logits)
