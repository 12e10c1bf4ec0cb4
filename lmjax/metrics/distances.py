"""How far one set of pieces lies from another, by a figure measured on each piece."""

import numpy as np


def auc(values: np.ndarray, reference: np.ndarray, seed: int = 0,
        draws: int = 1000) -> tuple[float, float, float]:
    """The share of pairs in which a value exceeds the reference's, ties half: (share, low, high).

    The area under the ROC curve of the figure as a classifier (Mann & Whitney 1947): 0.5 where it
    cannot tell the two sets apart, 1 where every value is above every reference. Low and high
    bound the 95 % bootstrap interval over both sets.

    Args:
      values: float[N], one per piece.
      reference: float[M].
      seed: of the bootstrap.
      draws: bootstrap samples.

    Raises:
      ValueError: if a set is empty or holds what is not a number.
    """
    values, reference = np.asarray(values, float), np.asarray(reference, float)
    for name, array in (("values", values), ("reference", reference)):
        if array.ndim != 1 or len(array) == 0 or np.isnan(array).any():
            raise ValueError(f"the {name} of an AUC are one or more numbers in a row, none NaN")
    above = np.greater.outer(values, reference) + np.equal.outer(values, reference) / 2
    generator = np.random.default_rng(seed)
    rows, columns = (generator.multinomial(n, np.full(n, 1 / n), draws) for n in above.shape)
    shares = np.sum(rows @ above * columns, axis=1) / above.size
    low, high = np.quantile(shares, (0.025, 0.975))
    return float(above.mean()), float(low), float(high)
