import numpy as np

from lmjax.metrics.tables import Row, by_piece

ROWS = {"one": Row("one, %", 100, 1), "two": Row("two", 1, 1)}


def test_each_piece_by_itself() -> None:
    counts = [{"two": (3.0, 2.0), "one": (1.0, 4.0)}, {"one": (0.0, 0.0), "two": (0.0, 5.0)}]
    np.testing.assert_array_equal(by_piece(counts, ROWS), [[0.25, 1.5], [np.nan, 0]])
    assert by_piece([], ROWS).shape == (0, 2)
