"""The one loop in which every sampler runs.

Most samplers are schedules of one move: ask the model for the denoised state D at a noise level,
go a share of the way there and add fresh noise, some of it before the model is asked if so wished,

    y = x + churn z,    x <- y + pull (D(y, sigma) - y) + noise z,    z ~ N(0, I).

Such a schedule is a `Plan`, and a `Sampler` is a plan with the step that carries out its rows.
Compile once and reuse:

    compose = jax.jit(lambda keys, m: chain.sample(keys, denoise, sampler, m, centre, legal))
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised, score
from lmjax.sampling.decode import Legal, decode

STARTS = ("normal", "uniform")

# (x float32[B, T, D], scalar sigma) -> Denoised: a model whose condition is settled.
Ask = Callable[[jax.Array, jax.Array], Denoised]


class Plan(NamedTuple):
    """A schedule of N moves; every field is float32[N], one row is four scalars.

    Attributes:
      sigma: the noise level at which the model is asked.
      target: the noise level that the state has afterwards.
      pull: the share of the way to the denoised state.
      noise: the standard deviation of the noise that is added.
      churn: of the part of it that is added before the model is asked: the state that comes in has
        the noise level `sqrt(sigma^2 - churn^2)`.
    """

    sigma: jax.Array
    target: jax.Array
    pull: jax.Array
    noise: jax.Array
    churn: jax.Array

    @property
    def start(self) -> jax.Array:
        """The noise level float32[N] of the state that comes in."""
        return jnp.sqrt(jnp.square(self.sigma) - jnp.square(self.churn))


# The arguments of `diagnose` -> any pytree, to be kept of every row
Diagnose = Callable[..., Any]
# (ask, keys [B], x, row of a plan) -> (x, what the model said of the x that came in)
Step = Callable[[Ask, jax.Array, jax.Array, Plan], tuple[jax.Array, Denoised]]


class Sampler(NamedTuple):
    """A plan, the step that carries out its rows, and how often that step asks the model."""

    plan: Plan
    step: Step
    calls: int = 1

    @property
    def evaluations(self) -> int:
        """How often `sample` asks the model, the final denoising included."""
        return self.calls * len(self.plan.sigma) + 1


class Diagnostics(NamedTuple):
    """What happened at each row of a plan, over the frames that exist; all float32[N, B].

    Attributes:
      score_norm: length of the score at the state that comes in, by what the model said.
      step_norm: length of the move.
      entropy: mean entropy of a cell's token probabilities, nats.
      changed: share of cells whose most probable token differs from the row before; 1 at first.
    """

    score_norm: jax.Array
    step_norm: jax.Array
    entropy: jax.Array
    changed: jax.Array


class Sample(NamedTuple):
    """Finished chorales.

    Attributes:
      tokens: int32[B, T, V], the most probable legal sequence; 0 in padding.
      logits: float32[B, T, V, K], of the final denoising.
      x: float32[B, T, D], the denoised state.
      corrected: int32[B], cells in which legality overruled the most probable token.
      diagnostics: `Diagnostics`, or whatever else was kept of each row.
    """

    tokens: jax.Array
    logits: jax.Array
    x: jax.Array
    corrected: jax.Array
    diagnostics: Any


def normal(keys: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Standard normal noise float32[B, *shape], each example's from its own key alone."""
    return jax.vmap(lambda key: jax.random.normal(key, shape))(keys)


def first_order(
        ask: Ask, keys: jax.Array, x: jax.Array, row: Plan) -> tuple[jax.Array, Denoised]:
    """The step of the module's docstring."""
    z = normal(keys, x.shape[1:])
    x = x + row.churn * z
    denoised = ask(x, row.sigma)
    return x + row.pull * (denoised.mean - x) + row.noise * z, denoised


def initial(
        keys: jax.Array, time: int, centre: jax.Array, sigma: float | jax.Array,
        start: str = "normal",
) -> jax.Array:
    """The state float32[B, T, D] in which a chain begins.

    Args:
      keys: B PRNG keys.
      time: T.
      centre: float32[D], the data's mean frame.
      sigma: the first noise level.
      start: "normal", N(centre, sigma^2); or "uniform", U(0, 1) whatever sigma (the paper's code).

    Raises:
      ValueError: if `start` is neither.
    """
    if start not in STARTS:
        raise ValueError(f"start must be one of {STARTS}, not {start!r}")
    shape = (time, centre.shape[-1])
    if start == "uniform":
        return jax.vmap(lambda key: jax.random.uniform(key, shape))(keys)
    return centre + sigma * normal(keys, shape)


