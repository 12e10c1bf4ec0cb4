"""Noise ladders for sampling and noise distributions for training.

A ladder is float32[L], descending, from `sigma_max` to `sigma_min`, both included.
"""

import dataclasses
import math
from collections.abc import Callable
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np

KINDS = ("discrete", "log_uniform", "log_logistic")


def geometric(sigma_max: float, sigma_min: float, levels: int) -> jax.Array:
    """Levels whose neighbours have one ratio (Song & Ermon 2019)."""
    _check_range(sigma_max, sigma_min, levels)
    return jnp.asarray(np.geomspace(sigma_max, sigma_min, levels), jnp.float32)


def karras(sigma_max: float, sigma_min: float, levels: int, rho: float = 7.0) -> jax.Array:
    """Levels evenly spaced in `sigma^(1/rho)` (Karras et al. 2022, equation 5)."""
    _check_range(sigma_max, sigma_min, levels)
    root = np.linspace(sigma_max ** (1 / rho), sigma_min ** (1 / rho), levels)
    return jnp.asarray(root**rho, jnp.float32)


def log_logistic(
        sigma_max: float, sigma_min: float, levels: int, centre: float, spread: float,
) -> jax.Array:
    """Levels at equal quantiles of a logistic in log sigma: many where tokens are in doubt.

    Args:
      sigma_max: the first level.
      sigma_min: the last level.
      levels: L, at least 2.
      centre: the sigma around which levels lie densest.
      spread: the logistic's scale, in nats of log sigma.
    """
    _check_range(sigma_max, sigma_min, levels)
    distribution = SigmaDistribution("log_logistic", sigma_min, sigma_max, levels, centre, spread)
    ladder = distribution.quantile(jnp.linspace(1.0, 0.0, levels))
    return ladder.at[0].set(sigma_max).at[-1].set(sigma_min)


def ncsnv2_ratio(dimension: int) -> float:
    """The ratio of neighbouring levels at which their samples overlap by half.

    Solves `Phi(a (g - 1) + 3 g) - Phi(a (g - 1) - 3 g) = 1/2`, `a = sqrt(2 dimension)`
    (Song & Ermon 2020, technique 2), by bisection.

    Args:
      dimension: coordinates of the whole state, frames times width.

    Raises:
      ValueError: in fewer than 5 dimensions, where any two levels overlap by more than half.
    """
    if dimension < 5:
        raise ValueError(f"the rule for the ratio needs 5 dimensions or more, not {dimension}")
    a, phi = math.sqrt(2 * dimension), NormalDist().cdf
    low, high = 1.0, 4 * a / (a - 3)
    for _ in range(100):
        middle = (low + high) / 2
        shift = a * (middle - 1)
        overlap = phi(shift + 3 * middle) - phi(shift - 3 * middle)
        low, high = (middle, high) if overlap > 0.5 else (low, middle)
    return low


def ncsnv2_levels(dimension: int, sigma_max: float, sigma_min: float) -> int:
    """How many geometric levels have at most the ratio of `ncsnv2_ratio`."""
    _check_range(sigma_max, sigma_min, 2)
    return 1 + math.ceil(math.log(sigma_max / sigma_min) / math.log(ncsnv2_ratio(dimension)))


def ncsnv2_step(ratio: float, sigma_min: float, steps: int) -> float:
    """The Langevin step `epsilon` that best equilibrates a level (Song & Ermon 2020, technique 4).

    With `r = epsilon / sigma_min^2`, the state's variance over the level's, after `steps` steps
    from the level before, is `(1 - r)^(2 steps) (ratio^2 - c) + c`, `c = 1 / (1 - r / 2)`. It
    stays above 1, so the nearest it comes to 1 is its minimum.
    """
    rate = np.geomspace(1e-8, 1.0, 200_001)
    settled = 1 / (1 - rate / 2)
    variance = (1 - rate) ** (2 * steps) * (ratio**2 - settled) + settled
    return float(rate[np.argmin(variance)] * sigma_min**2)


