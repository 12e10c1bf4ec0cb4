"""Engraved music, through verovio: the extra `render`."""

import os
from pathlib import Path
from typing import Any

from lmjax.files import write_bytes
from lmjax.music.chorale import Chorale
from lmjax.render.notation import musicxml_of, to_score

# Lengths in tenths of a millimetre, times the scale in percent.
OPTIONS: dict[str, Any] = {
    "pageWidth": 2100, "pageHeight": 60000, "adjustPageHeight": True, "scale": 45,
    "pageMarginTop": 40, "pageMarginBottom": 40, "pageMarginLeft": 120, "pageMarginRight": 40,
    "header": "auto", "footer": "none", "systemDivider": "none", "breaks": "auto",
    "svgViewBox": True, "xmlIdSeed": 1}


class MissingExtra(ValueError):
    """A library that an extra installs is not there."""


def check() -> None:
    """Raises MissingExtra if verovio is not installed."""
    try:
        import verovio  # noqa: F401
    except ImportError as error:
        raise MissingExtra('engraved music (.svg) needs verovio; install it by pip install -e '
                           '".[render]"') from error


def write_svg(chorale: Chorale, path: str | os.PathLike[str]) -> None:
    """Writes a chorale as engraved music on one page as high as it takes.

    Raises:
      MissingExtra: if verovio is not installed.
      FileNotFoundError: if the folder of the file does not exist.
    """
    write_bytes(path, engrave(musicxml_of(to_score(chorale))).encode())


def engrave(musicxml: bytes) -> str:
    """A MusicXML file as one SVG.

    Raises:
      MissingExtra: if verovio is not installed.
      ValueError: if verovio cannot read the file.
    """
    check()
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(OPTIONS)
    if not toolkit.loadData(musicxml.decode()):
        raise ValueError("verovio cannot read this MusicXML")
    return str(toolkit.renderToSVG(1))


def main() -> None:
    """Engraves MusicXML files, each as an SVG beside it."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(prog="python -m lmjax.render.engrave",
                                     description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    for path in parser.parse_args().files:
        try:
            write_bytes(path.with_suffix(".svg"), engrave(path.read_bytes()).encode())
        except (ValueError, OSError) as error:
            sys.exit(f"lmjax: {path}: {error}")


if __name__ == "__main__":
    main()
