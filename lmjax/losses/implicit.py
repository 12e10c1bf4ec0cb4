"""Implicit score matching (Hyvarinen 2005) with the exact trace: for checks in few dimensions."""

import jax
import jax.numpy as jnp

from lmjax.losses.denoising import Score, per_frame
from lmjax.noise.perturb import perturb


def implicit(
        score: Score, key: jax.Array, x: jax.Array, sigma: jax.Array, mask: jax.Array,
) -> jax.Array:
    """`tr grad s + |s|^2 / 2` on the perturbed state (the paper's equation 2).

    One directional derivative for each of the T D coordinates. Arguments as in
    `losses.denoising`.
    """
    noisy, _ = perturb(key, x, sigma)
    value, derivative = jax.linearize(lambda state: score(state, sigma), noisy)
    axes = jnp.eye(x[0].size, dtype=x.dtype).reshape(-1, *x.shape[1:])

    def along(axis: jax.Array) -> jax.Array:
        return derivative(jnp.broadcast_to(axis, x.shape)) * axis

    diagonal = jax.vmap(along)(axes).sum(0)
    return per_frame(diagonal + jnp.square(value) / 2, mask)
