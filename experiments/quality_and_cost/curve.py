"""Quality against network evaluations, for each sampler: see README.md in this folder.

    python -m experiments.quality_and_cost.curve --workdir=runs/ncsn
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from experiments.command import add_model, running
from experiments.quality_and_cost import report
from experiments.quality_and_cost.cells import Cell, remember, settings_of
from experiments.quality_and_cost.measures import UNKNOWN, Bach, Measured
from experiments.quality_and_cost.report import Point
from lmjax.composer import Composer, load
from lmjax.composing import draw
from lmjax.data.dataset import Dataset, load_dataset
from lmjax.files import make_folder
from lmjax.judge import notes_of, window_tracks
from lmjax.music.chorale import Chorale

SAMPLERS = "langevin,consistent,predictor_corrector,ode,ancestral"
BUDGETS = "8,16,32,64,128,256,512"


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What all points have in common.

    Attributes:
      samples: chorales a point.
      frames: their length in sixteenths.
      seed: of their noise; sample n of every point begins from the same.
      graded: whether chorales are graded.
      bounded: whether likelihood bounds are measured.
    """

    samples: int = 64
    frames: int = 128
    seed: int = 0
    graded: bool = True
    bounded: bool = True


def measure(composer: Composer, data: Dataset, cells: Sequence[Cell], folder: pathlib.Path,
            protocol: Protocol, progress: bool = True) -> dict[Cell, Point]:
    """Measures the cells, the cheapest first, and writes the curve as it grows.

    What a point took is kept in files of its own, and not done again unless the weights, the
    sampler or the protocol are others.

    Args:
      composer: the model, whose sampler settings are the base of the cells' (`cells.settings_of`).
      data: the pieces that it was trained and is evaluated on.
      cells: the points.
      folder: of all files.
      protocol: what they have in common.
      progress: whether to show a bar.

    Raises:
      ValueError: if a cell is of no sampler, or has too few evaluations for it.
      OSError: if a file cannot be written.
    """
    settings = {cell: settings_of(cell, composer.settings.sampler) for cell in cells}
    costs = {cell: settings[cell].evaluations for cell in cells}
    common = {"data": data.fingerprint, "samples": protocol.samples, "frames": protocol.frames,
              "seed": protocol.seed}
    about = {**common, "step": composer.about.get("step"), "valid": composer.about.get("valid")}
    kept = make_folder(folder / "cells")
    bach = Bach(composer, data, protocol.frames)

    def measured(stem: str, header: dict[str, Any], chorales: list[Chorale]) -> Measured:
        if not protocol.graded:
            return bach.measured(chorales, np.full(len(chorales), np.nan))
        return bach.measured(chorales, remember(
            kept / f"{stem}.grades.npz", header,
            lambda: {"grades": bach.grades(chorales)})["grades"])

    def bound(stem: str, header: dict[str, Any], sigmas: np.ndarray | None = None) -> Any:
        if not protocol.bounded:
            return UNKNOWN
        return tuple(remember(kept / f"{stem}.bound.npz", header,
                              lambda: {"bound": bach.bound(sigmas)})["bound"].tolist())

    tracks = window_tracks(composer, protocol.samples, protocol.frames,
                           composer.settings.evaluation.metres, protocol.seed)

    def point(cell: Cell) -> Point:
        header = {**about, "sampler": dataclasses.asdict(settings[cell])}
        used = composer.using(sampler=settings[cell])

        def drawn() -> dict[str, Any]:
            made = draw(used, jax.random.key(protocol.seed), protocol.samples, tracks,
                        composer.settings.compose.batch_size)
            return {"pitch": made.pitch, "struck": made.struck, "seconds": made.seconds}

        made = remember(kept / f"{cell.stem}.npz", header, drawn)
        chorales = list(map(notes_of, made["pitch"], made["struck"]))
        return Point(settings[cell], measured(cell.stem, header, chorales),
                     float(made["seconds"]) / protocol.samples,
                     bound(cell.stem, header, np.asarray(settings[cell].sigmas()))
                     if settings[cell].kind == "ancestral" else UNKNOWN)

    with tqdm(total=sum(costs.values()), disable=not progress, unit="evaluation") as bar:
        bar.set_description("Bach")
        beside = {}
        for split in dict.fromkeys((bach.split, "train")):
            windows = bach.windows(split)[:protocol.samples]  # chance depends on how many
            beside[f"Bach ({split})"] = measured(f"bach-{split}", common, windows)
        limit, points = bound("model", about), {}
        for cell in sorted(cells, key=lambda cell: costs[cell]):
            bar.set_description(f"{cell.name} {cell.budget}")
            points[cell] = point(cell)
            bar.update(costs[cell])
            report.write(folder, about, beside,
                         {cell: points[cell] for cell in cells if cell in points}, limit)
    return points


def main(argv: Sequence[str] | None = None) -> None:
    """Draws the curve of quality against network evaluations."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.quality_and_cost.curve", description=main.__doc__)
    add_model(parser, "runs/quality_and_cost")
    parser.add_argument("--samplers", default=SAMPLERS, help="such as "
                        "ancestral,predictor_corrector:steps=2:rate=0.1")
    parser.add_argument("--budgets", default=BUDGETS, help="network evaluations a window at most")
    for name, what in (("samples", "chorales a point"), ("frames", "sixteenths of a chorale"),
                       ("seed", "of the noise")):
        parser.add_argument(f"--{name}", type=int, default=getattr(Protocol, name), help=what)
    parser.add_argument("--no-grades", action="store_true", help="grade nothing")
    parser.add_argument("--no-bounds", action="store_true", help="measure no likelihood bound")
    options = parser.parse_args(argv)
    with running():
        composer = load(options.workdir)
        source = composer.settings.data
        cells = [Cell(name, int(budget)) for name in options.samplers.split(",")
                 for budget in options.budgets.split(",")]
        protocol = Protocol(options.samples, options.frames, options.seed,
                            not options.no_grades, not options.no_bounds)
        measure(composer, load_dataset(source.source, options.data or source.path), cells,
                pathlib.Path(options.folder), protocol)
    print(f"see {options.folder}/curve.md")


if __name__ == "__main__":
    main()
