"""Engraved music as SVG, PNG and PDF, through verovio and cairosvg: the extra `render`."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from lmjax.files import write_bytes
from lmjax.music.chorale import VOICES, Chorale
from lmjax.music.importers import chorale_of, read_tune, voices_of
from lmjax.render import extra
from lmjax.render.mei import LAYOUTS, notes_of
from lmjax.render.pages import SHEETS, TALL, chorale_pages, musicxml_pages
from lmjax.render.paper import on_white, pdf_of, png_of

LIBRARIES = {"svg": ("verovio",), "score.png": ("verovio", "cairosvg"),
             "pdf": ("verovio", "cairosvg")}  # by the suffix of what they write


@dataclasses.dataclass(frozen=True)
class Engraving:
    """A chorale as engraved music.

    Attributes:
      svg: one SVG that needs nothing else, with a view box and without a size; its ink is the
        colour of the text around it.
      notes: the id of each written note in it, a group of the class "note" -> its voice, its first
        frame and the frame after its last. Notes that are tied are several.
    """

    svg: str
    notes: Mapping[str, tuple[int, int, int]]


def check(suffix: str) -> None:
    """Raises MissingExtra if a library is missing that files of a suffix, such as "pdf", need."""
    for library in LIBRARIES.get(suffix, ()):
        extra.load(library, f"engraved music (.{suffix})")


def engraving(chorale: Chorale, layout: str = "hymn", prefix: str = "") -> Engraving:
    """Engraves a chorale on one page as high as it takes.

    Args:
      chorale: what to engrave.
      layout: "hymn", two voices on each of two staves, or "open", a staff for each voice.
      prefix: of all ids, to tell them from those of other pieces on a page; a letter is its first
        character.

    Raises:
      MissingExtra: if verovio is not installed.
      ValueError: if there is no such layout.
    """
    page, = chorale_pages(chorale, layout, TALL, prefix)
    return Engraving(page, notes_of(chorale, prefix))


def write_svg(chorale: Chorale, path: str | os.PathLike[str], layout: str = "open") -> None:
    """Writes a chorale as engraved music on one page as high as it takes.

    Raises:
      MissingExtra: if a library is missing, which names the extra that installs it.
      ValueError: if there is no such layout.
      FileNotFoundError: if the folder of the file does not exist.
    """
    _save(functools.partial(chorale_pages, chorale, layout), "svg", path)


def write_png(chorale: Chorale, path: str | os.PathLike[str], layout: str = "open") -> None:
    """Writes what `write_svg` does as a picture, with its errors."""
    _save(functools.partial(chorale_pages, chorale, layout), "score.png", path)


def write_pdf(chorale: Chorale, path: str | os.PathLike[str], layout: str = "open") -> None:
    """Writes a chorale as sheets of A4; errors as of `write_svg`."""
    _save(functools.partial(chorale_pages, chorale, layout), "pdf", path, chorale.title)


def _save(pages: Callable[[Mapping[str, int]], list[str]], suffix: str,
          path: str | os.PathLike[str], title: str = "") -> None:
    """Writes pages, which are drawn for a size."""
    check(suffix)
    if suffix == "pdf":
        content = pdf_of(pages(SHEETS), title)
    else:
        page, *more = pages(TALL)
        if more:
            raise ValueError("the piece is too long for a single page; engrave it as PDF")
        content = png_of(page) if suffix == "score.png" else on_white(page).encode()
    write_bytes(path, content)


def main() -> None:
    """Engraves MusicXML files, each beside it: NAME.svg, NAME.pdf, NAME.score.png."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(prog="python -m lmjax.render.engrave",
                                     description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--to", default="svg", metavar="svg,pdf,png", help="(default: svg)")
    parser.add_argument("--layout", default="open", choices=LAYOUTS,
                        help="open, as a file is (the default), or hymn, four voices on two staves")
    arguments = parser.parse_args()
    suffixes = ["score.png" if name == "png" else name for name in arguments.to.split(",")]
    if not set(suffixes) <= set(LIBRARIES):
        parser.error(f"--to names some of svg, pdf and png, not {arguments.to}")
    for path in arguments.files:
        try:
            pages = (functools.partial(musicxml_pages, path.read_bytes())
                     if arguments.layout == "open" else
                     functools.partial(chorale_pages, _four_voices(path), arguments.layout))
            for suffix in suffixes:
                _save(pages, suffix, path.with_suffix(f".{suffix}"), path.stem)
        except (ValueError, OSError) as error:
            where = "" if str(path) in str(error) else f"{path}: "
            sys.exit(f"lmjax: {where}{error}")


def _four_voices(path: Path) -> Chorale:
    """A file of four parts as a chorale."""
    tune = read_tune(path)
    if len(tune.parts) != len(VOICES):
        raise ValueError(f"{path} has {len(tune.parts)} parts, and a hymn has {len(VOICES)}; "
                         f"engrave it without --layout=hymn")
    return chorale_of(tune, voices_of(tune))


if __name__ == "__main__":
    main()
