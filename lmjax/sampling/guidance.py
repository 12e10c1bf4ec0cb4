"""Obeying more, or less, than the model would by itself."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised, from_logits


def check_guidance(weight: float) -> None:
    """Raises ValueError if a sampler's weight of guidance cannot be."""
    if weight < 0:
        raise ValueError(f"sampler.guidance must not be negative, but is {weight:g}")


def guide(denoise: Denoise, table: jax.Array, weight: jax.Array, tracks: Sequence[int],
          below: float = jnp.inf) -> Denoise:
    """Classifier-free guidance by some tracks (Ho & Salimans 2022), of logits.

    With s the score and s_0 that of the model which is not told the tracks, this is
    `s_0 + w (s - s_0)` for posteriors `p_0 (p / p_0)^w` of each cell. It asks the model twice, but
    above a noise level, where there is no guidance (Kynkäänniemi et al. 2024).

    Args:
      denoise: the model, trained with these tracks withheld at times.
      table: float32[V, K, D], its embedding.
      weight: w, float32[B].
      tracks: which.
      below: the highest noise level at which there is guidance; that of an example is that of all.
    """
    def guided(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        guiding = jnp.zeros(condition.tracks.shape[-1], bool).at[jnp.array(tracks)].set(True)
        further = sigma[0] <= below

        def ask(number: jax.Array, log_p: jax.Array) -> jax.Array:
            """Told first and then untold, in a loop, so that the model is compiled once."""
            shown = jnp.where((number > 0) & guiding, 0, condition.tracks)
            said = denoise(x, sigma, condition._replace(tracks=shown))
            return log_p.at[number].set(jax.nn.log_softmax(said.logits))

        nothing = jnp.zeros((2, *condition.known.shape, table.shape[1]))
        told, untold = jax.lax.fori_loop(0, 1 + further, ask, nothing)
        return from_logits(table, mix(told, untold, jnp.where(further, weight, 1.0)))

    return guided


def mix(log_p: jax.Array, log_p0: jax.Array, weight: jax.Array) -> jax.Array:
    """Logits float32[B, T, V, K] of `p_0 (p / p_0)^w`, with w float32[B]."""
    return log_p0 + weight[:, None, None, None] * (log_p - log_p0)


def temper(denoise: Denoise, table: jax.Array, temperature: jax.Array) -> Denoise:
    """A model whose logits are divided by temperatures float32[B], at every noise level."""
    def tempered(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        logits = denoise(x, sigma, condition).logits
        return from_logits(table, logits / temperature[:, None, None, None])

    return tempered
