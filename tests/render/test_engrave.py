"""Engraved pages: what they show, and what is said where the library is missing."""

import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from lmjax.music.chorale import Bar, Chorale
from lmjax.render.engrave import MissingExtra, engrave, write_svg
from lmjax.render.write import check


@pytest.fixture
def chorale():
    """Two bars of 4/4, the last chord under a fermata."""
    pitch = np.repeat(np.array([[72, 67, 64, 48], [74, 67, 65, 47], [76, 67, 60, 48]]),
                      [8, 8, 16], axis=0).astype(np.int16)
    struck = np.zeros((32, 4), bool)
    struck[[0, 8, 16]] = True
    fermata = np.zeros((32, 4), bool)
    fermata[16] = True
    bars = Bar(0, 4, 4), Bar(16, 4, 4)
    return Chorale(pitch, struck, fermata, bars, 0, "major", "Two bars & <more>")


def classes(svg):
    return [element.get("class", "") for element in ElementTree.fromstring(svg).iter()]


def test_a_page_shows_all_notes_and_fermatas(chorale, tmp_path):
    write_svg(chorale, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    found = classes(svg)
    assert found.count("fermata") == 4 and found.count("measure") == 2
    assert found.count("staff") == 8
    assert "Two bars &amp; &lt;more&gt;" in svg
    write_svg(chorale, tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_text() == svg


def test_what_is_no_music():
    with pytest.raises(ValueError, match="verovio cannot read this MusicXML"):
        engrave(b"no xml")


def test_without_the_library(chorale, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(MissingExtra, match=r'pip install -e "\.\[render\]"'):
        write_svg(chorale, tmp_path / "a.svg")
    with pytest.raises(MissingExtra, match="needs verovio"):
        check(("musicxml", "svg"))
    check(("musicxml", "mid", "png"))
    assert not list(tmp_path.iterdir())
