"""How much of a chorale changes by the noise level from which it is come back to: see README.md.

    python -m experiments.control.dial
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Sequence

import jax
from tqdm import tqdm

from experiments.command import add_model, held_out, running
from lmjax.columns import composer_of
from lmjax.composer import Composer
from lmjax.composing import draw
from lmjax.files import make_folder, write_bytes
from lmjax.judge import bach_windows, open_tracks
from lmjax.metrics import tables, theory
from lmjax.metrics.tables import Interval, Row, format_table
from lmjax.music.chorale import Chorale
from lmjax.requests.request import Request
from lmjax.sampling.settings import SamplerSettings

LEVELS = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 4.0)
CHANGED = Row("cells whose pitch is another, %", 100, 1)
ROWS = {"cells": CHANGED} | theory.ROWS


def vary(composer: Composer, windows: Sequence[Chorale], level: float,
         seed: int) -> dict[str, Interval]:
    """The rows of windows after they have been noised to a level and come back.

    Raises:
      ValueError: if the composer has no noise levels.
    """
    sampler = composer.settings.sampler
    if not isinstance(sampler, SamplerSettings):
        raise ValueError("only score models come back from a noise level")
    used = composer.using(sampler=dataclasses.replace(sampler, sigma_max=level))
    requests = [dataclasses.replace(Request.open(open_tracks(len(window))),
                                    near=(window.pitch, window.struck)) for window in windows]
    drawn = draw(used, jax.random.key(seed), len(requests), requests,
                 composer.settings.compose.batch_size)
    counts = []
    for number, window in enumerate(windows):
        pitch, _ = drawn.notes(number)
        changed = pitch != window.pitch
        counts.append(theory.count(pitch) | {"cells": (float(changed.sum()), float(changed.size))})
    return tables.ratios(counts, ROWS)


def main(argv: Sequence[str] | None = None) -> None:
    """Varies held-out windows from several noise levels."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.control.dial", description=main.__doc__)
    add_model(parser, "runs/dial")
    for name, default, what in (("samples", 32, "windows, at most"),
                                ("frames", 128, "their length in sixteenths"),
                                ("seed", 0, "of the noise")):
        parser.add_argument(f"--{name}", type=int, default=default, help=what)
    options = parser.parse_args(argv)
    with running():
        composer = composer_of(options.workdir or "pretrained/ncsn")
        windows = bach_windows(held_out(composer, options.data), options.frames)
        windows = windows[:options.samples]
        columns = {f"{level:g}": vary(composer, windows, level, options.seed)
                   for level in tqdm(LEVELS, unit="level")}
        columns["Bach"] = {CHANGED.label: (0.0, 0.0, 0.0)} | theory.table(
            [window.pitch for window in windows])
        folder, text = make_folder(pathlib.Path(options.folder)), format_table(columns, ROWS)
        write_bytes(folder / "dial.md", f"{text}\n".encode())
        write_bytes(folder / "dial.json", json.dumps(columns, indent=1).encode())
        print(text)


if __name__ == "__main__":
    main()
