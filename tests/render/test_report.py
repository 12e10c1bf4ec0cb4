"""Reports: what stands on their pages, how they are divided, and that they play in a browser."""

import base64
import collections
import dataclasses
import io
import itertools
import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.render import report
from lmjax.render.extra import MissingExtra
from lmjax.render.notation import musicxml_of, to_score
from lmjax.render.report import Fault, Picture, Piece, Table, write_report
from lmjax.render.tempo import seconds_of

HOSTILE = """<script>alert("1")</script> & 'more'"""
FAULT = Fault("parallel fifths", 8, (0, 3))
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(
    "google-chrome")
PATIENCE = 30  # seconds


@pytest.fixture(scope="module")
def piece(chorale: Chorale) -> Piece:
    """The soprano was given, and there is a fault from the second note of the first full bar."""
    given = np.zeros(chorale.pitch.shape, bool)
    given[:, 0] = True
    return Piece(dataclasses.replace(chorale, title=HOSTILE), HOSTILE, {"seed": HOSTILE},
                 f"make {HOSTILE}", [FAULT], given)


@pytest.fixture(scope="module")
def folder(piece: Piece, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two pieces, a table and a picture. Read only."""
    folder = tmp_path_factory.mktemp("report")
    assert write_report(
        folder, HOSTILE, {"weights": HOSTILE}, [piece, dataclasses.replace(piece, faults=[])],
        [Table(HOSTILE, ["", HOSTILE], [["fifths", HOSTILE]], HOSTILE)],
        [Picture(HOSTILE, b"<svg xmlns='http://www.w3.org/2000/svg'/>", HOSTILE)],
    ) == [folder / "report.html"]
    return folder


class Elements(HTMLParser):
    """The elements of a page as (tag, attributes), and its text outside of scripts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] not in ("script", "style"):
            self.text.append(data)

    def having(self, attribute: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.found if attribute in attrs]


def test_text_is_text(folder: Path) -> None:
    page = Elements(folder / "report.html")
    # Title twice; the table's title, header, cell and note; the picture's title; and of each piece
    # the name here and in the contents, and a fact in both.
    shown = [text for text in page.text if text == HOSTILE]
    assert len(shown) == 2 + 1 + 4 + 1 + 2 * 2 + 2 * 2
    assert [attrs.get("type") for tag, attrs in page.found if tag == "script"] == [
        "application/json", "application/json", None]
    assert {attrs["alt"] for attrs in page.having("alt")} == {HOSTILE}


def test_what_notes_say_of_themselves(folder: Path, chorale: Chorale) -> None:
    marks: list[dict[str, set[tuple[int, ...]]]] = []
    for svg in re.findall(r'<svg class="(?:wide|narrow)".*?</svg>',
                          (folder / "report.html").read_text()):
        notes = [group for group in re.findall(r"<g [^>]*>", svg) if "data-sung" in group]
        marks.append({name: {tuple(map(int, re.findall(r"\d+", note))) for note in notes
                             if f"data-{name}" in note} for name in ("sung", "given", "fault")})
    wide, narrow, *faultless = marks
    assert wide == narrow
    cells = np.zeros(chorale.pitch.shape, int)
    for voice, start, end in wide["sung"]:
        cells[start:end, voice] += 1
    assert (cells == (chorale.pitch != REST)).all()
    assert wide["given"] == {note for note in wide["sung"] if note[0] == 0}
    # What soprano and bass sing in frames 7 and 8; the bass holds a note that is written as two.
    assert wide["fault"] == {(0, 4, 8), (0, 8, 12), (3, 4, 12)}
    assert faultless == [{**wide, "fault": set()}] * 2


def test_the_form_in_words(folder: Path) -> None:
    """Of each piece in the contents and below its heading: after the upbeat two bars of 4/4 and two
    of 2/4, 13 quarters, to which fermatas add 1.5, at 80 a minute."""
    words = [text for text in Elements(folder / "report.html").text if "4/4" in text]
    assert words == ["E♭ major, 4/4 and 2/4, 4 bars, 0:10"] * 4


