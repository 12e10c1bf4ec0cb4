"""Pages of music, through verovio: the extra `render`."""

import io
import itertools
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from lmjax.music.chorale import Chorale
from lmjax.render import extra
from lmjax.render.compact import compact, edges
from lmjax.render.mei import mei_of, notes_of

SIDES = ("Top", "Bottom", "Left", "Right")
# Tenths of a millimetre, at which a staff is 7.2 mm high. One page as wide as three or four bars,
# which can still be read on a phone, and as high as it takes; or sheets of A4, their staves 6.3 mm.
TALL = {"pageWidth": 1800, "pageHeight": 60000, "adjustPageHeight": True,
        **{f"pageMargin{side}": 60 for side in SIDES}}
SHEETS = {"pageWidth": 2400, "pageHeight": 3394, "adjustPageHeight": False,
          **{f"pageMargin{side}": 150 for side in SIDES}}
OPTIONS: dict[str, Any] = {"footer": "none", "systemDivider": "none", "svgViewBox": True,
                           "svgFormatRaw": True, "minLastJustification": 0.7, "xmlIdSeed": 1}
SVG_UNITS = 10  # of a drawing, in each of these
AGAIN = "save it anew from a notation editor"


def chorale_pages(chorale: Chorale, layout: str, size: Mapping[str, Any],
                  prefix: str = "") -> list[str]:
    """A chorale as SVGs, its bars spread evenly over the systems, and these over the sheets.

    Args:
      chorale: what to engrave.
      layout: one of `mei.LAYOUTS`.
      size: `TALL`, which gives one page, or `SHEETS`.
      prefix: of all ids in the SVGs.

    Raises:
      MissingExtra: if verovio is not installed.
      ValueError: if there is no such layout.
    """
    toolkit = _toolkit()
    toolkit.setOptions({"pageWidth": 100000, "breaks": "none"})
    toolkit.loadData(mei_of(chorale, layout, prefix))
    head, ends = edges(toolkit.renderToSVG(1))
    room = size["pageWidth"] - size["pageMarginLeft"] - size["pageMarginRight"]
    breaks = systems(head, ends, room * SVG_UNITS)
    # Pages break where they are full only if they are not as high as it takes.
    toolkit.setOptions({**size, "breaks": "encoded" if size["adjustPageHeight"] else "line"})
    toolkit.loadData(mei_of(chorale, layout, prefix, breaks))
    pages = _drawn(toolkit)
    if len(pages) > 1:
        # Verovio fills one sheet after the other, and the last gets what is left.
        firsts = sheets([page.count('class="system"') for page in pages])
        toolkit.setOptions({"breaks": "encoded"})
        toolkit.loadData(mei_of(
            chorale, layout, prefix, breaks, [breaks[first - 1] for first in firsts]))
        pages = _drawn(toolkit)
    notes = notes_of(chorale, prefix)
    return [compact(page, notes, prefix) for page in pages]


def systems(head: float, ends: Sequence[float], room: float) -> tuple[int, ...]:
    """The bars with which systems begin but the first, so that all are about equally full.

    Args:
      head: the width of clefs and signatures, with which each system begins.
      ends: of the bars, were all in one system.
      room: the width of a page.
    """
    best: list[tuple[float, tuple[int, ...]]] = [(0, ())]  # for so many bars: squared room left
    for end in range(1, len(ends) + 1):
        options: list[tuple[float, tuple[int, ...]]] = []
        for start in reversed(range(end)):
            width = ends[end - 1] - (ends[start - 1] - head if start else 0)
            if width > room and options:
                break
            left, firsts = best[start]
            options.append((left + (room - width) ** 2, (*firsts, start)))
        best.append(min(options))
    return best[-1][1][1:]


def sheets(filled: Sequence[int]) -> list[int]:
    """The systems with which sheets begin but the first, so that all are about equally full.

    Args:
      filled: how many systems are on each sheet if each but the last is as full as can be. They
        stay where they are if more would have to be on one than on the least of these.
    """
    firsts = [sum(filled) * number // len(filled) for number in range(len(filled) + 1)]
    if np.diff(firsts).max() > min(filled[:-1]):
        firsts = [0, *itertools.accumulate(filled)]
    return firsts[1:-1]


def musicxml_pages(content: bytes, size: Mapping[str, Any]) -> list[str]:
    """A MusicXML file, compressed or not, as SVGs.

    Args:
      content: of the file.
      size: as of `chorale_pages`.

    Raises:
      MissingExtra: if verovio is not installed.
      ValueError: if it is no such file, or verovio finds no notes in it.
    """
    try:
        root = ElementTree.fromstring(_unzipped(content))
    except (ElementTree.ParseError, zipfile.BadZipFile, zlib.error, EOFError, KeyError,
            RuntimeError, ValueError) as error:  # RuntimeError: of an archive with a password
        # Verovio would engrave what there is of a file that is cut off.
        raise ValueError(f"this is no MusicXML, or a part of it is missing ({error}); "
                         f"{AGAIN}") from error
    if root.tag != "score-partwise":
        raise ValueError(f"this is {root.tag}, not the score-partwise that MusicXML mostly is; "
                         f"{AGAIN}")
    toolkit = _toolkit()
    toolkit.setOptions(size)
    read = toolkit.loadData(ElementTree.tostring(root, encoding="unicode"))
    pages = _drawn(toolkit) if read else []
    if not any('class="note' in page for page in pages):
        raise ValueError(f"verovio finds no notes in this MusicXML; {AGAIN}")
    return pages


def _unzipped(content: bytes) -> bytes:
    """A MusicXML file without its compression, if it has one."""
    if not content.startswith(b"PK"):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as folder:
        about = ElementTree.fromstring(folder.read("META-INF/container.xml"))
        paths = [file.get("full-path", "") for file in about.iter() if "full-path" in file.attrib]
        return folder.read(paths[0] if paths else "")


def _toolkit() -> Any:
    verovio = extra.load("verovio", "engraved music")
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(OPTIONS)
    return toolkit


def _drawn(toolkit: Any) -> list[str]:
    return [toolkit.renderToSVG(number) for number in range(1, toolkit.getPageCount() + 1)]
