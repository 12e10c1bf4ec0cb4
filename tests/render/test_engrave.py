"""Engraved files, and what is said where they cannot be written."""

import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from lmjax.music.chorale import Chorale
from lmjax.render import engrave
from lmjax.render.extra import MissingExtra
from lmjax.render.notation import write_musicxml
from lmjax.render.write import check

WRITERS = {"svg": engrave.write_svg, "score.png": engrave.write_png, "pdf": engrave.write_pdf}
SIGNATURES = {"svg": b"<svg", "score.png": b"\x89PNG", "pdf": b"%PDF"}


def twice(chorale: Chorale) -> Chorale:
    pitch, struck, fermata = (np.tile(getattr(chorale, name), (2, 1))
                              for name in ("pitch", "struck", "fermata"))
    bars = tuple(bar._replace(start=bar.start + shift)
                 for shift in (0, len(chorale)) for bar in chorale.bars)
    return Chorale(pitch, struck, fermata, bars, chorale.sharps)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """Runs the command line."""
    def run(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["engrave", *map(str, arguments)])
        engrave.main()
    return run


def test_an_engraving_knows_its_notes(chorale: Chorale) -> None:
    one, other = (engrave.engraving(chorale, prefix=prefix) for prefix in ("a-", "b-"))
    assert one.notes["a-n0-0"] == (0, 0, 4) and len(one.notes) == 54  # two off the beat
    assert all(f'id="{name}"' in one.svg and name not in other.svg for name in one.notes)
    assert one.svg.replace("a-", "b-") == other.svg


@pytest.mark.usefixtures("cairo")
@pytest.mark.parametrize("suffix", WRITERS)
def test_equal_chorales_give_equal_files(chorale: Chorale, tmp_path: Path, suffix: str) -> None:
    for name in "ab":
        WRITERS[suffix](chorale, tmp_path / name, "hymn")
    content = (tmp_path / "a").read_bytes()
    assert content.startswith(SIGNATURES[suffix]) and (tmp_path / "b").read_bytes() == content
    WRITERS[suffix](chorale, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() != content


@pytest.mark.usefixtures("cairo")
def test_a_pdf_has_sheets_of_a4(chorale: Chorale, tmp_path: Path) -> None:
    engrave.write_pdf(chorale, tmp_path / "a.pdf")
    engrave.write_pdf(twice(twice(twice(chorale))), tmp_path / "b.pdf")
    for name, sheets in (("a.pdf", 1), ("b.pdf", 2)):
        content = (tmp_path / name).read_bytes()  # of which some versions of Cairo compress more
        streams = re.findall(rb"stream\n(x\x9c.*?)\nendstream", content, re.S)
        objects = b"".join([content, *map(zlib.decompress, streams)])
        assert objects.count(b"/MediaBox [ 0 0 595.275") == sheets


@pytest.mark.usefixtures("cairo")
def test_files_from_the_command_line(chorale: Chorale, tmp_path: Path, command) -> None:
    path = tmp_path / "piece.musicxml"
    write_musicxml(chorale, path)
    command(path)
    assert (tmp_path / "piece.svg").read_text().count('class="staff"') == 4 * len(chorale.bars)
    command(path, "--to=svg,pdf,png", "--layout=hymn")
    assert (tmp_path / "piece.svg").read_text().count('class="staff"') == 2 * len(chorale.bars)
    for suffix, signature in SIGNATURES.items():
        assert (tmp_path / f"piece.{suffix}").read_bytes().startswith(signature)


def test_mistakes_on_the_command_line(tmp_path: Path, command, capsys) -> None:
    path = tmp_path / "piece.musicxml"
    with pytest.raises(SystemExit, match=r"lmjax: .*No such file.*piece\.musicxml"):
        command(path)
    path.write_bytes(b"no music")
    with pytest.raises(SystemExit, match=r"lmjax: .*piece\.musicxml: this is no MusicXML"):
        command(path)
    (tmp_path / "tune.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n")
    with pytest.raises(SystemExit, match=r"tune\.abc has 1 parts, and a hymn has 4; engrave it w"):
        command(tmp_path / "tune.abc", "--layout=hymn")
    with pytest.raises(SystemExit):
        command(path, "--to=svg,gif")
    assert "--to names some of svg, pdf and png, not svg,gif" in capsys.readouterr().err
    assert {file.name for file in tmp_path.iterdir()} == {"piece.musicxml", "tune.abc"}


def test_without_the_libraries(chorale: Chorale, tmp_path: Path,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    check(("musicxml", "mid", "png", "svg"))
    for suffix in ("pdf", "score.png"):
        with pytest.raises(MissingExtra, match=rf'\(\.{suffix}\) needs cairosvg; .*"\.\[render\]"'):
            check(("musicxml", suffix))
        with pytest.raises(MissingExtra, match="needs cairosvg"):
            WRITERS[suffix](chorale, tmp_path / "a")
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(MissingExtra, match="needs verovio"):
        check(("svg",))
    with pytest.raises(MissingExtra, match="needs verovio"):
        engrave.engraving(chorale)
    assert not list(tmp_path.iterdir())


def test_without_the_library_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError(f"no library called {name}\nwas found")

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(MissingExtra, match="needs cairosvg, and that needs libcairo2 of the sys"):
        engrave.extra.load("cairosvg", "engraved music (.pdf)")
