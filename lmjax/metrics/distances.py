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


def separation(values: np.ndarray, reference: np.ndarray, seed: int = 0,
               draws: int = 1000) -> tuple[float, float, float]:
    """How well figures tell two sets of pieces apart, on average: (value, low, high).

    The mean of `|2 AUC - 1|` over figures (see `auc`): 0 where none of them tells the sets apart, 1
    where each does, whichever two pieces are compared. Figures in different units weigh the same,
    and one that is far off no more than one that is just always off.

    As no figure counts below 0, two sets of the same kind are not at 0 either: compare with what a
    third set of that kind and size reaches. Low and high bound the 95 % bootstrap interval over
    both sets.

    Args:
      values: float[N, R], R figures of each piece; NaN where a piece has none. A figure that no
        piece of a set has is left out.
      reference: float[M, R].
      seed: of the bootstrap.
      draws: bootstrap samples.

    Raises:
      ValueError: if a set is empty, or the sets differ in their figures.
    """
    values, reference = np.asarray(values, float), np.asarray(reference, float)
    if values.ndim != 2 or reference.ndim != 2 or values.shape[1] != reference.shape[1] or (
            0 in (*values.shape, *reference.shape)):
        raise ValueError("a separation is of two sets of pieces with the same figures, not of "
                         f"{values.shape} and {reference.shape}")
    generator = np.random.default_rng(seed)
    # The first of the draws is the pieces themselves.
    rows, columns = (np.concatenate([np.ones((1, n)), generator.multinomial(
        n, np.full(n, 1 / n), draws)]) for n in (len(values), len(reference)))
    apart = np.stack([_apart(*figure, rows, columns)
                      for figure in zip(values.T, reference.T, strict=True)])
    known = ~np.isnan(apart)
    mean = np.where(known, apart, 0).sum(0) / np.maximum(known.sum(0), 1)
    low, high = np.quantile(mean[1:], (0.025, 0.975))
    return float(mean[0]), float(low), float(high)


def _apart(values: np.ndarray, reference: np.ndarray, rows: np.ndarray,
           columns: np.ndarray) -> np.ndarray:
    """`|2 AUC - 1|` where pieces count float[draws, N] and [draws, M] times: float[draws]."""
    has, reference_has = ~np.isnan(values), ~np.isnan(reference)
    more = (np.greater.outer(values, reference).astype(float)
            - np.less.outer(values, reference))  # a comparison with NaN is false
    pairs = (rows @ has) * (columns @ reference_has)
    difference = np.sum(rows @ more * columns, axis=1)
    return np.where(pairs > 0, np.abs(difference) / np.where(pairs > 0, pairs, 1), np.nan)
