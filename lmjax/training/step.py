"""One step of training: an objective, and a move along its gradient."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from lmjax.losses.denoising import denoising, weighted_denoising
from lmjax.losses.implicit import implicit
from lmjax.losses.likelihood import cross_entropy
from lmjax.losses.sliced import sliced
from lmjax.networks.masked import MaskedModel
from lmjax.networks.score import Params, ScoreModel
from lmjax.networks.sequential import SequentialModel
from lmjax.noise.condition import Condition, hide
from lmjax.noise.denoiser import score
from lmjax.noise.embed import coordinates, embed
from lmjax.noise.perturb import perturb
from lmjax.noise.schedule import SigmaDistribution
from lmjax.training.conditions import ConditionSettings, draw_condition
from lmjax.training.state import TrainState

SCORE_LOSSES = {"denoising": denoising, "weighted_denoising": weighted_denoising,
                "sliced": sliced, "implicit": implicit}
LOSSES = ("cross_entropy", *SCORE_LOSSES)


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """What is minimised.

    Attributes:
      kind: "cross_entropy" of the token posterior, or a score-matching loss: "denoising",
        "weighted_denoising", "sliced", "implicit".
      cap: cross-entropy at noise level sigma is weighted by min(1 / sigma, cap), since the high
        levels have the largest cross-entropy and the least to learn.
      sigma: "example" draws a noise level for every example, stratified over the batch; "batch"
        one for all of them (the paper's code).
    """

    kind: str = "cross_entropy"
    cap: float = 2.0
    sigma: str = "example"

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise ValueError(f"loss.kind must be one of {', '.join(LOSSES)}, not {self.kind!r}")
        if self.cap <= 0:
            raise ValueError(f"loss.cap must be positive, not {self.cap}")
        if self.sigma not in ("example", "batch"):
            raise ValueError(f"loss.sigma must be 'example' or 'batch', not {self.sigma!r}")


# A batch: tokens int32[B, T, V], tracks int32[B, T, C], frames bool[B, T].
Batch = tuple[jax.Array, jax.Array, jax.Array]
# (params, key, batch) -> what is minimised, per frame
Objective = Callable[[Params, jax.Array, Batch], jax.Array]
Step = Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]


def loss(model: ScoreModel, params: Params, key: jax.Array, tokens: jax.Array,
         condition: Condition, sigma: jax.Array, settings: LossSettings) -> jax.Array:
    """The loss of a batch, per unknown frame.

    Args:
      model: the score model.
      params: its parameters.
      key: for noise and dropout.
      tokens: int32[B, T, V], the truth.
      condition: what is known of it.
      sigma: float32[B].
      settings: which loss.
    """
    noise_key, dropout_key = jax.random.split(key)
    table = model.table(params)
    denoise = model.denoiser(params, dropout_key)
    x = embed(table, tokens)
    unknown = condition.frames[..., None] & ~condition.known
    if settings.kind == "cross_entropy":
        noisy, _ = perturb(noise_key, x, sigma)
        surprise = cross_entropy(denoise(noisy, sigma, condition).logits, tokens, unknown)
        weighted = surprise * jnp.minimum(1 / sigma, settings.cap)
        return tokens.shape[-1] * weighted.sum() / jnp.maximum(unknown.sum(), 1)

    def score_at(noisy: jax.Array, sigma: jax.Array) -> jax.Array:
        return score(denoise(noisy, sigma, condition), noisy, sigma)

    mask = coordinates(table, unknown)
    return SCORE_LOSSES[settings.kind](score_at, noise_key, x, sigma, mask).mean()


def score_objective(
        model: ScoreModel, noise: SigmaDistribution, conditions: ConditionSettings,
        groups: tuple[tuple[int, ...], ...], settings: LossSettings) -> Objective:
    """The objective of a score model.

    Args:
      model: the score model.
      noise: which noise levels are drawn.
      conditions: what the network is shown.
      groups: indices of the conditioning tracks that are withheld together.
      settings: the loss.
    """
    def objective(params: Params, key: jax.Array, batch: Batch) -> jax.Array:
        tokens, tracks, frames = batch
        sigma_key, condition_key, loss_key = jax.random.split(key, 3)
        sigma = noise.sample(sigma_key, tokens.shape[0], settings.sigma)
        condition = draw_condition(condition_key, tokens, tracks, frames, groups, conditions,
                                   model.space)
        return loss(model, params, loss_key, tokens, condition, sigma, settings)

    return objective


def sequential_objective(model: SequentialModel, conditions: ConditionSettings,
                         groups: tuple[tuple[int, ...], ...]) -> Objective:
    """The objective of a left-to-right model: the exact `-log p` of the frames that exist.

    Args:
      model: the left-to-right model.
      conditions: what the network is shown; given cells are nothing to it.
      groups: indices of the conditioning tracks that are withheld together.
    """
    def objective(params: Params, key: jax.Array, batch: Batch) -> jax.Array:
        tokens, tracks, frames = batch
        condition_key, dropout_key = jax.random.split(key)
        condition = draw_condition(condition_key, tokens, tracks, frames, groups, conditions,
                                   model.space)
        surprise = cross_entropy(model.logits(params, condition, tokens, dropout_key), tokens,
                                 jnp.broadcast_to(frames[..., None], tokens.shape))
        return surprise.sum() / jnp.maximum(frames.sum(), 1)

    return objective


def masked_objective(model: MaskedModel, conditions: ConditionSettings,
                     groups: tuple[tuple[int, ...], ...]) -> Objective:
    """The objective of an order-agnostic model: its bound on `-log p` (see `metrics.orders`).

    Args:
      model: the order-agnostic model.
      conditions: which tracks the network is shown; the cells are those that are not hidden.
      groups: indices of the conditioning tracks that are withheld together.
    """
    def objective(params: Params, key: jax.Array, batch: Batch) -> jax.Array:
        tokens, tracks, frames = batch
        condition_key, level_key, hide_key, dropout_key = jax.random.split(key, 4)
        condition = draw_condition(condition_key, tokens, tracks, frames, groups, conditions,
                                   model.space)
        # Stratified: each batch has examples of which little is hidden, and much.
        level = (jnp.arange(len(tokens)) + jax.random.uniform(level_key, (len(tokens),)))
        cells = jnp.broadcast_to(frames[..., None], tokens.shape)
        hidden, weight = hide(jax.random.split(hide_key, len(tokens)), level / len(tokens), cells)
        known = cells & ~hidden
        shown = condition._replace(known=known, tokens=jnp.where(known, tokens, 0))
        surprise = cross_entropy(model.logits(params, shown, dropout_key), tokens, hidden)
        return (weight * surprise).sum() / jnp.maximum(frames.sum(), 1)

    return objective


def build_step(objective: Objective, optimizer: optax.GradientTransformation, base_key: jax.Array,
               ema: float) -> Step:
    """The training step, pure, to be jitted by the caller.

    Args:
      objective: what is minimised.
      optimizer: what turns gradients into updates.
      base_key: the run's key; step n uses `fold_in(base_key, n)`.
      ema: decay of the average of the weights.
    """
    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        key = jax.random.fold_in(base_key, state.step)
        value, gradients = jax.value_and_grad(objective)(state.params, key, batch)
        after = state.updated(gradients, optimizer, ema)
        return after, {"loss": value, "gradient_norm": optax.tree.norm(gradients),
                       "parameter_norm": optax.tree.norm(after.params)}

    return step
