"""Where the chains end, as a file of numbers, as tables and as a picture."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmjax.files import write_bytes
from lmjax.metrics import theory
from lmjax.metrics.tables import Interval, Row, format_table, ratios
from lmjax.render.curve import Banded, write_bands

ROWS = {**{name: theory.ROWS[name] for name in (
    "dissonant", "triads", "parallel_fifths", "parallel_octaves", "in_order", "odd_onsets")},
    "moved": Row("cells whose pitch is not that of the start, %", 100, 1)}
SHOWN = ("dissonant", "triads", "moved")

Table = dict[str, Interval]
Ends = dict[int, dict[str, tuple[int, Table]]]  # budget -> method -> evaluations and table


def table(pitches: Sequence[np.ndarray], start: Sequence[np.ndarray]) -> Table:
    """The rows of `ROWS` for chorales int[T, 4] that began as `start`."""
    return ratios([{**theory.count(pitch), "moved": (int((pitch != before).sum()), pitch.size)}
                   for pitch, before in zip(pitches, start, strict=True)], ROWS)


def report(folder: pathlib.Path, about: Mapping[str, Any],
           found: Mapping[str, Ends], beside: Mapping[str, Mapping[str, Table]]) -> None:
    """Writes `escape.json`, `escape.md` and `escape.png`.

    Args:
      folder: of the files.
      about: what all chains have in common.
      found: kind of start -> where its chains end.
      beside: kind of start -> "start" and "Bach" -> table.
    """
    lines = ["# Out of local minima", "", ", ".join(f"{k} {v}" for k, v in about.items())
             + ". Brackets: 95 % bootstrap intervals over chorales.", ""]
    panels: dict[str, dict[str, Banded]] = {}
    levels: dict[str, dict[str, Interval]] = {}
    for kind, budgets in found.items():
        for budget, methods in budgets.items():
            lines += [f"## {kind}: {budget} evaluations at most", "", format_table(
                {**beside[kind], **{f"{name} ({evaluations})": table
                                    for name, (evaluations, table) in methods.items()}}, ROWS), ""]
        for row in (ROWS[name] for name in SHOWN):
            label = f"{kind}:\n{row.label}"
            panels[label] = {name: (
                [methods[name][0] for methods in budgets.values()],
                [methods[name][1][row.label] for methods in budgets.values()])
                for name in next(iter(budgets.values()))}
            levels[label] = {name: table[row.label] for name, table in beside[kind].items()}
    write_bytes(folder / "escape.json", json.dumps(
        {"about": about, "ends": found, "beside": beside}, indent=1).encode())
    write_bytes(folder / "escape.md", "\n".join(lines).encode())
    write_bands(folder / "escape.png", panels, levels, "network evaluations")
