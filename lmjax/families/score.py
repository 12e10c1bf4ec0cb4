"""Score models: denoisers, trained on noised chorales and sampled along noise levels."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.families.common import (
    DROPPED_TOGETHER,
    FORM,
    guiding,
    hears_sets,
    space_of,
    tilting,
    windows_of,
)
from lmjax.metrics import likelihood as metrics
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.score import Params, ScoreModel
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised
from lmjax.noise.embed import embed
from lmjax.sampling import chain, energies
from lmjax.sampling.constraints import hold, replace_known, without_sets
from lmjax.sampling.guidance import guide, temper
from lmjax.sampling.overlap import apart, joined, spans
from lmjax.sampling.settings import SamplerSettings
from lmjax.settings import SCORE_NETWORKS, Settings
from lmjax.training import step

AT_ONCE = True  # see `Family`


def build(settings: Settings, vocabulary: Vocabulary) -> ScoreModel:
    """The score model that a config describes."""
    assert isinstance(settings.network, SCORE_NETWORKS) and settings.embedding
    return ScoreModel(space_of(vocabulary), settings.network, settings.embedding, rhythm.SIZES,
                      rhythm.KEY)


def objective(model: ScoreModel, settings: Settings) -> step.Objective:
    """The loss that `settings.loss` names, at noise levels that `settings.noise` draws."""
    assert settings.noise and settings.loss
    return step.score_objective(
        model, settings.noise, settings.condition, DROPPED_TOGETHER, settings.loss)


def likelihood(model: ScoreModel, draws: int, ends: tuple[float, float],
               ) -> Callable[..., metrics.NoiseBound]:
    """The bound, by noise levels between two ends; see `Family`."""
    measure = metrics.build_measure(model.denoiser, model.table)

    def bound(params: Params, parts: Sequence[metrics.Part], frequencies: np.ndarray,
              batch_size: int, progress: bool = False) -> metrics.NoiseBound:
        return metrics.bound(measure, params, parts, frequencies, draws, *ends, batch_size,
                             progress=progress)

    return bound


def framewise(model: ScoreModel) -> None:
    """There is none; see `Family`."""
    del model


def sampler(model: ScoreModel, settings: Settings, vocabulary: Vocabulary,
            frequencies: np.ndarray) -> Callable[..., chain.Sample]:
    """The chain that `settings.sampler` describes; see `Family`."""
    assert isinstance(settings.sampler, SamplerSettings)
    start_at, guidance = settings.sampler.start, settings.sampler.guidance
    below = settings.sampler.guided_below
    plan, shares = settings.sampler.build(), jnp.asarray(frequencies)
    start, follow = map(jnp.asarray, vocabulary.legal())
    # A network that was never shown given cells can only be shown them as noised truth.
    shown = model.states_logits and settings.condition.known > 0

    def sample(params: Params, keys: jax.Array, condition: Condition,
               near: jax.Array | None = None) -> chain.Sample:
        asked = (condition.allowed, condition.relations, *condition.wishes)
        if not model.states_logits and any(one is not None for one in asked):
            raise ValueError("a model that states a mean and no token probabilities can be given "
                             "notes, and nothing else can be asked of it")
        table = model.table(params)
        centre = jnp.einsum("vk,vkd->d", shares, table)
        denoise, how, wishes = model.denoiser(params), plan, condition.wishes
        if not hears_sets(settings):
            denoise = deaf(denoise)
        denoise = by_windows(denoise, settings.compose.window, settings.compose.step)
        weight = guiding(wishes, guidance, len(keys))
        if weight is not None:
            denoise = guide(denoise, table, weight, FORM, below)
        if wishes.temperature is not None:
            denoise = temper(denoise, table, wishes.temperature)
        if model.states_logits:
            denoise = hold(denoise, table)
        notes = tilting(wishes, vocabulary)
        if notes is not None:
            denoise = energies.tilt(denoise, table, notes, wishes)
        if not shown:
            how = replace_known(plan, table, condition)
        if near is not None:
            return chain.vary(keys, denoise, how, embed(table, near), condition, (start, follow))
        return chain.sample(keys, denoise, how, condition, centre, (start, follow), start_at)

    return sample


def by_windows(denoise: Denoise, length: int, step: int) -> Denoise:
    """A model that reads a piece longer than a window in windows of a length, each beginning a step
    after the one before."""
    def windowed(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        if x.shape[1] <= length:
            return denoise(x, sigma, condition)
        each = spans(x.shape[1], length, step)
        said = denoise(apart(x, each, length), jnp.tile(sigma, len(each)),
                       windows_of(condition, each, length))
        return Denoised(*(joined(part, each) for part in said))

    return windowed


def deaf(denoise: Denoise) -> Denoise:
    """A model that hears no sets of tokens."""
    return lambda x, sigma, condition: denoise(x, sigma, without_sets(condition))


def evaluations(settings: Settings, frames: int) -> int:
    """How often the chain asks the network; see `Family`."""
    del frames
    assert isinstance(settings.sampler, SamplerSettings)
    return settings.sampler.evaluations
