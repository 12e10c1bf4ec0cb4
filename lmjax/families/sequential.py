"""Left-to-right models, trained by exact likelihood and sampled frame by frame."""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.families.common import DROPPED_TOGETHER, check_plain, space_of
from lmjax.metrics import likelihood as metrics
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.score import Params
from lmjax.networks.sequential import SequentialModel
from lmjax.noise.condition import Condition
from lmjax.sampling import sequential
from lmjax.settings import SCORE_NETWORKS, Settings
from lmjax.training import step


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
        check_plain(condition, near)
        condition = condition._replace(tracks=model.foreseen(condition.tracks))
        return sequential.generate(
            keys, model.begin(*condition.frames.shape), functools.partial(model.advance, params),
            functools.partial(model.voices, params), how, condition, (start, follow))

    return sample


def evaluations(settings: Settings, frames: int) -> int:
    """Once a frame; see `Family`."""
    del settings
    return frames