def test_faults_in_words(folder: Path) -> None:
    page = Elements(folder / "report.html")
    words = [text for text in page.text if "fifths between" in text]
    assert words == ["Bar 1, beat 2: parallel fifths between soprano and bass"]
    link, = page.having("data-frame")
    assert link["href"] == "#p1"


def test_files_to_take_along(folder: Path, piece: Piece) -> None:
    links = Elements(folder / "report.html").having("download")[:2]
    contents = [base64.b64decode(link["href"].split(",")[1]) for link in links]
    names = [link["download"] for link in links]
    assert names == ["script-alert-1-script-more.mxl", "script-alert-1-script-more.mid"]
    with zipfile.ZipFile(io.BytesIO(contents[0])) as archive:
        root = re.search(rb'full-path="(.*?)"', archive.read("META-INF/container.xml"))[1]
        assert archive.read(root.decode()) == musicxml_of(to_score(piece.chorale))
    assert len(mido.MidiFile(file=io.BytesIO(contents[1])).tracks) == 4


def test_same_input_same_bytes(piece: Piece, folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, "Twice", {}, [piece])
    assert (tmp_path / "a/report.html").read_bytes() == (tmp_path / "b/report.html").read_bytes()


@pytest.mark.parametrize("metre", [(4, 4), (3, 2)])
def test_sixteen_bars_take_less_than_500_kb(tmp_path: Path, metre: tuple[int, int]) -> None:
    """With more notes than any of Bach's chorales has in as many bars."""
    whole = Bar(0, *metre).length
    frames, beat = 16 * whole, 16 // metre[1]
    struck = np.zeros((frames, 4), bool)
    struck[::beat // 2, 1:3] = struck[::beat] = True
    pitch = np.array([72, 67, 60, 48]) + np.repeat(
        np.arange(frames // beat) % 2 * 2, beat)[:, None]
    fermata = np.zeros_like(struck)
    fermata[np.arange(1, 5) * 4 * whole - beat] = True
    bars = tuple(Bar(start, *metre) for start in range(0, frames, whole))
    page, = write_report(tmp_path, "Busy", {}, [Piece(
        Chorale(pitch, struck, fermata, bars), "Busy")])
    assert 100_000 < page.stat().st_size < 500_000


def test_a_run_without_music(tmp_path: Path) -> None:
    page, = write_report(tmp_path, "Nothing", {}, [])
    assert "There is no music in this report" in page.read_text()


def test_a_thousand_pieces_are_paged(piece: Piece, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "article", lambda piece, name: f'<p id="{name}">' + "x" * 1000)
    monkeypatch.setattr(report, "PAGE_BYTES", 200_000)
    for name in ("report-7.html", "report-of-mine.html"):
        (tmp_path / name).touch()
    first_page_after = []

    def pieces() -> Iterator[Piece]:
        for number in range(1000):
            if not first_page_after and (tmp_path / "report.html").exists():
                first_page_after.append(number)
            yield piece

    pages = write_report(tmp_path, "Many", {}, pieces(), [Table("Below", [], [], "x" * 100_000)])
    assert [page.name for page in pages] == [
        "report.html", *(f"report-{number}.html" for number in range(2, 7))]
    assert 50 < first_page_after[0] < 200  # written as soon as it was full
    shown = [re.findall(r'<p id="(.*?)"', page.read_text()) for page in pages]
    assert list(itertools.chain(*shown)) == [f"p{number}" for number in range(1, 1001)]
    links = [re.findall(r'<a href="(report.*?)">', page.read_text())[:3] for page in pages]
    assert links[0] == ["report-2.html"] * 2  # above and below the music
    assert links[1] == ["report.html", "report.html", "report-3.html"]
    assert links[5][:2] == ["report.html", "report-5.html"]
    assert {path.name for path in tmp_path.glob("report-*")} == {
        *(page.name for page in pages[1:]), "report-of-mine.html"}


def test_pages_stay_under_20_mb(piece: Piece, tmp_path: Path,
                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "article", lambda piece, name: "x" * 400_000)
    pages = write_report(tmp_path, "Large", {}, [piece] * 60)
    sizes = [page.stat().st_size for page in pages]
    assert len(sizes) == 2 and 18e6 < sizes[0] < 20e6


@pytest.mark.parametrize("library", ["verovio", "soundfile"])
def test_without_a_library(library: str, piece: Piece, tmp_path: Path,
                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf'report.*needs {library}.*"\.\[render\]"'):
        write_report(tmp_path, "None", {}, [piece])
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_shown(chorale: Chorale, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'Loss' is neither a PNG"):
        write_report(tmp_path, "Run", {}, [], pictures=[Picture("Loss", b"%PDF", "")])
    with pytest.raises(ValueError, match="no parallel fifths from frame -1 to 0"):
        Piece(chorale, "Faulty", faults=[Fault("parallel fifths", 0, (0, 1))])
    with pytest.raises(ValueError, match="given cells of Half have shape"):
        Piece(chorale, "Half", given=np.zeros((2, 4), bool))
    with pytest.raises(FileNotFoundError):
        write_report(tmp_path / "nowhere", "Run", {}, [])


class Browser:
    """Chromium, told what to do through the pipe of its debugging protocol."""

    FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-quic", "--no-first-run",
             "--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe")

    def __init__(self, program: str, profile: Path) -> None:
        # It reads from descriptor 3, and writes to descriptor 4.
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null', program, *self.FLAGS,
             f"--user-data-dir={profile}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        assert self.process.stdin and self.process.stdout
        self.write, self.read = self.process.stdin.fileno(), self.process.stdout.fileno()
        self.buffer, self.last, self.session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"],
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Sends a command, and keeps what happens until its answer comes."""
        self.last += 1
        message: dict[str, object] = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next()
            if answer.get("id") == self.last:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def next(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            assert select.select([self.read], [], [], PATIENCE)[0], "the browser says nothing"
            read = os.read(self.read, 1 << 16)
            assert read, "the browser has ended"
            self.buffer += read
        message, self.buffer = self.buffer.split(b"\0", 1)
        return dict(json.loads(message))

    def open(self, page: Path) -> None:
        """Opens a page, and waits until it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not self.params("Page.loadEventFired"):
            self.events.append(self.next())

    def value(self, expression: str) -> Any:
        """The value of JavaScript."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           userGesture=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key)

    def params(self, method: str) -> list[dict[str, Any]]:
        """Of the events of one kind."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def complaints(self) -> list[object]:
        """Whatever the console shows."""
        return [*self.params("Runtime.consoleAPICalled"), *self.params("Runtime.exceptionThrown"),
                *self.params("Log.entryAdded")]

    def close(self) -> None:
        with self.process:  # which waits for it, and closes the pipes
            self.call("Browser.close")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if BROWSER is None:
        pytest.skip("Chromium is not installed")
    browser = Browser(BROWSER, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


STATE = """(() => { const piece = document.querySelectorAll(".piece")[%d];
  const audio = piece.querySelector("audio");
  const place = new DOMMatrix(getComputedStyle(piece.querySelector(".cursor")).transform);
  return { time: audio.currentTime, paused: audio.paused, x: place.e, y: place.f,
    clock: piece.querySelector(".time").textContent,
    sounding: [...piece.querySelectorAll(".wide .sounding")].map((note) => note.dataset.sung) };
  })()"""


@pytest.fixture
def page(browser: Browser, folder: Path) -> Path:
    """The report, opened."""
    browser.open(folder / "report.html")
    return folder / "report.html"


def reach(browser: Browser, piece: int, moment: float) -> dict[str, Any]:
    """How things stand when a piece that plays has come to a time."""
    deadline = time.monotonic() + PATIENCE
    while (state := browser.value(STATE % piece))["time"] < moment:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return dict(state)


def test_it_plays(browser: Browser, page: Path, chorale: Chorale) -> None:
    before = browser.value(STATE % 0)
    assert before["paused"] and before["sounding"] == []
    browser.value("document.querySelector('.play').click()")
    early, late = reach(browser, 0, 0.2), reach(browser, 0, 1.7)
    assert early["x"] < late["x"] and early["y"] == late["y"] and early["clock"] < late["clock"]
    for state in early, late:
        frame = np.searchsorted(seconds_of(chorale), state["time"], side="right") - 1
        notes = [tuple(map(int, note.split())) for note in state["sounding"]]
        assert [voice for voice, _, _ in sorted(notes)] == [0, 1, 2, 3]
        assert all(start <= frame < end for _, start, end in notes)
    browser.value("document.querySelectorAll('.play')[1].click()")
    assert not reach(browser, 1, 0.1)["paused"] and browser.value(STATE % 0)["paused"]
    assert browser.complaints() == []
    requests = [event["request"]["url"] for event in browser.params("Network.requestWillBeSent")]
    assert [url for url in requests if not url.startswith("data:")] == [page.as_uri()]


def test_keys_and_clicks(browser: Browser, page: Path, chorale: Chorale) -> None:
    seconds = seconds_of(chorale)
    browser.value("document.querySelector('.seek').focus()")
    browser.press("ArrowRight")
    assert browser.value(STATE % 0)["time"] == pytest.approx(seconds[4], abs=0.001)
    browser.press("ArrowRight")
    assert browser.value("document.activeElement.ariaValueText") == "bar 1, beat 2"
    browser.press("ArrowLeft")
    assert browser.value(STATE % 0)["time"] == pytest.approx(seconds[4], abs=0.001)
    browser.press(" ")
    assert not browser.value(STATE % 0)["paused"]
    browser.press(" ")
    assert browser.value(STATE % 0)["paused"]
    browser.value("""document.querySelector('[data-sung^="2 14 "] use').dispatchEvent(
        new MouseEvent("click", {bubbles: true}))""")
    assert browser.value(STATE % 0)["time"] == pytest.approx(seconds[14], abs=0.001)
    browser.value("document.querySelector('.faults a').click()")  # to the beat before
    assert browser.value(STATE % 0)["time"] == pytest.approx(seconds[4], abs=0.001)
    lines = browser.value("document.querySelector('.wide .way').getAttribute('d')")
    assert lines.count("M") == lines.count("L") == 2
    assert browser.complaints() == []


def test_faults_over_a_line_break(browser: Browser, tmp_path: Path) -> None:
    pitch = np.tile(np.array([[72, 67, 64, 48], [74, 69, 65, 50]], np.int16).repeat(8, axis=0),
                    (24, 1))
    struck = np.zeros(pitch.shape, bool)
    struck[::8] = True
    every = range(16, len(pitch), 16)  # into each bar but the first
    bars = tuple(Bar(start, 4, 4) for start in (0, *every))
    write_report(tmp_path, "Breaks", {}, [
        Piece(Chorale(pitch, struck, np.zeros_like(struck), bars), "Breaks",
              faults=[Fault("parallel fifths", frame, (0, 3)) for frame in every])])
    browser.open(tmp_path / "report.html")
    for name in ("wide", "narrow"):
        systems = browser.value(f"document.querySelectorAll('.{name} .system').length")
        lines = browser.value(f"[...document.querySelectorAll('.{name} .way')]"
                              ".map((way) => way.getAttribute('d'))")
        shapes = collections.Counter(re.sub("[^A-Za-z]", "", line) for line in lines)
        assert systems > 1
        assert shapes == {"MhMhMhMh": systems - 1, "MLML": len(every) - systems + 1}


def test_small_and_dark(browser: Browser, page: Path) -> None:
    seen = """[".wide", ".narrow"].map((name) =>
        document.querySelector(`.score ${name}`).clientWidth > 0)"""
    assert browser.value(seen) == [True, False]
    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=740,
                 deviceScaleFactor=2, mobile=True)
    assert browser.value(seen) == [False, True]
    assert browser.value("document.documentElement.scrollWidth") == 360
    colours = """["html", ".score .narrow"].map((name) => getComputedStyle(
        document.querySelector(name))).map((style) => [style.backgroundColor, style.fill])"""
    found = []
    for theme in ("light", "dark"):
        browser.call("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": theme}])
        (ground, _), (_, ink) = browser.value(colours)
        found.append([sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)])
    (light, dark_ink), (dark, light_ink) = found
    assert light > 700 > 150 > dark_ink and dark < 150 < 600 < light_ink
