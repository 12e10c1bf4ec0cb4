import numpy as np
import pytest

from lmjax.metrics.distances import auc, separation


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


def test_separation_is_a_mean_over_figures() -> None:
    values = np.array([[3.0, 1.0], [4.0, 2.0]])
    reference = np.array([[1.0, 1.0], [2.0, 2.0]])
    assert separation(values[:, :1], reference[:, :1]) == (1, 1, 1)
    assert separation(-values[:, :1], -reference[:, :1]) == (1, 1, 1)
    assert separation(values[:, 1:], reference[:, 1:])[0] == 0
    assert separation(values, reference)[0] == 0.5


def test_separation_agrees_with_the_area_under_the_curve() -> None:
    generator = np.random.default_rng(0)
    values, reference = generator.normal(1, 1, (40, 3)), generator.normal(0, 1, (30, 3))
    shares = [auc(v, r)[0] for v, r in zip(values.T, reference.T, strict=True)]
    value, low, high = separation(values, reference)
    assert value == pytest.approx(np.mean([abs(2 * share - 1) for share in shares]))
    assert low < value < high
    one = separation(values[:, :1], reference[:, :1])
    np.testing.assert_allclose(one, [2 * share - 1 for share in auc(
        values[:, 0], reference[:, 0])], atol=0.05)


def test_separation_of_like_sets_shrinks_as_they_grow() -> None:
    generator = np.random.default_rng(0)
    few, many = (separation(generator.normal(size=(n, 5)), generator.normal(size=(n, 5)))[0]
                 for n in (8, 800))
    assert 0 < many < 0.06 < few


def test_figures_that_a_piece_lacks() -> None:
    values = np.array([[3.0, np.nan], [np.nan, np.nan], [1.0, np.nan]])
    reference = np.array([[2.0, 1.0], [np.nan, 2.0]])
    assert separation(values, reference)[0] == 0
    values[1, 0] = 5
    assert separation(values, reference)[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("shapes", [((0, 2), (1, 2)), ((1, 2), (1, 3)), ((2,), (2,))])
def test_sets_that_cannot_be_compared(shapes: tuple) -> None:
    with pytest.raises(ValueError, match="with the same figures"):
        separation(np.ones(shapes[0]), np.ones(shapes[1]))
