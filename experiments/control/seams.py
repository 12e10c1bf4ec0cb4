"""Whether the borders of windows can be found in long pieces: see README.md.

    python -m experiments.control.seams
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Sequence

import jax

from experiments.command import add_model, running
from lmjax.columns import composer_of
from lmjax.composer import Composer
from lmjax.composing import draw, draw_forms
from lmjax.families import family_of
from lmjax.files import make_folder, write_bytes
from lmjax.metrics import tables, theory
from lmjax.metrics.tables import Interval, format_table
from lmjax.requests.form import Form
from lmjax.sampling.overlap import spans, stretched
from lmjax.settings import half
from lmjax.windowing import windows

AROUND = 8  # frames on either side of a border


def places(frames: int, window: int, at_once: bool) -> tuple[list[int], list[int]]:
    """The borders of a piece's windows, and other frames to compare them with.

    A border is where the next window is believed or, in a piece that is not composed at once, where
    new music begins. The others are far from all borders, at the same places in groups of four
    bars, since phrases mostly end with bars of even numbers.
    """
    if at_once:
        step = half(window)
        borders = [span.first for span in spans(stretched(frames, window, step), window, step)]
    else:
        borders = [new for _, _, new in windows(frames, window)]
    borders = [border for border in borders if 0 < border < frames]
    others = [frame for frame in range(AROUND, frames - AROUND, AROUND)
              if all(abs(frame - border) >= 4 * AROUND for border in borders)
              and any((frame - border) % 64 == 0 for border in borders)]
    return borders, others


def compare(composer: Composer, bars: int, samples: int, seed: int,
            progress: bool = True) -> dict[str, dict[str, Interval]]:
    """The counterpoint around borders and elsewhere in the same pieces of so many bars of 4/4.

    Raises:
      ValueError: if they are not longer than a window, or too short for other places.
    """
    form, window = Form("4/4", bars, key=None), composer.settings.compose.window
    borders, others = places(len(form), window, family_of(composer.settings).AT_ONCE)
    if not borders:
        raise ValueError(f"{bars} bars fit into one window of {window} sixteenths; ask for more")
    if not others:
        raise ValueError(f"{bars} bars have no places that are as far into four bars as the "
                         f"borders of windows of {window} sixteenths, and far from them; ask for "
                         f"more")
    key = jax.random.key(seed)
    tracks = [one.tracks() for one in draw_forms(composer, key, samples, form=form)]
    drawn = draw(composer, key, samples, tracks, composer.settings.compose.batch_size, progress)
    columns = {}
    for name, chosen in (("around borders", borders), ("elsewhere", others)):
        counts = [theory.count(drawn.pitch[n, frame - AROUND:frame + AROUND])
                  for n in range(samples) for frame in chosen]
        columns[name] = tables.ratios(counts, theory.ROWS)
    return columns


def main(argv: Sequence[str] | None = None) -> None:
    """Compares music around the borders of windows with music elsewhere."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.control.seams", description=main.__doc__)
    add_model(parser, "runs/seams")
    for name, default, what in (("samples", 64, "pieces"), ("bars", 48, "of 4/4, of a piece"),
                                ("window", 256, "sixteenths, of which a piece has several"),
                                ("seed", 0, "of the noise")):
        parser.add_argument(f"--{name}", type=int, default=default, help=what)
    options = parser.parse_args(argv)
    with running():
        composer = composer_of(options.workdir or "pretrained/ncsn")
        composer = composer.using(compose=dataclasses.replace(
            composer.settings.compose, window=options.window))
        columns = compare(composer, options.bars, options.samples, options.seed)
        folder, text = make_folder(pathlib.Path(options.folder)), format_table(
            columns, theory.ROWS)
        write_bytes(folder / "seams.md", f"{text}\n".encode())
        write_bytes(folder / "seams.json", json.dumps(columns, indent=1).encode())
        print(text)


if __name__ == "__main__":
    main()
