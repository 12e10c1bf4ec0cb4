"""Judging a composer: likelihood on held-out pieces, and samples beside Bach."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lmjax import judge
from lmjax import settings as settings_module
from lmjax.composer import Composer
from lmjax.data.dataset import Dataset, Piece, fits, load_dataset, metre_pieces
from lmjax.families import family_of
from lmjax.files import make_folder, write_bytes
from lmjax.metrics import liveliness, theory
from lmjax.metrics.likelihood import Bound, Likelihood, NoiseBound, Part, parts_of
from lmjax.metrics.tables import format_table
from lmjax.music import rhythm
from lmjax.music.chorale import Chorale
from lmjax.music.tokens import RANGES
from lmjax.render.curve import write_curve
from lmjax.render.report import Picture, Table
from lmjax.reporting import about, heard, leave, tables_of
from lmjax.sample import configured, origin
from lmjax.settings import EvaluationSettings

HEARD = 4  # samples that a report shows


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured.

    Attributes:
      likelihood: of the split's pieces, or its bound.
      framewise: Coconet's framewise figure, of a model that has one (`families.Family`).
      counterpoint: rows of samples and of windows of Bach, by column; empty if none were drawn.
      rhythm: how lively the same windows are, likewise.
      figures: grade and novelty of the same, by name; empty without training pieces.
      wholes: how whole chorales close, and what they repeat; None if none were drawn.
      heard: some of what was drawn, whole chorales if there are any.
    """

    likelihood: Likelihood
    framewise: Likelihood | None
    counterpoint: judge.Tables
    rhythm: judge.Tables
    figures: dict[str, judge.Figure]
    wholes: tuple[judge.Tables, judge.Tables] | None
    heard: Sequence[Chorale] = ()


def evaluate(config: Mapping[str, Any], workdir: str | os.PathLike[str],
             progress: bool = True, command: str = "") -> Evaluation:
    """Measures the composer of a working folder as `config.evaluation` says.

    It is the folder's own or, if it has none, the shipped one (`lmjax.sample.configured`). Prints
    which, and the figures, and writes them to `evaluation.json` in the folder; and, as a picture,
    `density.png`, at which noise levels the bound arises. All of it, and some samples to see and
    hear, is in `report.html`.

    Args:
      config: a ConfigDict as in `configs/`, or its dictionary.
      workdir: the folder of a training, or of files alone.
      progress: whether to show bars.
      command: that asked for it, to be told in the report.

    Raises:
      ConfigError, ValueError: if the config cannot be.
      CheckpointError: if there is no such composer.
    """
    settings = settings_module.from_config(config)
    composer = configured(settings, workdir)
    data = load_dataset(settings.data.source, settings.data.path, progress)
    cfg = settings.evaluation
    pieces = held_out(data, cfg)
    check_unseen(composer, pieces, cfg.split)
    whole = len(data.split(cfg.split))
    folder = make_folder(workdir)
    print(origin(composer, workdir, "measuring"))
    found, framewise = measure_likelihood(composer, pieces, cfg, progress)
    print(said_of_likelihood(found, framewise, cfg, composer), flush=True)
    result = Evaluation(found, framewise, *beside_bach(composer, data, pieces, cfg, progress))
    write_bytes(folder / "evaluation.json", json.dumps(record(result, cfg), indent=1).encode())
    if isinstance(found, NoiseBound):
        write_curve(
            folder / "density.png",
            {f"{cfg.split}, {found.per_frame:.2f} ± {found.error:.2f} in all": (
                np.exp(found.log_sigma).tolist(), found.density.tolist())},
            "sigma", "nats per frame and unit of log sigma", logarithmic=True)
    print(said_of_samples(result), end="")
    if result.counterpoint and not result.figures:
        print("\nthe data has no split 'train': neither the grade, nor what samples share with "
              "training pieces, is measured")
    if len(pieces) < whole:
        print(f"\n{whole - len(pieces)} of the {whole} pieces of {cfg.split} are in other metres "
              "or outside the ranges, and were left out as the config says")
    leave_report(result, composer, folder, cfg, command, progress)
    return result


