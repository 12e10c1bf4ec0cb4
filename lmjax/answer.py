"""Answers to a musician: from a file, and what is kept of it, to a folder of finished pieces."""

import copy
import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from lmjax import settings as settings_module
from lmjax.composer import Composer
from lmjax.composing import draw
from lmjax.data.dataset import piece_of
from lmjax.evaluate import measure_likelihood
from lmjax.files import make_folder
from lmjax.metrics import theory
from lmjax.music import rhythm
from lmjax.music.chorale import Chorale
from lmjax.music.importers import read_tune, voices_of
from lmjax.render.notation import patch, write_score
from lmjax.render.write import write
from lmjax.requests.keep import Kept, free, keep
from lmjax.sample import configured, origin, save_draw
from lmjax.settings import Settings

Writer = Callable[[Chorale, pathlib.Path], None]
DRAWS = 8  # noise levels a piece, of the bound by which harmonisations are ranked


class Ranked(NamedTuple):
    """One of several answers to a request.

    Attributes:
      chorale: the answer.
      parallels: fifths and octaves in it.
      nats_per_frame: `-log p` of the whole or its bound, by the model that composed it.
    """

    chorale: Chorale
    parallels: int
    nats_per_frame: float


def harmonize(config: Mapping[str, Any], workdir: str | os.PathLike[str],
              path: str | os.PathLike[str], voices: Sequence[str] = (), num: int = 4,
              progress: bool = True) -> pathlib.Path:
    """Adds the other voices to those that a file has, with the composer of a working folder.

    Writes every harmonisation in each of `config.compose.formats`, the best first, and
    `samples.npz` with the arrays of all.

    Args:
      config: as of `lmjax.sample.sample`; its `compose.seed` makes other harmonisations.
      workdir: the folder of a training, or of files alone.
      path: of the file.
      voices: see `lmjax.requests.keep.keep`.
      num: how many.
      progress: whether to show a bar and say what was done.

    Returns:
      The folder of the files, `harmonized/FILE/seed-SEED` in the working folder.

    Raises:
      ConfigError, ValueError: if the config, the file or the voices cannot be.
      CheckpointError: if there is no composer.
    """
    settings, composer = prepared(config, workdir, num)
    kept = keep(path, voices, composer.vocabulary.ranges)
    if kept.known.all():
        raise ValueError(f"{path} has all four voices, so there is none to add; say which are to "
                         f"be kept, such as --voices=soprano")
    folder = pathlib.Path(workdir) / "harmonized" / pathlib.Path(path).stem
    return answer(settings, composer, kept, num, workdir, folder, "harmonisation", write, progress)


def rewrite(config: Mapping[str, Any], workdir: str | os.PathLike[str],
            path: str | os.PathLike[str], bars: str, voices: Sequence[str] = (), num: int = 4,
            progress: bool = True) -> pathlib.Path:
    """Composes some bars of some voices of a file anew; all else comes back as it was.

    In MusicXML what comes back is the file itself, with the new notes in it.

    Args:
      bars: such as "5-8" or "3", as they are numbered in the file.
      voices: those that are composed anew; all if not given.
      config, workdir, path, num, progress: as of `harmonize`.

    Returns:
      The folder of the files, `rewritten/FILE/seed-SEED` in the working folder.

    Raises:
      ConfigError, ValueError: if the config, the file, the bars or the voices cannot be.
      CheckpointError: if there is no composer.
    """
    settings, composer = prepared(config, workdir, num)
    tune = read_tune(path)
    if any(part.source is None for part in tune.parts):
        raise ValueError(f"two voices share a staff in {path}; give each a staff of its own, so "
                         f"that its notes can be replaced")
    kept = free(tune, bars_of(bars), voices, composer.vocabulary.ranges)
    changed = np.zeros_like(kept.known)
    for _, start, end in tune.numbers:  # whole bars are written
        changed[start:end] = ~kept.known[start:end].all(axis=0)

    def write_over(chorale: Chorale, path: pathlib.Path) -> None:
        if path.suffix != ".musicxml":
            write(chorale, path)
            return
        # music21 keeps what it read, so a copy is written over.
        score = copy.deepcopy(tune.score)
        for voice, part in voices_of(tune).items():
            patch(score.parts[list(tune.score.parts).index(part.source)], chorale, voice,
                  changed[:, voice])
        write_score(score, path)

    folder = pathlib.Path(workdir) / "rewritten" / pathlib.Path(path).stem
    return answer(settings, composer, kept, num, workdir, folder, "rewriting", write_over, progress)


