"""Wishes that are held exactly, as wrappers of a model or of a sampler."""

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised, from_logits
from lmjax.noise.embed import coordinates, embed, forbid
from lmjax.sampling.chain import Ask, Plan, Sampler, normal
from lmjax.sampling.relations import conditional


def hold(denoise: Denoise, table: jax.Array) -> Denoise:
    """A model that expects no token but those which a condition leaves, at any noise level.

    So given cells have their one token, and all others one that is allowed. This is what makes it
    certain; that other cells hear of it is up to the network, which is shown the condition. Of the
    relations of a frame each of its cells hears (see `relations.conditional`).

    Args:
      denoise: the model.
      table: float32[V, K, D], its embedding.
    """
    def holding(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        logits = denoise(x, sigma, condition).logits
        return from_logits(table, narrow(logits, condition))

    return holding


def without_sets(condition: Condition) -> Condition:
    """The same condition for a network that is not told which tokens are allowed, to be held to
    them by `hold`; but a cell that is left a single token is one that is given."""
    if condition.allowed is None:
        return condition
    single = (condition.allowed.sum(-1) == 1) & ~condition.known
    return condition._replace(
        known=condition.known | single, allowed=None,
        tokens=jnp.where(single, condition.allowed.argmax(-1), condition.tokens))


def narrow(logits: jax.Array, condition: Condition) -> jax.Array:
    """Logits float32[B, T, V, K], given what a condition leaves."""
    logits = forbid(logits, condition.possible(logits.shape[-1]))
    if condition.relations is None:
        return logits
    return conditional(logits, condition.relations)


def replace_known(sampler: Sampler, table: jax.Array, condition: Condition) -> Sampler:
    """The fallback for a model trained without masks: show it known cells as noised truth.

    Biased: the model denoises the other cells as if the known ones were merely that likely. Wrap
    the model in `hold` too, so that the known cells come out exact.
    """
    truth = embed(table, condition.tokens)
    known = coordinates(table, condition.known)

    def step(
            ask: Ask, keys: jax.Array, x: jax.Array, row: Plan) -> tuple[jax.Array, Denoised]:
        move_keys, noise_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        noised = truth + row.start * normal(noise_keys, x.shape[1:])
        return sampler.step(ask, move_keys, jnp.where(known, noised, x), row)

    return sampler._replace(step=step)
