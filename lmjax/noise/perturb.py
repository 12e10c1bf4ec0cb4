"""Gaussian perturbation of the clean state."""

import jax


def per_example(values: jax.Array, like: jax.Array) -> jax.Array:
    """Values float32[B] shaped [B, 1, ...] so that they broadcast against `like`."""
    return values.reshape(values.shape + (1,) * (like.ndim - values.ndim))


def perturb(key: jax.Array, x: jax.Array, sigma: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Draws `x + sigma z` with z ~ N(0, I).

    Args:
      key: a PRNG key.
      x: float32[B, T, D], the clean state.
      sigma: float32[B], one noise level per example.

    Returns:
      The perturbed state and z, both float32[B, T, D].
    """
    z = jax.random.normal(key, x.shape, x.dtype)
    return x + per_example(sigma, x) * z, z
