"""The curve as a file of numbers, as tables and as a picture."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.quality_and_cost.cells import Cell
from experiments.quality_and_cost.measures import ROWS, SEPARATION, UNKNOWN, Measured
from lmjax.files import write_bytes
from lmjax.metrics import theory
from lmjax.metrics.distances import auc
from lmjax.metrics.tables import Interval, Row, format_table
from lmjax.render.curve import write_bands
from lmjax.sampling.settings import SamplerSettings

FEW = 100  # evaluations that the default sampler may take at most
BOUND = Row("likelihood bound, nats per frame", 1, 3)
WITH_LANGEVIN_STEPS = ("langevin", "predictor_corrector")
# What tells whether they help, of each chorale.
SWITCHED = ("dissonant", "triads", "grade")


class Point(NamedTuple):
    """A cell of the curve and what was measured there.

    Attributes:
      settings: of the sampler.
      measured: of its samples.
      seconds: of composing one sample.
      bound: nats per frame, for ancestral sampling alone.
    """

    settings: SamplerSettings
    measured: Measured
    seconds: float
    bound: Interval = UNKNOWN

    @property
    def evaluations(self) -> int:
        """Calls of the network a window."""
        return self.settings.evaluations


def write(folder: pathlib.Path, about: Mapping[str, Any], bach: Mapping[str, Measured],
          points: Mapping[Cell, Point], limit: Interval) -> None:
    """Writes `curve.json`, `curve.md` and `curve.png`.

    Args:
      folder: of the files.
      about: what all points have in common.
      bach: windows of a split by the split's name; samples are told from the first.
      points: what was measured.
      limit: the bound of the model, NaN where it was not measured.
    """
    record = {
        "about": about, "bound": limit,
        "bach": {name: {"pieces": len(measured.values), **_plain(measured)}
                 for name, measured in bach.items()},
        "points": [{
            "sampler": cell.name, "budget": cell.budget, "evaluations": point.evaluations,
            "levels": point.settings.levels, "steps": point.settings.steps,
            "seconds": point.seconds, "bound": point.bound, **_plain(point.measured)}
            for cell, point in points.items()]}
    write_bytes(folder / "curve.json", json.dumps(record, indent=1).encode())
    write_bytes(folder / "curve.md", markdown(about, bach, points, limit).encode())
    picture(folder / "curve.png", bach, points)


def _plain(measured: Measured) -> dict[str, Any]:
    return {"graded": int((~np.isnan(measured.grades)).sum()), "table": measured.table}


def markdown(about: Mapping[str, Any], bach: Mapping[str, Measured], points: Mapping[Cell, Point],
             limit: Interval) -> str:
    """The tables."""
    first = next(iter(bach))
    lines = [
        "# Quality against network evaluations", "",
        f"{about['samples']} samples of {about['frames']} sixteenths a point, seed "
        f"{about['seed']}, weights of step {about['step']}; "
        + ", ".join(f"{len(m.values)} windows of {name}" for name, m in bach.items())
        + f". Brackets: 95 % bootstrap intervals over pieces. Separation is from {first}; 0 is not "
        "to be reached, for that of other windows of Bach see the last column.", "",
        f"## The nearest to Bach at {FEW} evaluations or fewer", "", *_ranking(points)]
    for budget in sorted({cell.budget for cell in points}):
        columns = {cell.name: point.measured.table
                   for cell, point in points.items() if cell.budget == budget}
        lines += ["", f"## {budget} evaluations", "", format_table(
            {**columns, **{name: measured.table for name, measured in bach.items()}}, ROWS)]
    lines += ["", "## Langevin steps switched off", "",
              "Share of pairs in which a sample of the sampler with Langevin steps has the larger "
              "figure than one of ancestral sampling, which has none, at as many evaluations: 0.5 "
              "where the steps change nothing.", "", *_switched(points)]
    bounds = {f"{point.evaluations} evaluations": {BOUND.label: point.bound}
              for point in points.values() if not np.isnan(point.bound[0])}
    if bounds:
        lines += ["", "## Likelihood bound of ancestral sampling", "", format_table(
            {**bounds, "limit of many levels": {BOUND.label: limit}}, {"bound": BOUND})]
    lines += ["", "## What it takes", "",
              "| sampler | budget | evaluations | levels | Langevin steps a level | "
              "seconds a sample |",
              "| --- | ---: | ---: | ---: | ---: | ---: |",
              *(f"| {cell.name} | {cell.budget} | {point.evaluations} | {point.settings.levels} | "
                f"{_steps(point.settings)} | {point.seconds:.2f} |"
                for cell, point in points.items())]
    return "\n".join(lines) + "\n"


def _ranking(points: Mapping[Cell, Point]) -> list[str]:
    """The points of few evaluations by their separation, as the rows of a table."""
    few = {cell: point for cell, point in points.items() if point.evaluations <= FEW}
    ranked = sorted(few, key=lambda cell: few[cell].measured.table[SEPARATION.label][0])
    return ["| sampler | evaluations | separation |", "| --- | ---: | ---: |",
            *(f"| {cell.name} | {few[cell].evaluations} | "
              f"{_cell(few[cell].measured.table[SEPARATION.label])} |" for cell in ranked)]


def _switched(points: Mapping[Cell, Point]) -> list[str]:
    """Samplers with Langevin steps against ancestral sampling, as the rows of a table."""
    lines = ["| sampler | evaluations | dissonant pairs | triads | grade |",
             "| --- | ---: | ---: | ---: | ---: |"]
    names = list(theory.ROWS)
    for cell, point in points.items():
        kind = point.settings.kind
        other = points.get(Cell(cell.name.replace(kind, "ancestral"), cell.budget))
        if kind not in WITH_LANGEVIN_STEPS or other is None:
            continue
        shares = []
        for name in SWITCHED:
            sets = [p.measured.grades if name == "grade" else
                    p.measured.values[:, names.index(name)] for p in (point, other)]
            on, off = (values[~np.isnan(values)] for values in sets)
            shares.append(_cell(auc(on, off) if on.size and off.size else UNKNOWN))
        lines.append(f"| {cell.name} | {point.evaluations} | {' | '.join(shares)} |")
    return lines


def _steps(settings: SamplerSettings) -> int:
    return settings.steps if settings.kind in WITH_LANGEVIN_STEPS else 0


def _cell(interval: Interval) -> str:
    value, low, high = interval
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def picture(path: pathlib.Path, bach: Mapping[str, Measured],
            points: Mapping[Cell, Point]) -> None:
    """A panel for each row that was measured, a curve for each sampler."""
    rows = [row for row in ROWS.values() if not all(
        np.isnan(point.measured.table[row.label][0]) for point in points.values())]
    names = dict.fromkeys(cell.name for cell in points)
    curves = {name: sorted((point for cell, point in points.items() if cell.name == name),
                           key=lambda point: point.evaluations) for name in names}
    panels = {row.label: {name: ([point.evaluations for point in curve],
                                 [point.measured.table[row.label] for point in curve])
                          for name, curve in curves.items()} for row in rows}
    levels = {row.label: {name: measured.table[row.label] for name, measured in bach.items()}
              for row in rows}
    # The split that samples are told from is at no distance from itself.
    levels[SEPARATION.label] = dict(list(levels[SEPARATION.label].items())[1:])
    write_bands(path, panels, levels, "network evaluations")
