"""Samplers that go down a noise ladder, one rung a step.

From sigma to sigma' < sigma every first-order step is

    x <- x + eta (D - x) + sqrt(sigma'^2 - (1 - eta)^2 sigma^2) z,    1 - sigma'/sigma <= eta,

and the choice of eta is all that tells them apart. Each takes the clean state for D itself, and so
leaves less variance than it ought to: for data of variance tau^2, with r = sigma' / sigma,

    tau^2 sigma^2 / (tau^2 + sigma^2) (1 - r^2)^2 less after an `ancestral` step,
    tau^2 sigma^2 / (tau^2 + sigma^2) (1 - r)^2   less after one of `euler`.

The last rung is left noisy: the chain's final denoising does the rest.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.noise.denoiser import Denoised
from lmjax.sampling.chain import Ask, Plan, Sampler, first_order


def ancestral(sigmas: jax.Array) -> Sampler:
    """Reverse diffusion, `eta = 1 - sigma'^2 / sigma^2`, down the ladder float32[L]."""
    here, there = _rungs(sigmas)
    return _descend(here, there, 1 - np.square(there / here))


def euler(sigmas: jax.Array) -> Sampler:
    """The probability-flow ODE by Euler's rule, no noise, down the ladder float32[L]."""
    here, there = _rungs(sigmas)
    return _descend(here, there, 1 - there / here)


def consistent(sigmas: jax.Array, eta: float) -> Sampler:
    """Consistent annealed sampling (Jolicoeur-Martineau et al. 2020) down the ladder float32[L].

    Args:
      sigmas: the ladder.
      eta: the share of the way to the denoised state at each rung.

    Raises:
      ValueError: if some rung is too far from the next for so small an eta, or eta overshoots so
        far that the state would be noisier than its level.
    """
    here, there = _rungs(sigmas)
    least, most = (1 - there / here).max(), (1 + there / here).min()
    if not least - 1e-6 <= eta <= most:
        raise ValueError(f"eta must lie between {least:.4g} and {most:.4g} on this ladder, not "
                         f"{eta}; more levels allow a smaller one")
    return _descend(here, there, np.full_like(here, eta))


def heun(sigmas: jax.Array) -> Sampler:
    """The same ODE by Heun's second-order rule (Karras et al. 2022), two calls a row."""
    return Sampler(euler(sigmas).plan, _heun_step, calls=2)


def _heun_step(
        ask: Ask, keys: jax.Array, x: jax.Array, row: Plan) -> tuple[jax.Array, Denoised]:
    """`dx/dsigma = (x - D) / sigma`, its slopes at both ends averaged; draws nothing."""
    del keys
    denoised = ask(x, row.sigma)
    slope = (x - denoised.mean) / row.sigma
    ahead = x + (row.target - row.sigma) * slope
    slope_ahead = (ahead - ask(ahead, row.target).mean) / row.target
    return x + (row.target - row.sigma) * (slope + slope_ahead) / 2, denoised


def ladder(sigmas: jax.Array) -> np.ndarray:
    """The ladder as float64[L].

    Raises:
      ValueError: unless it has 2 levels or more, all positive and descending.
    """
    levels = np.asarray(sigmas, np.float64)
    if len(levels) < 2 or not (levels[-1] > 0 and (np.diff(levels) < 0).all()):
        raise ValueError(
            "a noise ladder needs 2 or more positive levels, each below the one before")
    return levels


def _rungs(sigmas: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """Where each step starts and where it ends, float64[L - 1] each."""
    levels = ladder(sigmas)
    return levels[:-1], levels[1:]


def _descend(here: np.ndarray, there: np.ndarray, eta: np.ndarray) -> Sampler:
    """The sampler whose noise brings the state from level `here` to level `there`."""
    # Exactly zero for Euler, but for rounding that may fall on either side.
    variance = np.square(there) - np.square((1 - eta) * here)
    noise = np.sqrt(np.where(variance > 1e-12 * np.square(there), variance, 0.0))
    columns = (jnp.asarray(column, jnp.float32) for column in (
        here, there, eta, noise, np.zeros_like(here)))
    return Sampler(Plan(*columns), first_order)
