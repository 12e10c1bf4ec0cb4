"""Order-agnostic models, trained to fill hidden cells and sampled by Gibbs sampling."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.families.common import (
    DROPPED_TOGETHER,
    check_far,
    guiding,
    hears_sets,
    space_of,
    tilting,
    windows_of,
    without_form,
)
from lmjax.metrics import orders
from lmjax.metrics.likelihood import Bound, Likelihood, Part
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.masked import MaskedModel, MaskedSettings
from lmjax.networks.score import Params
from lmjax.noise.condition import Condition
from lmjax.sampling import gibbs
from lmjax.sampling.constraints import without_sets
from lmjax.sampling.energies import tilt_cells
from lmjax.sampling.guidance import mix
from lmjax.sampling.overlap import joined, spans
from lmjax.settings import Settings
from lmjax.training import step

AT_ONCE = True  # see `Family`


def build(settings: Settings, vocabulary: Vocabulary) -> MaskedModel:
    """The order-agnostic model that a config describes."""
    assert isinstance(settings.network, MaskedSettings)
    return MaskedModel(space_of(vocabulary), settings.network, rhythm.SIZES, rhythm.KEY)


def objective(model: MaskedModel, settings: Settings) -> step.Objective:
    """The bound on `-log p` of a window, over random orders."""
    return step.masked_objective(model, settings.condition, DROPPED_TOGETHER)


def likelihood(model: MaskedModel, draws: int, ends: tuple[float, float],
               ) -> Callable[..., Bound]:
    """The bound, by random sets of hidden cells; see `Family`."""
    del ends
    measure = orders.build_measure(model.logits)

    def bound(params: Params, parts: Sequence[Part], frequencies: np.ndarray, batch_size: int,
              progress: bool = False) -> Bound:
        del frequencies
        return orders.order_bound(measure, params, parts, draws, batch_size, progress=progress)

    return bound


def framewise(model: MaskedModel) -> Callable[..., Likelihood]:
    """See `Family`."""
    measure = orders.build_framewise(model.logits)

    def figure(params: Params, parts: Sequence[Part], batch_size: int,
               progress: bool = False) -> Likelihood:
        return orders.framewise(measure, params, parts, batch_size, progress=progress)

    return figure


def sampler(model: MaskedModel, settings: Settings, vocabulary: Vocabulary,
            frequencies: np.ndarray) -> Callable[..., gibbs.Generated]:
    """Gibbs sampling as `settings.sampler` describes it; see `Family`."""
    del frequencies
    how, use = settings.sampler, settings.compose
    assert isinstance(how, gibbs.GibbsSettings)
    legal = tuple(map(jnp.asarray, vocabulary.legal()))

    def sample(params: Params, keys: jax.Array, condition: Condition,
               near: jax.Array | None = None) -> gibbs.Generated:
        check_far(near)
        wishes = condition.wishes
        notes = tilting(wishes, vocabulary)
        weight = guiding(wishes, how.guidance, len(keys))

        def read(shown: Condition) -> jax.Array:
            frames = shown.frames.shape[1]
            if frames <= use.window:
                return model.logits(params, shown)
            each = spans(frames, use.window, use.step)
            return joined(model.logits(params, windows_of(shown, each, use.window)), each)

        def ask(keys: jax.Array, shown: Condition) -> jax.Array:
            del keys
            if not hears_sets(settings):
                shown = without_sets(shown)
            logits = read(shown)
            if weight is not None:
                withheld = shown._replace(tracks=without_form(shown.tracks, settings))
                untold = jax.nn.log_softmax(read(withheld))
                logits = mix(jax.nn.log_softmax(logits), untold, weight)
            if wishes.temperature is not None:
                logits = logits / wishes.temperature[:, None, None, None]
            return logits

        return gibbs.generate(
            keys, ask, how, condition, (legal[0], legal[1]), None if notes is None else
            lambda logits, frames: tilt_cells(logits, notes, frames, wishes))

    return sample


def evaluations(settings: Settings, frames: int) -> int:
    """Once a step, and once before the first, and guided twice; see `Family`."""
    del frames
    how = settings.sampler
    assert isinstance(how, gibbs.GibbsSettings)
    return (how.steps + 1) * (1 if how.guidance == 1 else 2)
