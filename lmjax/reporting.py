"""What a run leaves to see and hear: its `report.html`."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from lmjax.composer import Composer
from lmjax.metrics import theory
from lmjax.music.chorale import Chorale
from lmjax.render import report
from lmjax.render.extra import MissingExtra
from lmjax.training import checkpoints


def about(composer: Composer) -> dict[str, str]:
    """What a report says of a composer."""
    shipped = composer.folder is not None and checkpoints.is_shipped(composer.folder)
    return {"model": str(composer.about["config"]["name"]),
            "weights": f"{'shipped with lmjax' if shipped else composer.folder}, step "
                       f"{composer.about['step']:,}",
            "sampler": composer.settings.sampler.kind.replace("_", " ")}


def leave(folder: str | os.PathLike[str], title: str, about: Mapping[str, str],
          pieces: Iterable[report.Piece] = (), tables: Sequence[report.Table] = (),
          pictures: Sequence[report.Picture] = (), progress: bool = True) -> None:
    """Writes the report of a run into its folder; where the extra for it is not installed there is
    none, and what to install is said.

    Args:
      folder, title, about, pieces, tables, pictures: as of `lmjax.render.report.write_report`.
      progress: whether to show a bar, and say where it is.
    """
    try:
        with tqdm(pieces, disable=not progress, desc="report", unit="piece", leave=False) as shown:
            first, *_ = report.write_report(folder, title, about, shown, tables, pictures)
    except MissingExtra as error:
        said = str(error)
    else:
        said = f"to see and hear: {first}"
    if progress:
        tqdm.write(said)


def heard(chorale: Chorale, facts: Mapping[str, str], command: str = "",
          given: np.ndarray | None = None) -> report.Piece:
    """A chorale as a piece of a report, its parallel fifths and octaves marked; the arguments are
    as of `lmjax.render.report.Piece`."""
    faults = [report.Fault(*found) for found in theory.parallels(chorale.pitch)]
    return report.Piece(chorale, chorale.title or "Chorale", facts, command, faults, given)


def tables_of(titles: Sequence[str], text: str) -> Iterator[report.Table]:
    """The Markdown tables of a text, each with its title."""
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    for title, block in zip(titles, blocks, strict=True):
        lines = block.splitlines()
        header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")]
                            for line in lines if line.startswith("|"))
        note = " ".join(line for line in lines if not line.startswith("|"))
        yield report.Table(title, header, rows, note)


def command_of(argv: Sequence[str], mode: str) -> str:
    """A command line of this program, as it is typed but for its mode."""
    line = shlex.join(["python", "-m", "lmjax.main", *argv[1:]])
    line, said = re.subn(r"(?<!\S)--?mode[= ]\w+", f"--mode={mode}", line)
    return line if said else f"{line} --mode={mode}"
