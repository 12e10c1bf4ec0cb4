"""The report of a run: pages to see, hear and print, each a single file that asks nothing of any
network."""

import base64
import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lmjax.files import write_bytes
from lmjax.render import extra
from lmjax.render.page import data_uri, escape, facts_list, fill, source
from lmjax.render.page.piece import Fault, Piece, article, in_words

__all__ = ["Fault", "Picture", "Piece", "Table", "check", "write_report"]

PAGE_BYTES = 19_000_000  # of the pieces of a page, unless one alone takes more
IMAGES = {b"\x89PNG": "image/png", b"GIF8": "image/gif", b"<": "image/svg+xml"}  # how they begin
Numbered = tuple[int, Piece, str]  # number in the report, piece, and its HTML


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a run: the cells of its header and of each row, and a note below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a run, dark on white: a PNG, a GIF or an SVG, and in words what it shows."""

    title: str
    image: bytes
    alt: str


def check() -> None:
    """Raises `extra.MissingExtra` if a library that reports need is not installed: before there is
    anything to report."""
    for library in ("verovio", "soundfile"):
        extra.load(library, "a report (report.html)")


def write_report(folder: str | os.PathLike[str], title: str, about: Mapping[str, str],
                 pieces: Iterable[Piece], tables: Sequence[Table] = (),
                 pictures: Sequence[Picture] = ()) -> list[Path]:
    """Writes the report of a run into a folder: `report.html` and, where that would become too
    large, `report-2.html` and so on, with links between.

    Pages of an earlier, longer report are removed.

    Args:
      folder: where the run leaves its files.
      title: of the report.
      about: what is said about the run, by name.
      pieces: what it composed; drawn one after the other, so that few are held at a time.
      tables: what it measured; on the first page, after the music.
      pictures: of the run; after the tables.

    Returns:
      The files.

    Raises:
      MissingExtra: if a library is not installed.
      ValueError: if a picture is neither a PNG, nor a GIF, nor an SVG.
      FileNotFoundError: if there is no such folder.
    """
    check()
    closing = [*map(_table, tables), *map(_picture, pictures)]
    numbered = ((number, piece, article(piece, f"p{number}"))
                for number, piece in enumerate(pieces, 1))
    paths: list[Path] = []
    for page, more in _pages(numbered, sum(map(_size, closing))):
        number = len(paths) + 1
        body = [_contents(page), *(made for _, _, made in page),
                *(closing if number == 1 else ())]
        paths.append(Path(folder) / _file_name(number))
        write_bytes(paths[-1], _page(title, about, _links(number, more), "\n".join(body)).encode())
    for path in Path(folder).glob("report-*.html"):
        if re.fullmatch(r"report-\d+\.html", path.name) and path not in paths:
            path.unlink()
    return paths


def _pages(pieces: Iterable[Numbered], size: int) -> Iterator[tuple[list[Numbered], bool]]:
    """Pieces in pages, and whether there is one more; `size` is what the first holds besides."""
    page: list[Numbered] = []
    for piece in pieces:
        if page and size + _size(piece[2]) > PAGE_BYTES:
            yield page, True
            page, size = [], 0
        page.append(piece)
        size += _size(piece[2])
    yield page, False


def _size(text: str) -> int:
    return len(text.encode())


def _file_name(number: int) -> str:
    return "report.html" if number == 1 else f"report-{number}.html"


def _page(title: str, about: Mapping[str, str], links: str, body: str) -> str:
    """A whole page. Its policy forbids whatever would leave it, and any program but the player."""
    script = source("player.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return fill("page.html", title=escape(title), about=facts_list(about), links=links, body=body,
                style=source("style.css"), script=script, digest=digest)


def _links(number: int, more: bool) -> str:
    """Links to the pages around one."""
    places = [*([("First page", 1), ("Previous page", number - 1)] if number > 1 else []),
              *([("Next page", number + 1)] if more else [])]
    if not places:
        return ""
    links = " ".join(f'<a href="{_file_name(place)}">{name}</a>' for name, place in places)
    return f'<nav class="pages" aria-label="Pages">Page {number} {links}</nav>'


def _contents(page: Sequence[Numbered]) -> str:
    """The pieces of a page side by side, each with a link to it."""
    if not page:
        return '<p class="empty">There is no music in this report.</p>'
    if len(page) == 1:
        return ""
    names = list(dict.fromkeys(name for _, piece, _ in page for name in piece.facts))
    rows = [(f'<a href="#p{number}">{escape(piece.name)}</a>', in_words(piece.chorale),
             *(escape(piece.facts.get(name, "")) for name in names), str(len(piece.faults)))
            for number, piece, _ in page]
    header = ["Piece", "form", *map(escape, names), "faults"]
    return f'<nav aria-label="Pieces">{_cells("Pieces of this page", header, rows)}</nav>'


def _cells(label: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML; what is too wide can be scrolled."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    lines = (f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
             for first, *rest in rows)
    return (f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>")


def _table(table: Table) -> str:
    cells = _cells(escape(table.title), [*map(escape, table.header)],
                   ([*map(escape, row)] for row in table.rows))
    note = f'<p class="remark">{escape(table.note)}</p>' if table.note else ""
    return f"<section><h2>{escape(table.title)}</h2>{cells}{note}</section>"


def _picture(picture: Picture) -> str:
    """A picture as HTML.

    Raises:
      ValueError: if it is of no known kind.
    """
    kind = next((kind for start, kind in IMAGES.items() if picture.image.startswith(start)), None)
    if kind is None:
        raise ValueError(f"the picture {picture.title!r} is neither a PNG, nor a GIF, nor an SVG")
    return (f"<section><h2>{escape(picture.title)}</h2><figure>"
            f'<img src="{data_uri(picture.image, kind)}" alt="{escape(picture.alt)}"></figure>'
            "</section>")
