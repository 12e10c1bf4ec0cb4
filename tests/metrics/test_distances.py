import math

import numpy as np
import pytest

from lmjax.metrics.distances import auc


@pytest.mark.parametrize(("values", "reference", "share"), [
    ([3, 4], [1, 2], 1.0),
    ([1, 2], [3, 4], 0.0),
    ([1, 2], [1, 2], 0.5),
    ([5, 5], [5, 5, 5], 0.5),
    ([1, 2], [0, 1], 3.5 / 4),
    ([2], [1, 2, 3, 4], 1.5 / 4),
])
def test_known_shares(values, reference, share):
    assert auc(np.array(values), np.array(reference))[0] == pytest.approx(share)


def test_apart_without_doubt():
    assert auc(np.arange(5) + 10, np.arange(9)) == (1, 1, 1)


def test_shifted_normals():
    # P(x + shift > y) of two standard normals is Phi(shift / sqrt 2).
    x, y = np.random.default_rng(0).normal(size=(2, 2000))
    assert auc(x + 0.8, y, draws=1)[0] == pytest.approx((1 + math.erf(0.8 / 2)) / 2, abs=0.02)


def test_the_interval_is_that_of_both_sets():
    # Of equal sets of continuous values the variance is (N + M + 1) / 12NM (Mann & Whitney 1947).
    x, y = np.random.default_rng(1).normal(size=200), np.random.default_rng(2).normal(size=50)
    _, low, high = auc(x, y, draws=4000)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(251 / 12 / 200 / 50), rel=0.1)


def test_seed_decides():
    x, y = np.arange(10.0), np.arange(10.0) + 3.5
    assert auc(x, y, seed=1) == auc(x, y, seed=1)
    assert auc(x, y, seed=1) != auc(x, y, seed=2)


def test_mistakes():
    with pytest.raises(ValueError, match="both sides"):
        auc(np.array([]), np.array([1.0]))
    with pytest.raises(ValueError, match="both sides"):
        auc(np.array([1.0]), np.array([]))
    with pytest.raises(ValueError, match="NaN"):
        auc(np.array([1.0, np.nan]), np.array([1.0]))
