"""Wishes that are held exactly, as wrappers of a model or of a sampler."""

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised, from_logits
from lmjax.noise.embed import coordinates, embed, forbid
from lmjax.sampling.chain import Ask, Plan, Sampler, normal


def restrict(denoise: Denoise, table: jax.Array, allowed: jax.Array) -> Denoise:
    """A model that never expects a token outside `allowed`, at any noise level.

    It guarantees but does not inform: other cells' posteriors do not hear of it.

    Args:
      denoise: the model.
      table: float32[V, K, D], its embedding.
      allowed: bool[B, T, V, K], or what broadcasts to it; some token in every cell.
    """
    def restricted(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        logits = denoise(x, sigma, condition).logits
        return from_logits(table, forbid(logits, allowed))

    return restricted


def hold_known(denoise: Denoise, table: jax.Array) -> Denoise:
    """A model that is certain of the condition's known cells: their one token is all it allows."""
    def holding(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        given = jax.nn.one_hot(condition.tokens, table.shape[1], dtype=bool)
        allowed = given | ~condition.known[..., None]
        return restrict(denoise, table, allowed)(x, sigma, condition)

    return holding


def replace_known(sampler: Sampler, table: jax.Array, condition: Condition) -> Sampler:
    """The fallback for a model trained without masks: show it known cells as noised truth.

    Biased: the model denoises the other cells as if the known ones were merely that likely. Wrap
    the model in `hold_known` too, so that the known cells come out exact.
    """
    truth = embed(table, condition.tokens)
    known = coordinates(table, condition.known)

    def step(
            ask: Ask, keys: jax.Array, x: jax.Array, row: Plan) -> tuple[jax.Array, Denoised]:
        move_keys, noise_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        noised = truth + row.sigma * normal(noise_keys, x.shape[1:])
        return sampler.step(ask, move_keys, jnp.where(known, noised, x), row)

    return sampler._replace(step=step)
