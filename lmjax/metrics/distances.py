"""How far apart two sets of values are."""

import numpy as np


def auc(values: np.ndarray, reference: np.ndarray, seed: int = 0,
        draws: int = 1000) -> tuple[float, float, float]:
    """The area under the curve, with its 95 % bootstrap interval: (value, low, high).

    It is the share of pairs in which a value exceeds the reference's, ties counting half: 0.5
    where the sets cannot be told apart, 1 where every value exceeds every reference.

    Args:
      values: float[N], one per piece.
      reference: float[M], one per piece of the reference.
      seed: of the draws, in which the pieces of both sets are drawn again with replacement.
      draws: how many bootstrap samples.

    Raises:
      ValueError: if either set is empty or holds what is not a number.
    """
    values, reference = np.asarray(values, float), np.asarray(reference, float)
    if not values.size or not reference.size:
        raise ValueError("an area under the curve needs values on both sides")
    if np.isnan(values).any() or np.isnan(reference).any():
        raise ValueError("an area under the curve needs numbers, not NaN")
    wins = np.sign(values[:, None] - reference) / 2 + 0.5
    generator = np.random.default_rng(seed)
    times, reference_times = (generator.multinomial(size, np.full(size, 1 / size), draws)
                              for size in wins.shape)
    drawn = (times @ wins * reference_times).sum(1) / wins.size
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(wins.mean()), float(low), float(high)
