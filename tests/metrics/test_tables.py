import numpy as np

from lmjax.metrics.tables import Row, by_piece, format_table, ratios

ROWS = {"one": Row("one, %", 100, 1), "two": Row("two", 1, 1)}


def test_each_piece_by_itself() -> None:
    counts = [{"two": (3.0, 2.0), "one": (1.0, 4.0)}, {"one": (0.0, 0.0), "two": (0.0, 5.0)}]
    np.testing.assert_array_equal(by_piece(counts, ROWS), [[0.25, 1.5], [np.nan, 0]])
    assert by_piece([], ROWS).shape == (0, 2)


def test_what_cannot_be_divided_is_an_empty_cell() -> None:
    columns = {"ours": ratios([{"one": (1.0, 4.0), "two": (3.0, 0.0)}], ROWS)}
    one, two = format_table(columns, ROWS).splitlines()[2:]
    assert [cell.strip() for cell in one.strip("|").split("|")] == ["one, %", "25.0 [25.0, 25.0]"]
    assert [cell.strip() for cell in two.strip("|").split("|")] == ["two", ""]
