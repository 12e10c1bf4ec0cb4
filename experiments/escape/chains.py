"""Both ways out of a poor chorale, at so many calls of the network."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.escape import gibbs
from experiments.quality_and_cost.cells import Cell, remember, settings_of
from lmjax.composer import Composer
from lmjax.noise.condition import Condition
from lmjax.noise.embed import embed
from lmjax.sampling import chain
from lmjax.sampling.chain import Plan, Sampler, Step
from lmjax.sampling.settings import SamplerSettings


class Programs(NamedTuple):
    """Both ways from tokens int32[B, T, V], compiled for a composer.

    Attributes:
      langevin: (keys [B], tokens, plan, step) -> tokens; the plan's levels are data.
      gibbs: (keys [B], tokens, first, last) -> tokens, after the steps from first to last - 1.
    """

    langevin: Any
    gibbs: Any


def programs(composer: Composer, tracks: np.ndarray) -> Programs:
    """The programs for chorales of which the tracks int32[T, C] are known, and nothing else.

    Raises:
      ValueError: if the composer's network was not trained with given cells, as Gibbs needs.
    """
    if not composer.settings.condition.known or not composer.model.states_logits:
        raise ValueError("single-cell Gibbs sampling needs a network that was trained with given "
                         "cells: condition.known above 0")
    model, params = composer.model, composer.params
    start, follow = map(jnp.asarray, composer.vocabulary.legal())

    def condition(tokens: jax.Array) -> Condition:
        return Condition.free(jnp.broadcast_to(tracks, (len(tokens), *tracks.shape)))

    @functools.partial(jax.jit, static_argnames="step")
    def langevin(params: Any, keys: jax.Array, tokens: jax.Array, plan: Plan,
                 step: Step) -> jax.Array:
        return chain.vary(keys, model.denoiser(params), Sampler(plan, step),
                          embed(model.table(params), tokens), condition(tokens),
                          (start, follow)).tokens

    @jax.jit
    def single_cells(params: Any, keys: jax.Array, tokens: jax.Array, first: jax.Array,
                     last: jax.Array) -> jax.Array:
        centre = jnp.einsum("vk,vkd->d", composer.frequencies, model.table(params))
        ask = gibbs.by_score(model.denoiser(params), centre, composer.settings.sampler.sigma_max)
        return gibbs.run(keys, ask, tokens, condition(tokens), first, last)

    return Programs(functools.partial(langevin, params), functools.partial(single_cells, params))


def ends(composer: Composer, made: Programs, tokens: np.ndarray, budgets: Sequence[int],
         samplers: Mapping[str, SamplerSettings], seed: int, stem: str, folder: pathlib.Path,
         header: Mapping[str, Any]) -> Iterator[tuple[str, int, int, np.ndarray]]:
    """Where chains from int32[B, T, 4] end: (method, budget, evaluations made, tokens) of each.

    Args:
      composer: the model.
      made: its programs.
      tokens: the start.
      budgets: the most evaluations of each chain, rising.
      samplers: by the name of the method; each budget has as many levels as it allows.
      seed: of the noise.
      stem: what files are called.
      folder: of the files; chains that have ended before are read from them.
      header: what makes files of other runs others.
    """
    keys = jax.vmap(lambda n: jax.random.fold_in(jax.random.key(seed), n))(
        jnp.arange(len(tokens)))
    here, done = tokens, 0
    for budget in budgets:
        def step(here: np.ndarray = here, done: int = done, budget: int = budget) -> Any:
            return {"tokens": made.gibbs(keys, here, done, budget)}

        here = remember(folder / f"{stem}-gibbs-{budget}.npz", header, step)["tokens"]
        done = budget
        yield "single-cell Gibbs", budget, budget, here
        for number, (name, base) in enumerate(samplers.items()):
            settings = settings_of(Cell(base.kind, budget), base)
            sampler = settings.build()

            def sample(sampler: Sampler = sampler) -> Any:
                return {"tokens": made.langevin(keys, tokens, sampler.plan, sampler.step)}

            yield name, budget, sampler.evaluations, remember(
                folder / f"{stem}-{number}-{budget}.npz",
                {**header, "sampler": dataclasses.asdict(settings)}, sample)["tokens"]
