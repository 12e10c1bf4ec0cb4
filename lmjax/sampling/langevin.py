"""Langevin dynamics at a noise level, dx = alpha s dt + sqrt(2 alpha) dW, in finite steps.

With `alpha = rate sigma^2` and the score `s = (D - x) / sigma^2` a step of Euler and Maruyama is

    x <- x + rate (D(x, sigma) - x) + sqrt(2 rate) sigma z,

so the rate is the share of the way to the denoised state. Its chain is too hot, by an error of
first order. Leimkuhler and Matthews (2013) take each z twice, in two steps in a row,

    x <- x + rate (D(x, sigma) - x) + sqrt(rate / 2) sigma (z + z'),

which asks the model no more often, is exact for Gaussian data at any rate, and of second order for
others. Here states are written down between the halves of the noise, where their noise level is
`sigma sqrt(1 - rate / 2)`:

    y = x + sqrt(rate / 2) sigma z,    x <- y + rate (D(y, sigma) - y) + sqrt(rate / 2) sigma z.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.sampling.chain import Plan, Sampler, first_order
from lmjax.sampling.predictors import ancestral, ladder

SCHEMES = ("leimkuhler_matthews", "euler_maruyama")


def annealed(
        sigmas: jax.Array, steps: int, rate: float, scheme: str = SCHEMES[0]) -> Sampler:
    """Annealed Langevin dynamics (Song & Ermon 2019), `steps` steps at each level.

    Args:
      sigmas: float32[L], descending.
      steps: steps at each level.
      rate: of a step. Theirs is `alpha_i = epsilon sigma_i^2 / sigma_L^2` for all levels i, so the
        rate is `epsilon / sigma_L^2`.
      scheme: of a step; theirs is "euler_maruyama".

    Raises:
      ValueError: if there is no such scheme, or the rate does not lie in (0, 2), beyond which the
        chain runs away.
    """
    return Sampler(_steps(np.repeat(ladder(sigmas), steps), rate, scheme), first_order)


def predictor_corrector(
        sigmas: jax.Array, corrections: int, rate: float, scheme: str = SCHEMES[0],
        predictor: Sampler | None = None,
) -> Sampler:
    """A predictor, and after each of its steps Langevin steps at the level reached (Song 2021).

    Args:
      sigmas: float32[L], descending.
      corrections: Langevin steps after each predictor step.
      rate, scheme: see `annealed`.
      predictor: a first-order sampler on the same ladder; ancestral if not given.

    Raises:
      ValueError: if the predictor is not of first order, or as `annealed`.
    """
    predict = predictor if predictor is not None else ancestral(sigmas)
    if predict.step is not first_order:
        raise ValueError("corrections can follow first-order predictors only")
    correct = _steps(np.repeat(np.asarray(predict.plan.target), corrections), rate, scheme)

    def interleave(prediction: jax.Array, correction: jax.Array) -> jax.Array:
        rows = correction.reshape(len(prediction), corrections)
        return jnp.concatenate([prediction[:, None], rows], axis=1).ravel()

    return Sampler(Plan(*map(interleave, predict.plan, correct)), first_order)


def _steps(levels: np.ndarray, rate: float, scheme: str) -> Plan:
    """One Langevin step at each of the levels float[N], which states have before and after it."""
    if not 0 < rate < 2:
        raise ValueError(f"a Langevin rate must lie between 0 and 2, not {rate:.4g}")
    if scheme not in SCHEMES:
        raise ValueError(f"a scheme must be one of {', '.join(SCHEMES)}, not {scheme!r}")
    level = jnp.asarray(levels, jnp.float32)
    pull = jnp.full_like(level, rate)
    if scheme == "euler_maruyama":
        return Plan(level, level, pull, np.sqrt(2 * rate) * level, jnp.zeros_like(level))
    sigma = level / np.sqrt(1 - rate / 2)
    half = np.sqrt(rate / 2) * sigma
    return Plan(sigma, level, pull, half, half)