def leave_report(result: Evaluation, composer: Composer, folder: pathlib.Path,
                 cfg: EvaluationSettings, command: str, progress: bool) -> None:
    """Writes `report.html`: figures, pictures, and some samples."""
    found = result.likelihood
    measured = {
        **about(composer),
        "split": f"{cfg.split}, {len(found.frames)} pieces of {found.frames.sum():,} sixteenths",
        "likelihood bound" if isinstance(found, Bound) else "likelihood":
            f"{found.per_frame:.3f} ± {found.error:.3f} nats per frame"}
    tables: list[Table] = []
    if result.counterpoint:
        tables += tables_of(["Counterpoint"], theory.format_table(result.counterpoint))
        tables += tables_of(["Rhythm"], format_table(result.rhythm, liveliness.ROWS))
    if result.figures:
        tables += tables_of(["Grade and novelty"], judge.format_figures(result.figures))
    if result.wholes:
        tables += tables_of(["Whole chorales: how they close", "Whole chorales: what they repeat"],
                            judge.format_wholes(result.wholes))
    pictures = [Picture(title, (folder / name).read_bytes(), alt) for title, name, alt in (
        ("Where the bound arises", "density.png", "The density of the bound over sigma."),
        ("Training", "training.png", "Losses, gradient norm and learning rate by step."))
        if (folder / name).exists()]
    leave(folder, f"Evaluation of {composer.about['config']['name']}", measured, (
        heard(dataclasses.replace(chorale, title=f"Sample {number}"), {"seed": f"0, {number}"},
              command)
        for number, chorale in enumerate(result.heard)), tables, pictures, progress)


def held_out(data: Dataset, cfg: EvaluationSettings) -> tuple[Piece, ...]:
    """The pieces of the split that are measured.

    Raises:
      ValueError: if there are none.
    """
    pieces = metre_pieces(data.split(cfg.split), cfg.metres)
    if cfg.ranges:
        pieces = tuple(piece for piece in pieces if fits(piece, RANGES[cfg.ranges]))
        if not pieces:
            raise ValueError(f"no piece of {cfg.split} lies in the {cfg.ranges} voice ranges; "
                             "choose other evaluation.ranges")
    return pieces


def check_unseen(composer: Composer, pieces: Sequence[Piece], split: str) -> None:
    """Raises ValueError if a composer was trained on pieces that are held out now."""
    seen = {piece.name for piece in pieces} & set(composer.about["data"]["splits"]["train"])
    if seen and split != "train":
        raise ValueError(f"the composer in {composer.folder} was trained on {len(seen)} pieces of "
                         f"what is now {split}, such as {min(seen)}: its data was split otherwise")


def build_likelihood(composer: Composer, cfg: EvaluationSettings, progress: bool = False,
                     ) -> Callable[[Sequence[Piece]], Likelihood]:
    """A function to the likelihood of pieces under a composer, or its bound, which is compiled once
    for each length.

    It raises ValueError if a piece has a pitch that the composer's vocabulary lacks.
    """
    measure = family_of(composer.settings).likelihood(
        composer.model, cfg.draws, (cfg.sigma_min, cfg.sigma_max))

    def likelihood(pieces: Sequence[Piece]) -> Likelihood:
        return measure(composer.params, _parts(composer, pieces, cfg), composer.frequencies,
                       cfg.batch_size, progress)

    return likelihood


def _parts(composer: Composer, pieces: Sequence[Piece], cfg: EvaluationSettings) -> list[Part]:
    """The windows by which pieces are measured as a config says."""
    return parts_of(pieces, composer.vocabulary, cfg.length, cfg.stride,
                    [rhythm.NAMES.index(name) for name in cfg.tracks])


def measure_likelihood(composer: Composer, pieces: Sequence[Piece], cfg: EvaluationSettings,
                       progress: bool = False,
                       ) -> tuple[Likelihood, Likelihood | None]:
    """The likelihood of pieces under a composer, or its bound; and the framewise figure, if any.

    Raises:
      ValueError: if a piece has a pitch that the composer's vocabulary lacks.
    """
    found = build_likelihood(composer, cfg, progress)(pieces)
    framewise = family_of(composer.settings).framewise(composer.model)
    return found, framewise and framewise(
        composer.params, _parts(composer, pieces, cfg), cfg.batch_size, progress)


