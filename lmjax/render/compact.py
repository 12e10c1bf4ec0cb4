"""What verovio draws, rewritten small enough to stand in a page many times."""

import re
from collections.abc import Collection, Iterable, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

SVG = "http://www.w3.org/2000/svg"
G, USE, PATH = (f"{{{SVG}}}{tag}" for tag in ("g", "use", "path"))
HREF = "{http://www.w3.org/1999/xlink}href"
KEPT = ("system", "measure", "staff", "note", "fermata")  # classes of groups
GLYPH = re.compile(r"translate\((\S+), (\S+)\) scale\((\S+), \3\)")
LINE = re.compile(r"M(\S+) (\S+) L(\S+) (\S+)")


def compact(svg: str, ids: Collection[str], prefix: str = "") -> str:
    """Rewrites an SVG of verovio's so that it looks the same and takes a quarter of the space.

    Its ink is `currentColor`, its text in the generic serif, and it has no style sheet, which would
    count for all of the page that it stands in. Of the groups those of the classes in `KEPT` stay,
    with their ids where these are wanted.

    Args:
      svg: with a view box; its texts in no font of music.
      ids: that stay.
      prefix: of all other ids.
    """
    whole = ElementTree.fromstring(svg)
    page = whole.find(f"{{{SVG}}}svg")
    assert page is not None, "verovio draws the page inside of an svg with a view box"
    outlines = {outline.get("id"): outline[0].get("d", "")
                for outline in whole.iterfind(f"{{{SVG}}}defs/*")}
    root = Element("svg", {
        "xmlns": SVG, "viewBox": page.get("viewBox", ""), "fill": "currentColor",
        "stroke": "currentColor", "stroke-width": "0", "stroke-linejoin": "round",
        "font-family": "serif"})
    glyphs = _Glyphs(outlines, prefix)
    drawn = [small for element in page for small in _compact(element, ids, glyphs)]
    SubElement(root, "defs").extend(glyphs.paths.values())
    root.extend(drawn)
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def edges(svg: str) -> tuple[float, list[float]]:
    """Where, in an SVG of verovio's of one system, the metre stands and where each bar ends."""
    whole = ElementTree.fromstring(svg)
    metre = whole.find(f".//{G}[@class='meterSig']/{USE}")
    assert metre is not None, "verovio draws the metre of the first bar"
    lines = whole.iterfind(f".//{G}[@class='measure']/{G}[@class='staff'][1]/{PATH}[1]")
    return (float(_numbers(GLYPH, metre.get("transform", ""))[0]),
            [float(_numbers(LINE, line.get("d", ""))[2]) for line in lines])


def _numbers(pattern: re.Pattern[str], value: str) -> tuple[str, ...]:
    match = pattern.fullmatch(value)
    assert match, f"verovio does not write {value}"
    return match.groups()


class _Glyphs:
    """The glyphs that are used, each once in each of its sizes.

    Attributes:
      paths: (id in verovio's SVG, scale) -> the path that draws it.
    """

    def __init__(self, outlines: dict[str | None, str], prefix: str) -> None:
        self.outlines, self.prefix = outlines, prefix
        self.paths: dict[tuple[str, str], Element] = {}

    def use(self, element: Element) -> Element:
        """A `use` of verovio's as one of a path that has its size already."""
        glyph = element.get(HREF, "").removeprefix("#")
        x, y, scale = _numbers(GLYPH, element.get("transform", ""))
        name = f"{self.prefix}g{len(self.paths)}"
        path = self.paths.setdefault((glyph, scale), Element("path", {
            "id": name, "transform": f"scale({scale},-{scale})", "d": self.outlines[glyph]}))
        return Element("use", href=f"#{path.get('id')}", x=x, y=y)


def _compact(element: Element, ids: Collection[str], glyphs: _Glyphs) -> Iterator[Element]:
    """What takes the place of an element."""
    tag = element.tag.rpartition("}")[2]
    classes = element.get("class", "").split()
    if "placeholder" in classes:
        return
    if tag == "g":
        inside = _join(small for child in element for small in _compact(child, ids, glyphs))
        kept = {name: value for name, value in (
            ("id", element.get("id") if element.get("id") in ids else None),
            ("class", next((name for name in classes if name in KEPT), None)),
            ("transform", element.get("transform"))) if value}
        if "mNum" in classes:
            kept["font-style"] = "italic"
        if kept and inside:
            group = Element("g", kept)
            group.extend(inside)
            yield group
        else:
            yield from inside
    elif tag == "use":
        yield glyphs.use(element)
    elif tag == "text":
        yield _text(element)
    else:
        yield Element(tag, {name: _shorter(value) for name, value in element.items()
                            if not name.startswith("stroke-line")})


def _text(element: Element) -> Element:
    """A text without the nested spans."""
    spans = list(element.iter())
    found = {name: value for span in spans for name, value in span.items()
             if name in ("x", "y", "text-anchor", "font-size")}
    text = Element("text", {**found, "font-size": found["font-size"].removesuffix("px")})
    text.text = spans[-1].text
    return text


def _shorter(value: str) -> str:
    """The data of a path with shorter commands, if it is a level or upright line."""
    match = LINE.fullmatch(value)
    if not match:
        return value
    x, y, x2, y2 = match.groups()
    return f"M{x} {y}H{x2}" if y == y2 else f"M{x} {y}V{y2}" if x == x2 else value


def _join(elements: Iterable[Element]) -> list[Element]:
    """Neighbouring paths of one look, such as the lines of a staff, as one."""
    joined: list[Element] = []
    for element in elements:
        last = joined[-1] if joined else None
        if (last is not None and last.tag == element.tag == "path"
                and last.get("stroke-width") == element.get("stroke-width")):
            last.set("d", last.get("d", "") + element.get("d", ""))
        else:
            joined.append(element)
    return joined
