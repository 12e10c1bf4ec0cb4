"""What a file says of harmony over and under its staves: chord symbols, and figured bass."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from lmjax.music.chorale import FRAMES_PER_QUARTER

# (frame, text); of a mark between two sixteenths the frame is no whole number.
Marks = tuple[tuple[float, str], ...]

NO_CHORD = "N.C."
# Signs beside a figure, as MusicXML calls them; a stroke through it raises it.
SIGNS = {"sharp": "#", "flat": "b", "natural": "n", "double-sharp": "##", "sharp-sharp": "##",
         "flat-flat": "bb", "slash": "#", "backslash": "#", "cross": "#"}


def chord_symbols(score: Any) -> Marks:
    """The chord symbols of a music21 score, such as "D7/F#"."""
    found = [(float(symbol.getOffsetInHierarchy(score)) * FRAMES_PER_QUARTER, str(symbol.figure))
             for symbol in score.recurse().getElementsByClass("ChordSymbol")]
    return tuple(sorted({mark for mark in found if mark[1] != NO_CHORD}))


def figured_bass(content: bytes, starts: list[int]) -> Marks:
    """The figured bass of a MusicXML file, such as "6 5", which music21 does not read.

    Args:
      content: of the file; nothing is found in that of another format.
      starts: the first frame of each of its bars in which a part has notes or rests.
    """
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return ()
    return tuple(sorted({
        (starts[bar] + quarters * FRAMES_PER_QUARTER, text)
        for part in root.iter("part") for bar, quarters, text in _figures(part)
        if bar < len(starts)}))


def _figures(part: ElementTree.Element) -> Iterator[tuple[int, float, str]]:
    """Of the figures under a part the bar, counted from 0, the quarters into it, and text."""
    divisions = 1.0
    sung = [measure for measure in part.iter("measure") if measure.find("note") is not None]
    for bar, measure in enumerate(sung):
        # Figures have the place of the next note; further ones come that much later.
        place = later = 0.0
        for element in measure:
            duration = float(element.findtext("duration") or 0)
            if element.tag == "attributes":
                divisions = float(element.findtext("divisions") or divisions)
            elif element.tag == "figured-bass":
                figures = filter(None, map(_figure, element.iter("figure")))
                yield bar, (place + later) / divisions, " ".join(figures)
                later += duration
            elif element.tag in ("note", "forward", "backup") and element.find("chord") is None:
                place += -duration if element.tag == "backup" else duration
                later = 0.0


def _figure(figure: ElementTree.Element) -> str:
    """A figure with its sign, as `lmjax.requests.roman.figured` reads it."""
    signs = [SIGNS.get((figure.findtext(name) or "").strip(), "") for name in ("prefix", "suffix")]
    return "".join(signs) + (figure.findtext("figure-number") or "").strip()
