"""Composing from the command line: a composer and a folder to files."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from lmjax import settings as settings_module
from lmjax.agreement import check_kind, check_model
from lmjax.composer import Composer, load
from lmjax.composing import Draw, check_metres, draw, draw_forms
from lmjax.files import make_folder, write_npz
from lmjax.music.chorale import FRAMES_PER_QUARTER, Chorale
from lmjax.render.curve import write_levels
from lmjax.render.report import Picture
from lmjax.render.write import check, write
from lmjax.reporting import about, heard, leave
from lmjax.requests.form import Form
from lmjax.sampling.settings import SamplerSettings
from lmjax.settings import ComposeSettings, Settings
from lmjax.training import checkpoints
from lmjax.training.checkpoints import BEST, CheckpointError


def form_of(settings: ComposeSettings) -> Form:
    """The form that a config gives.

    Raises:
      ValueError: naming what cannot be.
    """
    key = settings.key or None
    if settings.length:
        return Form.with_frames(settings.length, settings.metre, key, settings.anacrusis,
                                settings.fermatas or None)
    return Form(settings.metre, settings.bars, key, settings.anacrusis, settings.fermatas or None)


def forms_of(settings: ComposeSettings, composer: Composer) -> list[Form]:
    """The form of each chorale that a config asks for.

    Raises:
      ValueError: if they are to be drawn, and the composer has no prior of forms.
    """
    if settings.form == "open":
        return [form_of(settings)] * settings.num
    form = None if settings.form == "prior" else form_of(settings)
    return draw_forms(composer, jax.random.key(settings.seed), settings.num, form=form)


def configured(settings: Settings, workdir: str | os.PathLike[str]) -> Composer:
    """The composer in a folder, or the shipped one if the folder has none, used as a config says.

    The config's `sampler`, `compose` and `evaluation` count. All else is the composer's own: the
    config must agree with a folder's about the model, with the shipped weights about its kind.

    Raises:
      CheckpointError: if there is neither, or it is of another model than the config's.
    """
    folder = pathlib.Path(workdir)
    if checkpoints.latest_step(folder, BEST) is not None:
        composer = load(folder)
        check_model(folder, composer.about, settings)
    elif checkpoints.latest_step(checkpoints.shipped(), BEST) is not None:
        composer = load()
        check_kind(folder, composer.about, settings)
    else:
        raise CheckpointError(f"{folder} holds no weights, and none travel with this copy of "
                              f"lmjax; train first, with --mode=train")
    return composer.using(sampler=settings.sampler, compose=settings.compose,
                          evaluation=settings.evaluation)


def origin(composer: Composer, workdir: str | os.PathLike[str], doing: str) -> str:
    """Says which weights `configured` found for a folder, such as "composing with" them."""
    step = f"step {composer.about['step']:,}"
    if composer.folder == pathlib.Path(workdir):
        return f"{doing} the weights of {workdir}, {step}"
    return (f"no weights in {workdir}: {doing} the shipped weights "
            f"lmjax/{checkpoints.PRETRAINED.name}/{checkpoints.SHIPPED}, {step}")


def sample(config: Mapping[str, Any], workdir: str | os.PathLike[str],
           progress: bool = True, command: str = "") -> pathlib.Path:
    """Composes as `config.compose` says, with the composer of a working folder (`configured`).

    Writes every chorale in each of the formats, `samples.npz` with the arrays of all and, if there
    are any formats, `report.html`.

    Args:
      config: a ConfigDict as in `configs/`, or its dictionary.
      workdir: the folder of a training, or of files alone.
      progress: whether to show a bar and say what was done.
      command: that asked for it, to be told in the report.

    Returns:
      The folder of the files, `samples/seed-SEED` in the working folder.

    Raises:
      ConfigError, ValueError: if the config cannot be.
      CheckpointError: if there is no such composer.
    """
    settings = settings_module.from_config(config)
    chosen = settings.compose
    form_of(chosen)  # a mistake in it is to be told before the composer is loaded
    check(chosen.formats)
    composer = configured(settings, workdir)
    if progress:
        tqdm.write(origin(composer, workdir, "composing with"))
    forms = forms_of(chosen, composer)
    check_metres(composer, [form.metre for form in forms])
    drawn = draw(composer, jax.random.key(chosen.seed), chosen.num,
                 [form.tracks() for form in forms], chosen.batch_size, progress)
    folder = make_folder(pathlib.Path(workdir) / "samples" / f"seed-{chosen.seed}")
    save_draw(folder / "samples.npz", drawn, chosen.seed)

    def chorales() -> Iterator[Chorale]:
        for index, form in enumerate(forms):
            yield form.chorale(*drawn.notes(index), title=f"Chorale {chosen.seed}.{index}")

    if chosen.formats:
        write_all(folder, "chorale", chorales(), chosen.formats, write,
                  max(3, len(str(chosen.num - 1))), progress=progress)
        pictures = levels_picture(folder / "sampling.png", composer, drawn)
        leave(folder, f"{chosen.num} chorales", {**about(composer), "seed": str(chosen.seed)},
              (heard(chorale, {"seed": f"{chosen.seed}, chorale {index}"}, command)
               for index, chorale in enumerate(chorales())), pictures=pictures, progress=progress)
    if progress:
        lengths = " to ".join(map(str, sorted({drawn.frames.min(), drawn.frames.max()})))
        tqdm.write(
            f"{chosen.num} chorales of {lengths} sixteenths in {folder}: compiled in "
            f"{drawn.compile_seconds:.1f} s, composed in {drawn.seconds:.1f} s "
            f"({drawn.seconds / chosen.num:.2f} s each, {drawn.evaluations} evaluations a window)")
    return folder


def levels_picture(path: pathlib.Path, composer: Composer, drawn: Draw) -> list[Picture]:
    """Draws what a score model's sampler said of itself at each noise level, for a report; others
    have no levels."""
    how = composer.settings.sampler
    if not isinstance(how, SamplerSettings):
        return []
    write_levels(path, np.asarray(how.build().plan.start), drawn.diagnostics)
    return [Picture("From noise to notes", path.read_bytes(),
                    "Length of the score, entropy of a cell's token and share of changed cells, at "
                    "each noise level.")]


def write_all(folder: pathlib.Path, stem: str, chorales: Iterable[Chorale],
              formats: Sequence[str], write_one: Callable[[Chorale, pathlib.Path], None],
              digits: int, first: int = 0, progress: bool = False) -> None:
    """Writes chorales as STEM-NUMBER in some formats, and removes what an earlier, larger draw left
    there.

    Args:
      write_one: writes one of them.
      digits: of the numbers, at least.
      first: the first number.
      progress: whether to count them.
    """
    written = set()
    with tqdm(disable=not progress, desc="write", unit="chorale") as bar:
        for number, chorale in enumerate(chorales, first):
            for suffix in formats:
                path = folder / f"{stem}-{number:0{digits}}.{suffix}"
                write_one(chorale, path)
                written.add(path)
            bar.update()
    for path in set(folder.glob(f"{stem}-*")) - written:
        path.unlink()


def save_draw(path: pathlib.Path, drawn: Draw, seed: int) -> None:
    """Writes what was drawn as one .npz: tokens, pitches, re-attacks, lengths, seeds and so on."""
    num = len(drawn.tokens)
    write_npz(path, {
        "tokens": drawn.tokens, "pitch": drawn.pitch, "struck": drawn.struck,
        "frames": drawn.frames, "seed": np.full(num, seed), "index": np.arange(num),
        "corrected": drawn.corrected, "frames_per_quarter": np.full(num, FRAMES_PER_QUARTER),
        **{f"diagnostics_{name}": values for name, values in drawn.diagnostics.items()}})
