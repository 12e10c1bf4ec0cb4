"""Samplers within a number of calls of the network, the calls being counted."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from lmjax.noise.denoiser import Denoised
from lmjax.sampling import chain
from lmjax.sampling.guidance import guide
from lmjax.sampling.settings import SAMPLERS, SamplerSettings


def calls(sampler, free, anything, keys, wrapped=lambda denoise: denoise):
    """How often a chain asks its model, maybe in a wrapping, as counted by the model."""
    count = []

    def denoise(x, sigma, condition):
        jax.debug.callback(lambda: count.append(1))
        return Denoised(x, jnp.zeros((*condition.known.shape, 2)))

    sample = jax.jit(lambda keys: chain.sample(
        keys, wrapped(denoise), sampler, free(1, 2), jnp.zeros(2), anything(1, 2)))
    jax.block_until_ready(sample(keys(1)))
    jax.effects_barrier()
    return len(count)


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("evaluations, steps", [(8, 1), (33, 2), (50, 4)])
def test_within_is_the_most_that_is_no_more(kind, evaluations, steps, free, anything, keys):
    base = SamplerSettings(kind=kind, steps=steps, eta=0.95, guidance=1.0)
    settings = base.within(evaluations)
    assert settings == dataclasses.replace(base, levels=settings.levels)
    sampler = settings.build()
    assert calls(sampler, free, anything, keys) == settings.evaluations <= evaluations
    another = dataclasses.replace(settings, levels=settings.levels + 1)
    assert another.evaluations > evaluations


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("below", [0.01, 1.5, 30.0])
def test_guidance_is_counted(kind, below, free, anything, keys):
    """It asks once more at all noise levels below one, here none of them, some, and all."""
    settings = SamplerSettings(kind=kind, levels=9, steps=2, eta=0.95, guidance=1.0)
    guided = dataclasses.replace(settings, guidance=2.0, guided_below=below)
    table = jnp.zeros((free(1, 2).known.shape[-1], 2, 2))
    count = calls(settings.build(), free, anything, keys, lambda denoise: guide(
        denoise, table, jnp.array([2.0]), [0], below))
    assert count == guided.evaluations
    assert (count > settings.evaluations) == (below > 1) and (
        (count == 2 * settings.evaluations) == (below > 20))
    fewer = guided.within(count - 1)
    assert fewer.levels == 8 and guided.within(count) == guided


@pytest.mark.parametrize("kind, least", [
    ("langevin", 9), ("predictor_corrector", 6), ("ode", 3), ("ancestral", 2)])
def test_too_few_evaluations(kind, least):
    settings = SamplerSettings(kind=kind, steps=4, guidance=1.0)
    assert settings.within(least).levels == 2
    with pytest.raises(ValueError, match=f"{least - 1} evaluations are too few for two levels"):
        settings.within(least - 1)
