"""Left-to-right models, trained by exact likelihood and sampled frame by frame."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.families.common import (
    DROPPED_TOGETHER,
    check_far,
    guiding,
    space_of,
    tilting,
    without_form,
)
from lmjax.metrics import likelihood as metrics
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.score import Params
from lmjax.networks.sequential import SequentialModel
from lmjax.noise.condition import Condition
from lmjax.sampling import sequential
from lmjax.sampling.energies import tilt_next
from lmjax.sampling.guidance import mix
from lmjax.settings import SCORE_NETWORKS, Settings
from lmjax.training import step

AT_ONCE = False  # see `Family`


def build(settings: Settings, vocabulary: Vocabulary) -> SequentialModel:
    """The left-to-right model that a config describes."""
    assert not isinstance(settings.network, SCORE_NETWORKS)
    return SequentialModel(space_of(vocabulary), settings.network, rhythm.SIZES, rhythm.KEY,
                           rhythm.FERMATA)


def objective(model: SequentialModel, settings: Settings) -> step.Objective:
    """The exact `-log p` of a window."""
    return step.sequential_objective(model, settings.condition, DROPPED_TOGETHER)


def likelihood(model: SequentialModel, draws: int, ends: tuple[float, float],
               ) -> Callable[..., metrics.Likelihood]:
    """The exact likelihood; see `Family`."""
    del draws, ends
    measure = metrics.build_exact(model.logits)

    def exact(params: Params, parts: Sequence[metrics.Part], frequencies: np.ndarray,
              batch_size: int, progress: bool = False) -> metrics.Likelihood:
        del frequencies
        return metrics.exact(measure, params, parts, batch_size, progress)

    return exact


def framewise(model: SequentialModel) -> None:
    """There is none; see `Family`."""
    del model


def sampler(model: SequentialModel, settings: Settings, vocabulary: Vocabulary,
            frequencies: np.ndarray,
            ) -> Callable[..., sequential.Generated]:
    """Frame by frame; see `Family`."""
    del frequencies
    how = settings.sampler
    assert isinstance(how, sequential.SequentialSettings)
    start, follow = map(jnp.asarray, vocabulary.legal())

    def sample(params: Params, keys: jax.Array, condition: Condition,
               near: jax.Array | None = None) -> sequential.Generated:
        check_far(near)
        wishes = condition.wishes
        notes = tilting(wishes, vocabulary)
        condition = condition._replace(tracks=model.foreseen(condition.tracks))
        batch, time = condition.frames.shape
        # Guided, the model reads each chorale twice: told of its form, and not.
        weight = guiding(wishes, how.guidance, batch)
        twice = 1 if weight is None else 2

        def advance(memory: Any, before: jax.Array, tracks: jax.Array,
                    number: jax.Array) -> tuple[Any, jax.Array]:
            if weight is not None:
                tracks = jnp.concatenate([tracks, without_form(tracks, settings)])
            return model.advance(
                params, memory, jnp.concatenate([before] * twice), tracks, number)

        def voices(features: jax.Array, here: jax.Array) -> jax.Array:
            logits = model.voices(params, features, jnp.concatenate([here] * twice))
            if weight is not None:
                log_p = jax.nn.log_softmax(logits)
                logits = mix(log_p[:batch], log_p[batch:], weight)
            if wishes.temperature is not None:
                logits = logits / wishes.temperature[:, None, None, None]
            return logits

        return sequential.generate(
            keys, model.begin(twice * batch, time), advance, voices, how, condition,
            (start, follow), None if notes is None else
            lambda logits, before, here, voice: tilt_next(
                logits, before, here, voice, notes, wishes))

    return sample


def evaluations(settings: Settings, frames: int) -> int:
    """Once a frame, and guided twice; see `Family`."""
    assert isinstance(settings.sampler, sequential.SequentialSettings)
    return frames * (1 if settings.sampler.guidance == 1 else 2)
