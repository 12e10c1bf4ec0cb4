"""Engraved pages on paper and as pictures, through cairosvg."""

import io
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from lmjax.render import extra

A4 = 210 / 25.4 * 96, 297 / 25.4 * 96  # pixels of CSS
PICTURE_WIDTH, HIGHEST = 1600, 32000  # pixels, of which Cairo can draw no more than 32767


def on_white(svg: str) -> str:
    """An SVG of a file of its own on white, to be seen on dark pages too."""
    return re.sub(r"<svg\b[^>]*>", r'\g<0><rect width="100%" height="100%" fill="white"/>', svg,
                  count=1)


def png_of(svg: str) -> bytes:
    """An SVG as a PNG, on white.

    Raises:
      MissingExtra: if cairosvg is not installed, or the system has no libcairo.
    """
    cairosvg = extra.load("cairosvg", "engraved music (.score.png)")
    width, height = (float(part) for part in ElementTree.fromstring(svg)
                     .get("viewBox", "").split()[2:])
    return bytes(cairosvg.svg2png(
        svg.encode(), output_width=min(PICTURE_WIDTH, HIGHEST * width / height),
        background_color="white"))


def pdf_of(pages: Sequence[str], title: str) -> bytes:
    """SVGs, each of the shape of A4, as the pages of one PDF.

    Raises:
      MissingExtra: as of `png_of`.
    """
    extra.load("cairosvg", "engraved music (.pdf)")
    import cairocffi
    from cairosvg.parser import Tree
    from cairosvg.surface import PDFSurface

    class Page(PDFSurface):  # type: ignore[misc]
        """A page of a document; cairosvg itself draws but one page on each."""

        def _create_surface(self, width: float, height: float) -> tuple[Any, float, float]:
            document.set_size(width, height)
            return document, width, height

    content = io.BytesIO()
    document = cairocffi.PDFSurface(content, 1, 1)  # each page sets its size
    document.set_metadata(cairocffi.PDF_METADATA_TITLE,
                          "".join(letter for letter in title if letter.isprintable()))
    # Cairo dates a file otherwise, and the same pages would give other bytes.
    document.set_metadata(cairocffi.PDF_METADATA_CREATE_DATE, "2000-01-01T00:00:00Z")
    for page in pages:
        Page(Tree(bytestring=page.encode()), None, 96, output_width=A4[0], output_height=A4[1])
        document.show_page()
    document.finish()
    return content.getvalue()