def bars_of(text: str) -> tuple[int, int]:
    """The first and the last of bars such as "5-8" or "3".

    Raises:
      ValueError: if they are written otherwise.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if not found:
        raise ValueError(f"bars are written like 5-8, or 5, not {text!r}")
    return int(found[1]), int(found[2] or found[1])


def prepared(config: Mapping[str, Any], workdir: str | os.PathLike[str],
             num: int) -> tuple[Settings, Composer]:
    """A config and the composer that it means.

    Raises:
      ConfigError, ValueError: if the config or the number of answers cannot be.
      CheckpointError: if there is no composer.
    """
    if num < 1:
        raise ValueError(f"--num_samples must be at least 1, not {num}")
    settings = settings_module.from_config(config)
    return settings, configured(settings, workdir)


def answer(settings: Settings, composer: Composer, kept: Kept, num: int,
           workdir: str | os.PathLike[str], folder: pathlib.Path, name: str, write_one: Writer,
           progress: bool) -> pathlib.Path:
    """Composes what is not kept of a piece, ranks the answers and writes them.

    Returns:
      The folder of the files.

    Raises:
      ValueError: if the composer cannot do it.
    """
    check_metres(composer, kept)
    if progress:
        tqdm.write(origin(composer, workdir, "composing with"))
    chosen = settings.compose
    drawn = draw(composer, jax.random.key(chosen.seed), num, kept.request, chosen.batch_size,
                 progress)
    answers = ranked(composer, [kept.chorale(*drawn.notes(n)) for n in range(num)], progress)
    folder = make_folder(folder / f"seed-{chosen.seed}")
    save_draw(folder / "samples.npz", drawn, chosen.seed)
    written = set()
    digits = max(2, len(str(num)))
    for number, one in enumerate(answers, 1):
        chorale = dataclasses.replace(one.chorale, title=f"{kept.score.title} ({number})".strip())
        for suffix in chosen.formats:
            path = folder / f"{name}-{number:0{digits}}.{suffix}"
            write_one(chorale, path)
            written.add(path)
    for path in set(folder.glob(f"{name}-*")) - written:
        path.unlink()
    if progress:
        tqdm.write(report(answers))
        tqdm.write(f"{num} {name}s in {folder}: compiled in {drawn.compile_seconds:.1f} s, "
                   f"composed in {drawn.seconds:.1f} s")
    return folder


def check_metres(composer: Composer, kept: Kept) -> None:
    """Raises ValueError if a piece is in a metre that the composer has not been trained on."""
    if composer.about.get("forms") is None:
        return  # it was trained on music that states no metre
    seen = [metre for metre, _ in composer.about["forms"]["metres"]]
    for bar in kept.score.bars:
        if bar.metre not in seen:
            raise ValueError(f"{kept.score.title} is in {bar.metre}, and the composer was trained "
                             f"on {', '.join(sorted(seen))}; write it in one of these")


def ranked(composer: Composer, chorales: Sequence[Chorale],
           progress: bool = False) -> list[Ranked]:
    """Answers to one request, the best first: those with the fewest parallel fifths and octaves
    and, of these, the likeliest.

    What is given is the same in all of them, so the likelihood of the whole ranks them as that of
    what was composed does.
    """
    cfg = dataclasses.replace(composer.settings.evaluation, length=0, draws=DRAWS,
                              tracks=rhythm.NAMES)
    answers = []
    for chorale in chorales:
        # Each by itself: all are measured with the same noise.
        found, _ = measure_likelihood(composer, [piece_of(chorale)], cfg, progress)
        counts = theory.count(chorale.pitch)
        parallels = counts["parallel_fifths"][0] + counts["parallel_octaves"][0]
        answers.append(Ranked(chorale, int(parallels), found.per_frame))
    return sorted(answers, key=lambda answer: answer[1:])


def report(answers: Sequence[Ranked]) -> str:
    """The ranking as text."""
    lines = ["rank  parallels  nats per frame"]
    lines += [f"{number:4}  {answer.parallels:9}  {answer.nats_per_frame:14.2f}"
              for number, answer in enumerate(answers, 1)]
    return "\n".join(lines)
