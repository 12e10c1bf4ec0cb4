"""Seconds for a 16-bar chorale, beside those of other samplers: see README.md.

    python -m experiments.speed.speed --workdir=runs/ncsn
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from configs import ncsn, ncsn_paper, transformer
from experiments.command import running
from lmjax.composer import Composer, load, untrained
from lmjax.composing import draw
from lmjax.files import make_folder, write_bytes
from lmjax.requests.form import Form
from lmjax.sampling.settings import SamplerSettings
from lmjax.settings import from_config
from lmjax.training.checkpoints import BEST, latest_step, shipped
from lmjax.windowing import windows


class Time(NamedTuple):
    """How long composing takes.

    Attributes:
      windows: by which a chorale is composed.
      evaluations: calls of the network a window.
      measured: of them that were made; the time of all is reckoned from theirs.
      compile_seconds: of the program, apart.
      seconds: of each repetition, for one chorale of the batch.
    """

    windows: int
    evaluations: int
    measured: int
    compile_seconds: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds for a chorale."""
        return statistics.median(self.seconds)


def measure(composer: Composer, bars: int, batch: int, repeats: int,
            sampler: SamplerSettings | None = None) -> Time:
    """Times a composer at its own sampler settings.

    Args:
      composer: trained or not, which makes no difference to the time.
      bars: of 4/4, of a chorale.
      batch: chorales at once.
      repeats: how often.
      sampler: one of fewer evaluations, to be timed in its place.
    """
    used = composer if sampler is None else composer.using(sampler=sampler)
    tracks = Form("4/4", bars, key=None).tracks()
    first, *others = (draw(used, jax.random.key(n), batch, tracks, batch)
                      for n in range(repeats + 1))  # the first compiles, and does not count
    evaluations = composer.evaluations(len(tracks))
    scale = evaluations / first.evaluations / batch
    return Time(len(windows(len(tracks), composer.settings.compose.window)), evaluations,
                first.evaluations, first.compile_seconds,
                tuple(drawn.seconds * scale for drawn in others))


def configured(config: ConfigDict) -> Composer:
    """The composer of a config, its weights fresh."""
    settings = from_config(config)
    return untrained(settings, articulation=settings.data.source == "corpus")


def ours(workdir: str | None) -> tuple[Composer, str]:
    """The composer of a folder, or the shipped one, or one with fresh weights; and which it is."""
    if workdir is not None:
        return load(workdir), f"weights of {workdir}"
    if latest_step(shipped(), BEST) is not None:
        return load(), "shipped weights"
    return configured(ncsn.get_config()), "fresh weights"


def compare(composer: Composer, bars: int, batch: int, repeats: int, steps: int,
            ) -> dict[str, Time]:
    """All times; of the paper's sampler, `steps` of its Langevin steps a level are measured."""
    paper = configured(ncsn_paper.get_config())
    fewer = dataclasses.replace(paper.settings.sampler, steps=steps)
    return {"ours": measure(composer, bars, batch, repeats),
            "left to right": measure(configured(transformer.get_config()), bars, batch, repeats),
            "paper": measure(paper, bars, batch, repeats, fewer)}


def report(times: dict[str, Time], bars: int, batch: int, cores: int) -> str:
    """The times as a table."""
    lines = [f"{bars} bars of 4/4, {batch} chorales at once, {cores} CPU core(s), JAX on "
             f"{jax.default_backend()}; the median of {len(times['ours'].seconds)}, compiling "
             "apart.", "",
             "| sampler | windows | evaluations a window | seconds a chorale | range | "
             "compiling, s |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, time in times.items():
        scaled = "" if time.measured == time.evaluations else f", reckoned from {time.measured:,}"
        lines.append(f"| {name} | {time.windows} | {time.evaluations:,}{scaled} | "
                     f"{time.median:.3g} | {min(time.seconds):.3g} to {max(time.seconds):.3g} | "
                     f"{time.compile_seconds:.1f} |")
    paper, ours, other = (times[name].median for name in ("paper", "ours", "left to right"))
    lines += ["", f"The paper's takes {paper / ours:.1f} times as long as ours, and ours "
              f"{ours / other:.1f} times as long as our left-to-right Transformer."]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Times composing, beside the paper's sampler and a left-to-right model."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.speed.speed", description=main.__doc__)
    parser.add_argument("--workdir", help="the folder of a training; if not given, the shipped "
                        "weights, or fresh ones where none are shipped")
    parser.add_argument("--folder", default="runs/speed", help="where results go")
    for name, default, what in (
            ("bars", 16, "of a chorale"), ("batch", 16, "chorales at once"),
            ("repeats", 3, "measurements of each"),
            ("steps", 5, "Langevin steps a level that are made of the paper's 100")):
        parser.add_argument(f"--{name}", type=int, default=default, help=what)
    options = parser.parse_args(argv)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with running(cached=False):
        composer, which = ours(options.workdir)
        print(f"ours: {which}", flush=True)
        times = compare(composer, options.bars, options.batch, options.repeats, options.steps)
        folder = make_folder(pathlib.Path(options.folder))
        text = report(times, options.bars, options.batch, cores or 1)
        write_bytes(folder / "speed.md", f"{text}\n".encode())
        write_bytes(folder / "speed.json", json.dumps({
            "bars": options.bars, "batch": options.batch, "cores": cores,
            "backend": jax.default_backend(), "ours": which,
            "times": {name: time._asdict() for name, time in times.items()}}, indent=1).encode())
    print(text)


if __name__ == "__main__":
    main()
