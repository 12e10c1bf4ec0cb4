"""Errors of ratios, medians and deviations over pieces, which are drawn again with replacement."""

import numpy as np


def ratio_interval(numerators: np.ndarray, denominators: np.ndarray, seed: int = 0,
                   draws: int = 1000) -> tuple[float, float, float]:
    """A ratio of sums over pieces with its 95 % bootstrap interval: (value, low, high).

    Args:
      numerators: float[N], one per piece.
      denominators: float[N], one per piece, none negative.
      seed: of the draws; equal seeds draw the same pieces.
      draws: how many bootstrap samples.

    Returns:
      The three numbers, NaN where there is nothing to divide by.

    Raises:
      ValueError: if there are no pieces.
    """
    drawn = _ratios(numerators, denominators, seed, draws)
    if drawn.size == 0:
        return float("nan"), float("nan"), float("nan")
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(np.sum(numerators) / np.sum(denominators)), float(low), float(high)


def standard_error(numerators: np.ndarray, denominators: np.ndarray, seed: int = 0,
                   draws: int = 1000) -> float:
    """The bootstrap standard error of a ratio of sums over pieces, float[N] each.

    NaN where it cannot be told: from a single piece, or with nothing to divide by.

    Raises:
      ValueError: if there are no pieces.
    """
    drawn = _ratios(numerators, denominators, seed, draws)
    if len(numerators) == 1 or drawn.size < 2:
        return float("nan")
    return float(np.std(drawn, ddof=1))


def median_interval(values: np.ndarray, seed: int = 0,
                    draws: int = 1000) -> tuple[float, float, float]:
    """A median over pieces, float[N], with its 95 % bootstrap interval: (value, low, high).

    Raises:
      ValueError: if there are no pieces.
    """
    drawn = _drawn(values, seed, draws)
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return float(np.median(values)), float(low), float(high)


def deviation_interval(values: np.ndarray, seed: int = 0,
                       draws: int = 1000) -> tuple[float, float, float]:
    """A standard deviation over pieces, float[N], with its 95 % bootstrap interval: (value, low,
    high); NaN of a single piece.

    Raises:
      ValueError: if there are no pieces.
    """
    drawn = _drawn(values, seed, draws)
    if drawn.shape[1] == 1:
        return float("nan"), float("nan"), float("nan")
    low, high = np.quantile(np.std(drawn, axis=1, ddof=1), (0.025, 0.975))
    return float(np.std(values, ddof=1)), float(low), float(high)


def _drawn(values: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """Values of pieces drawn with replacement, float[draws, N]."""
    values = np.asarray(values, np.float64)
    if not values.size:
        raise ValueError("a bootstrap needs at least one piece")
    pieces = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    return values[pieces]


def _ratios(numerators: np.ndarray, denominators: np.ndarray, seed: int,
            draws: int) -> np.ndarray:
    """The ratio in each bootstrap sample of the pieces that has something to divide by."""
    sums = np.stack([numerators, denominators], axis=-1).astype(np.float64)
    pieces = len(sums)
    if pieces == 0:
        raise ValueError("a bootstrap needs at least one piece")
    times = np.random.default_rng(seed).multinomial(pieces, np.full(pieces, 1 / pieces), draws)
    above, below = (times @ sums).T
    return above[below > 0] / below[below > 0]
