import numpy as np
import pytest

from lmjax.metrics.bootstrap import (
    deviation_interval,
    median_interval,
    ratio_interval,
    standard_error,
)


def test_ratio_is_of_sums_not_of_means() -> None:
    value, low, high = ratio_interval(np.array([1, 9]), np.array([1, 99]))
    assert value == pytest.approx(0.1)
    assert low == pytest.approx(9 / 99) and high == pytest.approx(1.0)


def test_equal_pieces_have_no_error() -> None:
    above, below = np.full(20, 3), np.full(20, 4)
    assert ratio_interval(above, below) == (0.75, 0.75, 0.75)
    assert standard_error(above, below) == 0


def test_error_of_a_mean_is_the_textbook_one() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    below = np.ones(400)
    expected = values.std() / 20
    assert standard_error(values, below, draws=4000) == pytest.approx(expected, rel=0.06)
    value, low, high = ratio_interval(values, below, draws=4000)
    assert value == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * expected, rel=0.08)


def test_seed_decides() -> None:
    above, below = np.arange(10.0), np.ones(10)
    assert ratio_interval(above, below, seed=3) == ratio_interval(above, below, seed=3)
    assert ratio_interval(above, below, seed=3) != ratio_interval(above, below, seed=4)


def test_nothing_to_divide_by() -> None:
    zeros = np.zeros(5)
    assert np.isnan(ratio_interval(zeros, zeros)).all()
    assert np.isnan(standard_error(zeros, zeros))
    assert np.isnan(standard_error(np.array([1.0]), np.array([2.0])))
    with pytest.raises(ValueError, match="at least one piece"):
        ratio_interval(np.zeros(0), np.zeros(0))


def test_error_of_a_median_is_the_textbook_one() -> None:
    values = np.random.default_rng(3).normal(5, 2, 400)
    value, low, high = median_interval(values, draws=4000)
    assert value == np.median(values)
    # The variance of the median of n normals is pi sigma^2 / 2n.
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(np.pi / 2 * 4 / 400), rel=0.2)
    assert median_interval(np.full(9, 3.0)) == (3, 3, 3)
    with pytest.raises(ValueError, match="at least one piece"):
        median_interval(np.zeros(0))


def test_the_interval_of_a_deviation_is_that_of_normal_values():
    values = np.random.default_rng(0).normal(3, 2, 400)
    value, low, high = deviation_interval(values, draws=4000)
    assert value == pytest.approx(np.std(values, ddof=1))
    error = 2 / np.sqrt(2 * 400)  # of a normal sample's deviation
    np.testing.assert_allclose([value - low, high - value], 1.96 * error, rtol=0.25)
    assert np.isnan(deviation_interval(np.ones(1))).all()
    with pytest.raises(ValueError, match="at least one piece"):
        deviation_interval(np.zeros(0))
