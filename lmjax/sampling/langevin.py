"""Langevin dynamics at a noise level: `x <- x + alpha s + sqrt(2 alpha) z`.

With `alpha = rate sigma^2` and `s = (D - x) / sigma^2` this is `x + rate (D - x) + sqrt(2 rate)
sigma z`: the rate is the share of the way to the denoised state. At a finite rate the chain is too
hot by a known factor, so it must stay well below 1.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.sampling.chain import Plan, Sampler, first_order
from lmjax.sampling.predictors import ancestral, ladder


def annealed(
        sigmas: jax.Array, steps: int, epsilon: float | None = None, rate: float | None = None,
) -> Sampler:
    """Annealed Langevin dynamics (Song & Ermon 2019), `steps` steps at each level.

    Args:
      sigmas: float32[L], descending.
      steps: steps at each level.
      epsilon: the paper's step, `alpha_i = epsilon sigma_i^2 / sigma_L^2`; or
      rate: `epsilon / sigma_L^2`. One of the two.

    Raises:
      ValueError: unless exactly one of them is given and the rate lies in (0, 2), beyond which
        the chain runs away.
    """
    levels = ladder(sigmas)
    if (epsilon is None) == (rate is None):
        raise ValueError("give epsilon or rate, and not both")
    share = rate if rate is not None else epsilon / levels[-1] ** 2
    return Sampler(_langevin(np.repeat(levels, steps), share), first_order)


def predictor_corrector(
        sigmas: jax.Array, corrections: int, rate: float, predictor: Sampler | None = None,
) -> Sampler:
    """A predictor, and after each of its steps Langevin steps at the level reached (Song 2021).

    Args:
      sigmas: float32[L], descending.
      corrections: Langevin steps after each predictor step.
      rate: their rate.
      predictor: a first-order sampler on the same ladder; ancestral if not given.

    Raises:
      ValueError: if the predictor is not of first order or the rate not in (0, 2).
    """
    predict = predictor if predictor is not None else ancestral(sigmas)
    if predict.step is not first_order:
        raise ValueError("corrections can follow first-order predictors only")
    correct = _langevin(np.repeat(np.asarray(predict.plan.target), corrections), rate)

    def interleave(prediction: jax.Array, correction: jax.Array) -> jax.Array:
        rows = correction.reshape(len(prediction), corrections)
        return jnp.concatenate([prediction[:, None], rows], axis=1).ravel()

    return Sampler(Plan(*map(interleave, predict.plan, correct)), first_order)


def _langevin(levels: np.ndarray, rate: float) -> Plan:
    """One Langevin step at each of the levels float[N]."""
    if not 0 < rate < 2:
        raise ValueError(f"a Langevin rate must lie between 0 and 2, not {rate:.4g}")
    sigma = jnp.asarray(levels, jnp.float32)
    return Plan(sigma, sigma, jnp.full_like(sigma, rate), np.sqrt(2 * rate) * sigma)
