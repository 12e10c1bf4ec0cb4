"""Tables of ratios over pieces with their intervals, and how they are printed."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lmjax.metrics.bootstrap import ratio_interval

Interval = tuple[float, float, float]  # value, and the ends of its 95 % interval
Counts = dict[str, tuple[float, float]]  # numerator and denominator of each ratio, for one piece


class Row(NamedTuple):
    """A row of a table: its label, the factor on the ratio, and the decimals to print."""

    label: str
    scale: float
    decimals: int


def ratios(counts: Sequence[Counts], rows: Mapping[str, Row], seed: int = 0,
           draws: int = 1000) -> dict[str, Interval]:
    """The rows of a table from the counts of its pieces: label -> (value, low, high).

    Values are ratios of sums over pieces, in the unit of the label; low and high bound the 95 %
    bootstrap interval over pieces. All three are NaN where there is nothing to divide by.

    Args:
      counts: of each piece, for every name in `rows`.
      rows: by name.
      seed: of the bootstrap.
      draws: bootstrap samples.

    Raises:
      ValueError: if there are no pieces.
    """
    table = {}
    for name, row in rows.items():
        above, below = np.array([piece[name] for piece in counts], float).reshape(-1, 2).T
        value, low, high = ratio_interval(above, below, seed, draws)
        table[row.label] = (row.scale * value, row.scale * low, row.scale * high)
    return table


def by_piece(counts: Sequence[Counts], rows: Mapping[str, Row]) -> np.ndarray:
    """Each piece's own ratios, float[N, R], unscaled; NaN where there is nothing to divide by."""
    pairs = np.array([[piece[name] for name in rows] for piece in counts], float)
    above, below = np.moveaxis(pairs.reshape(len(counts), len(rows), 2), -1, 0)
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def format_table(columns: Mapping[str, Mapping[str, Interval]], rows: Mapping[str, Row]) -> str:
    """Tables side by side as aligned Markdown: name of the column -> its table."""
    lines = [["", *columns]]
    for row in rows.values():
        lines.append([row.label, *(_cell(column[row.label], row.decimals)
                                   for column in columns.values())])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                          for i, (cell, width) in enumerate(zip(line, widths, strict=True))) + " |"
        for line in lines)


def _cell(entry: Interval, decimals: int) -> str:
    """"value [low, high]"; empty where there was nothing to divide by."""
    if np.isnan(entry[0]):
        return ""
    value, low, high = (f"{number:.{decimals}f}" for number in entry)
    return f"{value} [{low}, {high}]"


def comma_separated(table: Mapping[str, Mapping[str, Sequence[float] | None]],
                    rows: Sequence[str]) -> str:
    """Some rows of a table, by column, as CSV: each value, and the ends of its interval if any."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["measure", *(
        f"{name}{end}" for name in table for end in ("", " low", " high"))])
    for row in rows:
        cells: list[Any] = []
        for column in table.values():
            found = list(column.get(row) or ())
            cells += found + [""] * (3 - len(found))
        writer.writerow([row, *cells])
    return out.getvalue()
