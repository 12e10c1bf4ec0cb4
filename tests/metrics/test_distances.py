import numpy as np
import pytest

from lmjax.metrics.distances import auc


def test_separated_sets() -> None:
    assert auc(np.array([3, 4, 5]), np.array([1, 2])) == (1, 1, 1)
    assert auc(np.array([1, 2]), np.array([3, 4, 5])) == (0, 0, 0)


def test_equal_sets() -> None:
    share, low, high = auc(np.arange(50), np.arange(50))
    assert share == 0.5
    assert low < 0.5 < high
    assert auc(np.ones(3), np.ones(7)) == (0.5, 0.5, 0.5)


def test_a_known_share() -> None:
    # 2 exceeds 1 and ties with 2; 0 exceeds neither.
    assert auc(np.array([2, 0]), np.array([1, 2]))[0] == (1 + 0.5) / 4


def test_the_interval_covers_both_sets() -> None:
    """One value against many, and many against one: each set is drawn again."""
    generator = np.random.default_rng(1)
    many = generator.normal(size=200)
    for share, low, high in (auc(np.zeros(1), many), auc(many, np.zeros(1))):
        error = np.sqrt(share * (1 - share) / 200)
        assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)
    one = auc(many, np.zeros(1))
    both = auc(many, generator.normal(size=20))
    assert both[2] - both[1] > 1.3 * (one[2] - one[1])


def test_seeds() -> None:
    sets = np.arange(9.0), np.arange(3.0, 8.0)
    assert auc(*sets) == auc(*sets)
    assert auc(*sets, seed=1) != auc(*sets)


@pytest.mark.parametrize("values", [[], [1, np.nan], [[1, 2]]])
def test_mistakes(values: list) -> None:
    with pytest.raises(ValueError, match="values"):
        auc(np.array(values), np.ones(2))
    with pytest.raises(ValueError, match="reference"):
        auc(np.ones(2), np.array(values))
