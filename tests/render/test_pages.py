"""Pages that verovio draws."""

import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest

from lmjax.music.chorale import Bar, Chorale
from lmjax.render.compact import SVG
from lmjax.render.mei import notes_of
from lmjax.render.notation import musicxml_of, to_score
from lmjax.render.pages import SHEETS, TALL, chorale_pages, musicxml_pages, sheets, systems

CONTAINER = '<container><rootfiles><rootfile full-path="a.xml"/></rootfiles></container>'


@pytest.fixture(scope="module")
def musicxml(chorale: Chorale) -> bytes:
    return musicxml_of(to_score(chorale))


def groups(svg: str, name: str) -> list[ElementTree.Element]:
    return [one for one in ElementTree.fromstring(svg).iter() if one.get("class") == name]


@pytest.mark.parametrize(("widths", "head", "room", "breaks"), [
    ([3, 3], 1, 10, ()),
    ([4, 3, 3, 3, 3], 1, 10, (2,)),  # 7 and 10 are evener than 10 and 7
    ([4, 4, 4, 4, 4, 4], 0, 12, (3,)),
    ([4, 4, 4, 4], 0, 12, (2,)),  # not three and one
    ([20, 3, 30], 1, 10, (1, 2)),  # too wide for any page
])
def test_systems_are_evenly_full(widths: list[int], head: int, room: int,
                                 breaks: tuple[int, ...]) -> None:
    ends = [sum(widths[:count]) for count in range(1, len(widths) + 1)]
    assert systems(head, ends, room) == breaks


@pytest.mark.parametrize("layout", ["hymn", "open"])
def test_a_page_shows_every_note_under_its_id(chorale: Chorale, layout: str) -> None:
    page, = chorale_pages(chorale, layout, TALL, "one-")
    drawn = {group.get("id"): [element.tag.removeprefix(f"{{{SVG}}}") for element in group]
             for group in groups(page, "note")}
    assert drawn.keys() == notes_of(chorale, "one-").keys()
    assert all("use" in inside for inside in drawn.values())
    staves = 2 if layout == "hymn" else 4
    assert len(groups(page, "staff")) == staves * len(chorale.bars)
    assert len(groups(page, "fermata")) == 2 * staves
    assert len(groups(page, "system")) == (1 if layout == "hymn" else 2)
    assert page == chorale_pages(chorale, layout, TALL, "one-")[0]


def test_a_page_can_be_inlined(chorale: Chorale) -> None:
    page, = chorale_pages(chorale, "hymn", TALL, "one-")
    root = ElementTree.fromstring(page)
    assert root.get("viewBox") and not {"width", "height"} & set(root.keys())
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(set(ids)) == len(ids) and all(name.startswith("one-") for name in ids)
    links = {one.get("href") for one in root.iter(f"{{{SVG}}}use")}
    assert links <= {f"#{name}" for name in ids}
    assert {one.get("font-family") for one in root.iter()} == {"serif", None}
    assert "Three Flats" in [one.text for one in root.iter(f"{{{SVG}}}text")]
    for foreign in ("style", "xlink", "url(", "Times", "black", "//www.v"):
        assert foreign not in page
    assert len(page) < 20_000  # six short bars


def test_a_long_chorale_takes_several_sheets_or_one_long_page(chorale: Chorale) -> None:
    arrays = (np.tile(getattr(chorale, name), (8, 1)) for name in ("pitch", "struck", "fermata"))
    whole = Chorale(*arrays, tuple(Bar(start, 3, 4) for start in range(0, 8 * len(chorale), 12)))
    several = chorale_pages(whole, "open", SHEETS)
    assert len(several) > 1
    page, = chorale_pages(whole, "open", TALL)
    for pages in (several, [page]):
        assert sum(len(groups(one, "note")) for one in pages) == len(notes_of(whole))


def test_sheets_are_about_equally_full(chorale: Chorale) -> None:
    assert sheets([4, 4, 2]) == [3, 6] and sheets([6, 4]) == [5] and sheets([4, 1]) == [2]
    # The first holds no more: its title takes room.
    assert sheets([3, 4, 4]) == [3, 7] and sheets([3, 5, 4]) == [3, 8]
    arrays = (np.tile(getattr(chorale, name), (8, 1)) for name in ("pitch", "struck", "fermata"))
    whole = Chorale(*arrays, tuple(Bar(start, 3, 4) for start in range(0, 8 * len(chorale), 12)))
    pages = chorale_pages(whole, "open", SHEETS)
    counts = [len(groups(page, "system")) for page in pages]
    assert len(pages) > 1 and max(counts) - min(counts) <= 1


def test_musicxml_is_engraved_as_it_is(musicxml: bytes) -> None:
    page, = musicxml_pages(musicxml, TALL)
    assert page.count('class="note"') == 54 and "Three Flats" in page
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as folder:
        folder.writestr("META-INF/container.xml", CONTAINER)
        folder.writestr("a.xml", musicxml)
    assert musicxml_pages(packed.getvalue(), TALL) == [page]
    assert musicxml_pages(musicxml.decode().replace("utf-8", "utf-16").encode("utf-16"),
                          TALL) == [page]


@pytest.mark.parametrize(("content", "message"), [
    (b"", "no MusicXML, or a part of it is missing"),
    (b"X:1\nK:C\nCDEF|", "no MusicXML, or a part of it is missing"),
    (b"PK\3\4", "no MusicXML, or a part of it is missing"),
    (b"<score-timewise/>", "this is score-timewise, not the score-partwise"),
    (b"<score-partwise><part-list/></score-partwise>", "verovio finds no notes"),
])
def test_what_is_no_musicxml(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}.*; save it anew from a notation editor"):
        musicxml_pages(content, TALL)


def test_compressed_files_that_are_damaged(musicxml: bytes) -> None:
    """Wherever the damage is, there is no other error."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr("META-INF/container.xml", CONTAINER)
        folder.writestr("a.xml", musicxml)
    whole, told = packed.getvalue(), 0
    for at in range(0, len(whole), len(whole) // 40):
        try:
            musicxml_pages(whole[:at] + b"\xff" * 8 + whole[at + 8:], TALL)
        except ValueError as error:
            told += "save it anew from a notation editor" in str(error)
    assert told > 30


def test_a_file_that_is_cut_off_is_not_engraved_in_part(musicxml: bytes) -> None:
    with pytest.raises(ValueError, match="a part of it is missing"):
        musicxml_pages(musicxml[:len(musicxml) // 2], TALL)
