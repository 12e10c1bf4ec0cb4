"""Sliced score matching (Song et al. 2019), the trace of the Jacobian by one random direction."""

import jax
import jax.numpy as jnp

from lmjax.losses.denoising import Score, per_frame
from lmjax.noise.perturb import perturb


def sliced(
        score: Score, key: jax.Array, x: jax.Array, sigma: jax.Array, mask: jax.Array,
) -> jax.Array:
    """`v . (grad s) v + |s|^2 / 2` with v ~ N(0, I), on the perturbed state.

    The variance-reduced form of the paper's equation 3. Arguments as in `losses.denoising`.
    """
    noise_key, direction_key = jax.random.split(key)
    noisy, _ = perturb(noise_key, x, sigma)
    v = jnp.where(mask, jax.random.normal(direction_key, x.shape, x.dtype), 0.0)
    value, slope = jax.jvp(lambda state: score(state, sigma), (noisy,), (v,))
    return per_frame(v * slope + jnp.square(value) / 2, mask)
