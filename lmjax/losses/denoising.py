"""Denoising score matching (Vincent 2011; Song & Ermon 2019).

All score-matching losses share one signature, `(score, key, x, sigma, mask) -> float32[B]`: the
score function, a key, the clean state float32[B, T, D], one sigma per example, and the coordinates
bool[B, T, D] that count. Each perturbs the state itself, and returns sums over coordinates divided
by the frames that have any that count.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from lmjax.noise.perturb import per_example, perturb

# (x float32[B, T, D], sigma float32[B]) -> float32[B, T, D]
Score = Callable[[jax.Array, jax.Array], jax.Array]


def per_frame(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Sums values [B, T, ...] where mask is true, over the frames with any: float32[B]."""
    frames = mask.reshape(*mask.shape[:2], -1).any(-1).sum(-1)
    axes = tuple(range(1, values.ndim))
    return jnp.where(mask, values, 0.0).sum(axes) / jnp.maximum(frames, 1)


def denoising(
        score: Score, key: jax.Array, x: jax.Array, sigma: jax.Array, mask: jax.Array,
) -> jax.Array:
    """`|s + (x~ - x) / sigma^2|^2` (the paper's equation 4)."""
    noisy, z = perturb(key, x, sigma)
    return per_frame(jnp.square(score(noisy, sigma) + z / per_example(sigma, x)), mask)


def weighted_denoising(
        score: Score, key: jax.Array, x: jax.Array, sigma: jax.Array, mask: jax.Array,
) -> jax.Array:
    """`|sigma s + z|^2`: the same times sigma^2 (the paper's theorem 4.3, its sign put right)."""
    noisy, z = perturb(key, x, sigma)
    return per_frame(jnp.square(per_example(sigma, x) * score(noisy, sigma) + z), mask)