def stratified_sigma(
        key: jax.Array, batch: int, inverse_cdf: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """One sigma from each of `batch` equally likely strata, in random order: float32[B].

    Args:
      key: a PRNG key.
      batch: B.
      inverse_cdf: maps float32[B] in [0, 1) to sigmas.
    """
    within, order = jax.random.split(key)
    u = (jnp.arange(batch) + jax.random.uniform(within, (batch,))) / batch
    return inverse_cdf(jax.random.permutation(order, u))


@dataclasses.dataclass(frozen=True)
class SigmaDistribution:
    """Which noise levels a model is trained on.

    Attributes:
      kind: "discrete", the rungs of a geometric ladder with equal chances; "log_uniform"; or
        "log_logistic", a logistic in log sigma cut off at the ends.
      sigma_min: the smallest sigma.
      sigma_max: the largest sigma.
      levels: L, `discrete` only.
      centre: the sigma in the middle of the logistic, `log_logistic` only.
      spread: its scale in nats of log sigma, `log_logistic` only.
    """

    kind: str = "log_logistic"
    sigma_min: float = 0.05
    sigma_max: float = 20.0
    levels: int = 20
    centre: float = 0.9
    spread: float = 0.55

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, not {self.kind!r}")
        _check_range(self.sigma_max, self.sigma_min, self.levels)
        if self.centre <= 0 or self.spread <= 0:
            raise ValueError("centre and spread must be positive, not "
                             f"{self.centre} and {self.spread}")

    def sample(self, key: jax.Array, batch: int, per: str = "example") -> jax.Array:
        """Draws float32[B].

        Args:
          key: a PRNG key.
          batch: B.
          per: "example", stratified over the batch; or "batch", one draw that all examples
            share (the paper's code).
        """
        if per not in ("example", "batch"):
            raise ValueError(f"per must be 'example' or 'batch', not {per!r}")
        drawn = stratified_sigma(key, batch if per == "example" else 1, self.quantile)
        return jnp.broadcast_to(drawn, (batch,))

    def quantile(self, u: jax.Array) -> jax.Array:
        """The inverse of the distribution function: u in [0, 1] to sigma."""
        low, high = math.log(self.sigma_min), math.log(self.sigma_max)
        if self.kind == "log_logistic":
            below, above = self._logistic_mass()
            p = below + (above - below) * u
            log_sigma = math.log(self.centre) + self.spread * jax.scipy.special.logit(p)
        elif self.kind == "log_uniform":
            log_sigma = low + (high - low) * u
        else:
            rung = jnp.minimum(jnp.floor(u * self.levels), self.levels - 1)
            log_sigma = low + (high - low) * rung / (self.levels - 1)
        return jnp.exp(jnp.clip(log_sigma, low, high))

    def density(self, sigma: jax.Array) -> jax.Array:
        """The density with respect to log sigma, inside the range.

        The discrete ladder is given the density of the log-uniform distribution that it stands
        for.
        """
        if self.kind != "log_logistic":
            return jnp.full_like(sigma, 1 / math.log(self.sigma_max / self.sigma_min))
        below, above = self._logistic_mass()
        p = jax.nn.sigmoid((jnp.log(sigma) - math.log(self.centre)) / self.spread)
        return p * (1 - p) / (self.spread * (above - below))

    def _logistic_mass(self) -> tuple[float, float]:
        """The logistic's mass below `sigma_min` and below `sigma_max`."""
        below, above = ((self.centre / end) ** (1 / self.spread)
                        for end in (self.sigma_min, self.sigma_max))
        return 1 / (1 + below), 1 / (1 + above)


def _check_range(sigma_max: float, sigma_min: float, levels: int) -> None:
    """Raises ValueError unless `sigma_max > sigma_min > 0` and there are at least 2 levels."""
    if not sigma_max > sigma_min > 0:
        raise ValueError(
            f"sigma_max must exceed sigma_min, and that 0; they are {sigma_max} and {sigma_min}")
    if levels < 2:
        raise ValueError(f"a noise ladder needs 2 levels or more, not {levels}")
