"""What wishes bring and what they cost: see README.md.

    python -m experiments.control.wishes
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Sequence

import jax
import numpy as np
from tqdm import tqdm

from experiments.command import add_model, running
from lmjax.columns import composer_of
from lmjax.composer import Composer
from lmjax.composing import draw
from lmjax.files import make_folder, write_bytes
from lmjax.judge import notes_of, window_tracks
from lmjax.metrics import tables, theory
from lmjax.metrics.tables import Interval, Row
from lmjax.music.chorale import REST
from lmjax.requests.request import Request, Wishes

# Of each wish the weights that are tried, without it in the middle or first.
WEIGHTS = {
    "parallels": (0.0, 1.0, 2.0, 4.0, 8.0), "motion": (-0.2, -0.1, 0.0, 0.1, 0.2, 0.4),
    "attacks": (-1.0, -0.5, 0.0, 0.5, 1.0), "form": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
    "temperature": (0.8, 0.9, 1.0, 1.1, 1.2)}
OBEDIENCE = {
    "parallels": Row("parallel fifths and octaves, per 1,000 moving pairs", 1000, 2),
    "motion": Row("semitones a voice moves in a quarter", 1, 2),
    "attacks": Row("notes a voice strikes in a quarter", 1, 2)}
# The row in which a wish is to show; of the last two, none but all.
SHOWN = {"parallels": "parallels", "motion": "motion", "attacks": "attacks",
         "form": "triads", "temperature": "dissonant"}


def counts_of(pitch: np.ndarray, struck: np.ndarray) -> tables.Counts:
    """What is counted of a window: its counterpoint and how lively it is."""
    both = (pitch[1:] != REST) & (pitch[:-1] != REST)
    moved = np.abs(np.diff(pitch.astype(int), axis=0))[both].sum()
    quarters = (pitch != REST).sum() / 4
    counted = theory.count(pitch)
    (fifths, pairs), (octaves, _) = counted["parallel_fifths"], counted["parallel_octaves"]
    return counted | {"parallels": (fifths + octaves, pairs), "motion": (float(moved), quarters),
                      "attacks": (float(struck.sum()), quarters)}


def measure(composer: Composer, wish: str, weights: Sequence[float], samples: int, frames: int,
            seed: int, progress: bool = True) -> dict[float, dict[str, Interval]]:
    """The rows of windows that were composed with a wish, by its weight.

    Window n is in the same form, of the composer's prior, and begins from the same noise whatever
    the weight.
    """
    tracks = window_tracks(composer, samples, frames, composer.settings.evaluation.metres, seed)
    rows, found = theory.ROWS | OBEDIENCE, {}
    for weight in tqdm(weights, disable=not progress, desc=wish, unit="weight"):
        requests = [dataclasses.replace(Request.open(own), wishes=Wishes(**{wish: weight}))
                    for own in tracks]
        drawn = draw(composer, jax.random.key(seed), samples, requests,
                     composer.settings.compose.batch_size)
        windows = [notes_of(*drawn.notes(n)) for n in range(samples)]
        found[weight] = tables.ratios([counts_of(window.pitch, window.struck)
                                       for window in windows], rows)
    return found


def markdown(found: dict[str, dict[float, dict[str, Interval]]]) -> str:
    """A table for each wish."""
    rows = OBEDIENCE | theory.ROWS
    parts = []
    for wish, columns in found.items():
        named = {f"{weight:g}": values for weight, values in columns.items()}
        parts.append(f"**{wish}**\n\n{tables.format_table(named, rows)}")
    return "\n\n".join(parts) + "\n"


def plot(found: dict[str, dict[float, dict[str, Interval]]], path: pathlib.Path) -> None:
    """Obedience beside quality: for each wish the row it is about, and three others."""
    from matplotlib.figure import Figure

    rows = theory.ROWS | OBEDIENCE
    quality = ("dissonant", "triads", "parallel_fifths")
    figure = Figure(figsize=(3 * (1 + len(quality)), 2.3 * len(found)), layout="constrained")
    axes = figure.subplots(len(found), 1 + len(quality), squeeze=False)
    for line, (wish, columns) in zip(axes, found.items(), strict=True):
        for axis, name in zip(line, (SHOWN[wish], *quality), strict=True):
            middle, low, high = np.array([columns[w][rows[name].label] for w in columns]).T
            axis.fill_between(list(columns), low, high, alpha=0.25, linewidth=0)
            axis.plot(list(columns), middle, marker="o", markersize=3)
            axis.set_title(rows[name].label, fontsize=7)
            axis.tick_params(labelsize=7)
            axis.set_xlabel(wish, fontsize=7)
    figure.savefig(path, dpi=120)


def main(argv: Sequence[str] | None = None) -> None:
    """Composes with wishes of several weights."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.control.wishes", description=main.__doc__)
    add_model(parser, "runs/wishes")
    for name, default, what in (("samples", 32, "windows of each weight"),
                                ("frames", 128, "their length in sixteenths"),
                                ("seed", 0, "of the noise")):
        parser.add_argument(f"--{name}", type=int, default=default, help=what)
    parser.add_argument("--wishes", default=",".join(WEIGHTS), help="which")
    options = parser.parse_args(argv)
    with running():
        composer = composer_of(options.workdir or "pretrained/ncsn")
        unknown = set(options.wishes.split(",")) - set(WEIGHTS)
        if unknown:
            raise ValueError(f"there is no wish {min(unknown)!r}, only {', '.join(WEIGHTS)}")
        folder, found = make_folder(pathlib.Path(options.folder)), {}
        for wish in options.wishes.split(","):
            found[wish] = measure(composer, wish, WEIGHTS[wish], options.samples, options.frames,
                                  options.seed)
            write_bytes(folder / "wishes.md", markdown(found).encode())
            write_bytes(folder / "wishes.json", json.dumps(found, indent=1).encode())
            plot(found, folder / "wishes.png")
        print(markdown(found))


if __name__ == "__main__":
    main()