def beside_bach(
        composer: Composer, data: Dataset, pieces: Sequence[Piece], cfg: EvaluationSettings,
        progress: bool = False,
) -> tuple[judge.Tables, judge.Tables, dict[str, judge.Figure],
           tuple[judge.Tables, judge.Tables] | None, Sequence[Chorale]]:
    """Counterpoint, rhythm, figures and wholes of samples, and of pieces, and some of the samples,
    as `Evaluation` holds them.

    Raises:
      ValueError: if no piece is as long as the samples.
    """
    counterpoint: judge.Tables = {}
    rhythms: judge.Tables = {}
    figures: dict[str, judge.Figure] = {}
    wholes = None
    drawn: Sequence[Chorale] = ()
    name = f"Bach ({cfg.split})"
    if cfg.samples:
        bach = judge.bach_windows(pieces, cfg.sample_length)
        drawn = samples = judge.sample_windows(
            composer, cfg.samples, cfg.sample_length, cfg.metres, progress=progress)[0]
        beside = {"samples": samples, name: bach}
        counterpoint, rhythms = judge.counterpoint(beside), judge.rhythm_tables(beside)
        if training := data.splits.get("train"):
            figures = judge.figures(samples, bach, training,
                                    merged=not composer.vocabulary.articulation)
    if cfg.wholes and composer.about.get("forms") is not None:
        drawn = judge.wholes(composer, cfg.wholes, cfg.metres, progress=progress)
        wholes = judge.whole_tables({
            "samples": drawn, name: [piece.chorale for piece in pieces if piece.chorale]})
    return counterpoint, rhythms, figures, wholes, drawn[:HEARD]


def record(result: Evaluation, cfg: EvaluationSettings) -> dict[str, Any]:
    """The figures as plain numbers, for `evaluation.json`."""
    found = result.likelihood
    bounded: dict[str, Any] = {"terms": found.terms, "density": {
        "log_sigma": found.log_sigma.tolist(), "nats_per_frame": found.density.tolist(),
    }} if isinstance(found, NoiseBound) else {}
    if result.framewise:
        bounded["framewise"] = {"nats_per_frame": result.framewise.per_frame,
                                "standard_error": result.framewise.error,
                                "interval": result.framewise.interval}
    return {"split": cfg.split, "nats_per_frame": found.per_frame,
            "standard_error": found.error, "interval": found.interval,
            "pieces": len(found.frames), "frames": int(found.frames.sum()), **bounded,
            "counterpoint": result.counterpoint, "rhythm": result.rhythm,
            "figures": {name: figure._asdict() for name, figure in result.figures.items()},
            "wholes": result.wholes}


def said_of_likelihood(found: Likelihood, framewise: Likelihood | None, cfg: EvaluationSettings,
                       composer: Composer) -> str:
    """The likelihood as text."""
    kind = "bound" if isinstance(found, Bound) else "(exact)"
    lines = [
        f"likelihood {kind} on {len(found.frames)} pieces "
        f"({found.frames.sum():,} frames) of {cfg.split}: {found.per_frame:.3f} ± "
        f"{found.error:.3f} nats per frame"]
    given = f"  given: {', '.join(cfg.tracks) or 'nothing'}, the length"
    if isinstance(found, NoiseBound):
        label = "" if composer.model.states_logits else (
            "; the model states no token probabilities: its mean is clipped to the simplex")
        lines += [
            f"  of which {', '.join(f'{k} {v:.3f}' for k, v in found.terms.items())}",
            given + label,
            "  sigma        " + " ".join(f"{np.exp(s):5.2f}" for s in found.log_sigma),
            "  nats/log s   " + " ".join(f"{d:5.2f}" for d in found.density)]
    else:
        lines.append(given)
    if framewise:
        lines.append(f"framewise, as Coconet's is measured, and no likelihood: "
                     f"{framewise.per_frame:.3f} ± {framewise.error:.3f}")
    return "\n".join(lines)


def said_of_samples(result: Evaluation) -> str:
    """What was measured of samples, as text."""
    parts = []
    if result.counterpoint:
        parts += [theory.format_table(result.counterpoint),
                  format_table(result.rhythm, liveliness.ROWS)]
    if result.figures:
        parts.append(judge.format_figures(result.figures))
    if result.wholes:
        parts.append(judge.format_wholes(result.wholes))
    return "".join(f"\n{part}\n" for part in parts)