def diagnose(
        denoised: Denoised, before: jax.Array, after: jax.Array, sigma: jax.Array,
        best: jax.Array, frames: jax.Array,
) -> Diagnostics:
    """One row's diagnostics, float32[B] each.

    Args:
      denoised: what the model said of the state.
      before: float32[B, T, D], the state.
      after: float32[B, T, D], where it moved.
      sigma: its noise level, a scalar.
      best: int32[B, T, V], the row before's likeliest tokens; -1 at first.
      frames: bool[B, T], the frames that exist.
    """
    def length(vectors: jax.Array) -> jax.Array:
        return jnp.sqrt((jnp.square(vectors).sum(-1) * frames).sum(-1))

    def mean_of_cells(values: jax.Array) -> jax.Array:
        return (values.mean(-1) * frames).sum(-1) / jnp.maximum(frames.sum(-1), 1)

    log_p = jax.nn.log_softmax(denoised.logits)
    return Diagnostics(
        length(score(denoised, before, jnp.full(before.shape[:1], sigma))),
        length(after - before),
        mean_of_cells(-(jnp.exp(log_p) * log_p).sum(-1)),
        mean_of_cells((denoised.logits.argmax(-1) != best).astype(jnp.float32)))


def run(
        keys: jax.Array, denoise: Denoise, sampler: Sampler, x: jax.Array, condition: Condition,
        diagnose: Diagnose = diagnose,
) -> tuple[jax.Array, Any]:
    """Carries out the sampler's plan from state x.

    Example b depends on `keys[b]` and its own state and condition only, whatever else is in the
    batch. Row i draws from `fold_in(keys[b], i)`.

    Args:
      keys: B PRNG keys.
      denoise: the model, with whatever constraints wrap it.
      sampler: what to do.
      x: float32[B, T, D], at noise level `sampler.plan.start[0]`.
      condition: what is known.
      diagnose: what is kept of each row.

    Returns:
      The state at noise level `sampler.plan.target[-1]`, and the diagnostics.
    """
    def ask(state: jax.Array, sigma: jax.Array) -> Denoised:
        return denoise(state, jnp.full(state.shape[:1], sigma), condition)

    def body(
            carry: tuple[jax.Array, jax.Array], scanned: tuple[jax.Array, Plan],
    ) -> tuple[tuple[jax.Array, jax.Array], Any]:
        x, best = carry
        index, row = scanned
        step_keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, index)
        moved, denoised = sampler.step(ask, step_keys, x, row)
        info = diagnose(denoised, x, moved, row.start, best, condition.frames)
        return (moved, denoised.logits.argmax(-1).astype(jnp.int32)), info

    nothing_yet = jnp.full(condition.tokens.shape, -1, jnp.int32)
    rows = jnp.arange(len(sampler.plan.sigma)), sampler.plan
    (x, _), diagnostics = jax.lax.scan(body, (x, nothing_yet), rows)
    return x, diagnostics


def sample(
        keys: jax.Array, denoise: Denoise, sampler: Sampler, condition: Condition,
        centre: jax.Array, legal: Legal, start: str = "normal", diagnose: Diagnose = diagnose,
) -> Sample:
    """From noise to tokens: start, chain, final denoising, most probable legal sequence.

    Args:
      keys: B PRNG keys.
      denoise: the model, with whatever constraints wrap it.
      sampler: what to do.
      condition: what is known; its frames give B and T.
      centre: float32[D], the data's mean frame.
      legal: bool[V, K] and bool[V, K, K], which tokens may begin and which may follow which.
      start: see `initial`.
      diagnose: what is kept of each row as the sample's diagnostics.
    """
    start_keys, chain_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    x = initial(start_keys, condition.frames.shape[1], centre, sampler.plan.start[0], start)
    return _finish(chain_keys, denoise, sampler, x, condition, legal, diagnose)


def vary(
        keys: jax.Array, denoise: Denoise, sampler: Sampler, clean: jax.Array,
        condition: Condition, legal: Legal,
) -> Sample:
    """Music near some that is given: noised to the sampler's first level, and brought back.

    The higher the level, the less is kept (Meng et al. 2022, "SDEdit").

    Args:
      keys: B PRNG keys.
      denoise: the model, with whatever constraints wrap it.
      sampler: the way back.
      clean: float32[B, T, D], the given music, embedded.
      condition: what is known.
      legal: as in `sample`.
    """
    noise_keys, chain_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    x = clean + sampler.plan.start[0] * normal(noise_keys, clean.shape[1:])
    return _finish(chain_keys, denoise, sampler, x, condition, legal)


def _finish(
        keys: jax.Array, denoise: Denoise, sampler: Sampler, x: jax.Array, condition: Condition,
        legal: Legal, diagnose: Diagnose = diagnose,
) -> Sample:
    """From a state at the first noise level to tokens."""
    x, diagnostics = run(keys, denoise, sampler, x, condition, diagnose)
    final = denoise(x, jnp.full(x.shape[:1], sampler.plan.target[-1]), condition)
    tokens, corrected = decode(final.logits, legal, condition.frames)
    return Sample(tokens, final.logits, final.mean, corrected, diagnostics)
