"""Files that have gone wrong, by the hundred: each is read, or refused in a sentence."""

import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from music21 import (
    articulations,
    bar,
    dynamics,
    expressions,
    harmony,
    interval,
    spanner,
    stream,
    tempo,
)

from lmjax.answer import write_one
from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.music.importers import ImportingError, read_tune
from lmjax.render.notation import musicxml_of, to_score
from lmjax.render.write import write
from lmjax.requests.keep import check_ranges, free, keep
from lmjax.requests.schema import Asked

NAMES = ("krn", "abc", "mid", "musicxml", "closed.musicxml", "ornate.musicxml")
QUICK, SLOW = 60, 600  # mutated files of each kind
PATIENCE = 30  # seconds of computing for one of them
LONGEST_MESSAGE = 500
RANGES = ((57, 82), (50, 76), (44, 71), (34, 67))

KERN = """!!!OTL: Old tune
**kern\t**kern\t**kern\t**kern
*k[f#]\t*k[f#]\t*k[f#]\t*k[f#]
*M4/4\t*M4/4\t*M4/4\t*M4/4
4D\t4d\t4f#\t4a
=1\t=1\t=1\t=1
2GG\t4d\t8g\t4b
.\t.\t8a\t.
.\t4e\t4g\t[4cc
4C\t4r\t4g\t8cc]
.\t.\t.\t8b
4D;\t4f#;\t4a;\t4a;
==\t==\t==\t==
*-\t*-\t*-\t*-
"""
ABC = """X:1
T:Old tune
M:4/4
L:1/8
K:G
V:1 name="Soprano"
d2 | g2 b2 a>g ^f2 |]
V:2 name="Alto"
A2 | B2 d2 e2- ed |]
V:3 name="Tenor"
F2 | G2 G2 z2 A2 |]
V:4 name="Bass"
D,2 | G,,4 C,2 D,2 |]
"""
# What is put between two lines.
FRAGMENTS = {
    "krn": ("*M6/8\t*M6/8\t*M6/8\t*M6/8", "*^\t*\t*\t*", "*v\t*v\t*\t*", "6g\t6g\t6g\t6g",
            "*-\t*", "gq\t.\t.\t.", "4c 4e\t4r\t4r\t4r", "==", "=\t=\t=\t=",
            "*k[]\t*k[]\t*k[]\t*k[]", "*Trd1c2\t*\t*\t*", "!! rubbish",
            "0000C\t0000C\t0000C\t0000C"),
    "abc": ("M:6/8", "K:Bbm", "L:1/64", "V:5", "V:1", "[CEG]4", "(3abc", "{g}a4", "|: g8 :|", "Z4",
            "[1 g8 :|[2 g8 |]", "g100000", "w: a song of words", "M:none", "Q:1/4=0", "X:2",
            "K:none"),
    "musicxml": ("<chord/>", "<grace/>", "<note>", "</measure>", "<cue/>", "<dot/>", "<unpitched/>",
                 "<rest/>", "<voice>2</voice>", "<staff>2</staff>", '<tie type="stop"/>',
                 "<duration>1680</duration>", '<measure number="7"></measure>',
                 "<note><rest/><duration>5040</duration></note>",
                 "<backup><duration>10080</duration></backup>",
                 "<forward><duration>10080</duration></forward>",
                 "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes>"
                 "</time-modification>",
                 '<barline location="right"><repeat direction="backward"/></barline>',
                 "<attributes><staves>2</staves></attributes>",
                 "<attributes><divisions>7</divisions></attributes>",
                 "<attributes><time><beats>6</beats><beat-type>8</beat-type></time></attributes>",
                 "<attributes><transpose><chromatic>-2</chromatic></transpose></attributes>"),
    "mid": ("\x00\x90\x3c\x50", "\x00\xff\x2f\x00", "\x83\x60\x80\x3c\x00", "\xff\xff\xff\x7f",
            "\x00\xff\x58\x04\x06\x03\x18\x08", "MTrk\x00\x00\x00\x00",
            "\x00\xff\x59\x02\x09\x00"),
}
NUMBERS = ("0", "1", "2", "3", "5", "6", "7", "8", "16", "32", "64", "128", "-1", "-9", "2.5",
           "100000", "999999999", "99999999999999999999")
RUBBISH = ("\x00", "\xff", "é", "\n", "\t", " ", "<", "&", '"', "]", "(", "%", "/", "|", "*", "=",
           ".", ";", "-", "[", "q", "&#0;", "<!-- ")


def chorale() -> Chorale:
    """An upbeat, a bar, and a change of metre; a rest, notes held over, a fermata."""
    voices = (((70, 4), (72, 4), (74, 2), (75, 2), (74, 8), (72, 12)),
              ((65, 4), (65, 8), (67, 8), (REST, 4), (65, 8)),
              ((62, 4), (60, 3), (58, 1), (58, 4), (62, 8), (57, 12)),
              ((46, 4), (53, 4), (55, 4), (46, 8), (53, 12)))
    pitch = np.stack([np.repeat(*zip(*notes, strict=True)) for notes in voices], axis=1)
    struck = np.zeros(pitch.shape, bool)
    for voice, notes in enumerate(voices):
        struck[np.cumsum([0, *(length for _, length in notes[:-1])]), voice] = True
    fermata = np.zeros(pitch.shape, bool)
    fermata[20, [0, 2, 3]] = True
    bars = (Bar(0, 4, 4, 12), Bar(4, 4, 4), Bar(20, 3, 4))
    return Chorale(pitch, struck & (pitch != REST), fermata, bars, -2, "major", "Old tune")


def closed() -> stream.Score:
    """The same on two staves of two voices."""
    score = to_score(chorale())
    parts = list(score.parts)
    for upper, lower in (parts[:2], parts[2:]):
        for one, other in zip(*(part.getElementsByClass("Measure") for part in (upper, lower)),
                              strict=True):
            voices = [stream.Voice(measure.notesAndRests) for measure in (one, other)]
            one.remove(list(one.notesAndRests))
            for number, voice in enumerate(voices, 1):
                voice.id = str(number)
                one.insert(0, voice)
        score.remove(lower)
    return score


def ornate() -> stream.Score:
    """The same with words and signs, a transposing part, and a bar that is split in two."""
    score = to_score(chorale())
    for part in score.parts:
        first, second, _ = part.getElementsByClass("Measure")
        second.rightBarline = bar.Repeat(direction="end")
        notes = list(part.recurse().notes)
        notes[0].lyric = "la"
        notes[1].articulations.append(articulations.Accent())
        notes[2].expressions.append(expressions.Trill())
        part.insert(0, spanner.Slur(notes[1:3]))
        second.insert(0, dynamics.Dynamic("p"))
        second.insert(1, harmony.ChordSymbol("B-"))
        first.insert(0, tempo.MetronomeMark("Andante", 80))
    score.parts[1].getInstrument().transposition = interval.Interval("M-2")
    score.parts[0].insert(0, spanner.Ottava(list(score.parts[0].recurse().notes)[-2:]))
    return score


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """Files that can be read, by the end of their names."""
    folder = tmp_path_factory.mktemp("files")
    write(chorale(), folder / "old.mid")
    return {"krn": KERN.encode(), "abc": ABC.encode(), "mid": (folder / "old.mid").read_bytes(),
            "musicxml": musicxml_of(to_score(chorale())), "closed.musicxml": musicxml_of(closed()),
            "ornate.musicxml": musicxml_of(ornate())}


def mutated(content: bytes, suffix: str, generator: np.random.Generator) -> bytes:
    """A file with one to three changes, every other time such as leave it well formed."""
    gentle = generator.integers(2) == 1
    changes = GENTLE if gentle else CHANGES
    # Each byte a character, so that what is no text is changed in the same way.
    text = content.decode("latin-1")
    for _ in range(generator.integers(1, 4)):
        text = changes[generator.integers(len(changes))](text, suffix, generator)
    content = text.encode("latin-1", "replace")
    return repaired(content) if gentle and suffix == "mid" else content


def repaired(content: bytes) -> bytes:
    """MIDI whose tracks are as long as they say."""
    head, *tracks = content.split(b"MTrk")
    return head + b"".join(b"MTrk" + len(track[4:]).to_bytes(4, "big") + track[4:]
                           for track in tracks)


def one_of(options, generator):
    return options[generator.integers(len(options))]


def lines_of(text, suffix):
    """Lines, or a few bytes where there are none."""
    return re.findall(".{1,4}", text, re.DOTALL) if suffix == "mid" else text.splitlines(True)


def truncate(text, suffix, generator):
    return text[:generator.integers(len(text) + 1)]


def flip(text, suffix, generator):
    content = np.frombuffer(text.encode("latin-1"), np.uint8).copy()
    if len(content):
        at = generator.integers(len(content), size=generator.integers(1, 5))
        content[at] ^= np.uint8(1) << generator.integers(8, size=len(at), dtype=np.uint8)
    return content.tobytes().decode("latin-1")


def move_lines(text, suffix, generator):
    """Deletes, duplicates or swaps."""
    lines = lines_of(text, suffix) or [""]
    start, other = generator.integers(len(lines), size=2)
    end = start + generator.integers(1, 3)
    match generator.integers(3):
        case 0:
            del lines[start:end]
        case 1:
            lines[other:other] = lines[start:end]
        case 2:
            lines[start], lines[other] = lines[other], lines[start]
    return "".join(lines)


def move_elements(text, suffix, generator):
    """Deletes or duplicates an element of XML, or a word."""
    pattern = r"\S+"
    if suffix == "musicxml":
        name = one_of(sorted(set(re.findall(r"<(\w[\w-]*)", text))) or ["note"], generator)
        pattern = rf"(?s)<{name}\b(?:[^<>]*/>|[^<>]*>.*?</{name}>)"
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    span = one_of(found, generator)
    return text[:span.start()] + span[0] * (2 * generator.integers(2)) + text[span.end():]


def change_number(text, suffix, generator):
    return change(r"\d+", lambda old: one_of(NUMBERS, generator), text, generator)


def change_word(text, suffix, generator):
    """A word becomes another of the file: a note's name, a tag, a length."""
    words = re.findall(r"[A-Za-z#]+\d*", text)
    return change(r"[A-Za-z#]+\d*", lambda old: one_of(words, generator), text, generator)


def change_text(text, suffix, generator):
    """As `change_word`, but for tags; of what is no text, a byte."""
    if suffix == "mid":
        return change("(?s).", lambda old: chr(generator.integers(256)), text, generator)
    pattern = r"(?<=>)[^<>\n]+(?=<)" if suffix == "musicxml" else r"[^\s\d]+"
    words = re.findall(pattern, text) or [""]
    return change(pattern, lambda old: one_of(words, generator), text, generator)


def change(pattern: str, new: Callable[[str], str], text: str,
           generator: np.random.Generator) -> str:
    """Changes what matches somewhere, or everywhere that the same stands."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    span = one_of(found, generator)
    if generator.integers(4) == 0:
        return re.sub(rf"\b{re.escape(span[0])}\b", lambda found: new(found[0]), text)
    return text[:span.start()] + new(span[0]) + text[span.end():]


def insert_rubbish(text, suffix, generator):
    at = generator.integers(len(text) + 1)
    return text[:at] + one_of(RUBBISH, generator) * int(generator.integers(1, 4)) + text[at:]


def insert_fragment(text, suffix, generator):
    lines = lines_of(text, suffix)
    at = generator.integers(len(lines) + 1)
    lines.insert(at, one_of(FRAGMENTS[suffix], generator) + ("" if suffix == "mid" else "\n"))
    return "".join(lines)


def splice(text, suffix, generator):
    """The beginning of it, and then its end from somewhere else."""
    start, other = generator.integers(len(text) + 1, size=2)
    return text[:start] + text[other:]


GENTLE = (move_elements, change_number, change_text, insert_fragment, move_lines)
CHANGES = (truncate, flip, move_lines, move_elements, change_number, change_word, insert_rubbish,
           insert_fragment, splice)


class Hangs(BaseException):
    """No Exception, for music21 catches these."""


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Fails rather than waits for ever."""
    def stop(*_):
        raise Hangs(f"not done in {PATIENCE} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def follow(path: Path, folder: Path) -> str:
    """Does with a file what is asked of it; returns what is said if it cannot be used."""
    try:
        tune = read_tune(path)
        kept = keep(tune)
        with contextlib.suppress(ImportingError):
            check_ranges(kept, RANGES)
        score, given = kept.score, kept.known
        if given.all() and all(part.source is not None for part in tune.parts):
            numbers = [number for number, _, _ in tune.numbers]
            kept = free(tune, (numbers[len(numbers) // 3], numbers[-1]))
            musicxml_of(tune.score)
        else:
            tune = None
    except ImportingError as error:
        return str(error)
    except ValueError as error:
        assert "cannot be written as MusicXML" in str(error)
        return str(error)
    # Composed are the notes themselves or, where there are none, middle C.
    request = kept.request
    assert len(request) == len(score)
    pitch = np.where(given, score.pitch, 60)
    chorale = kept.chorale(pitch, score.struck)
    np.testing.assert_array_equal(chorale.pitch, pitch)
    write_one(Asked(kept, tune=tune), chorale, folder / "out.musicxml")
    write(chorale, folder / "out.mid")
    same_notes(chorale, keep(read_tune(folder / "out.musicxml")).score)
    return ""


def same_notes(one: Chorale, other: Chorale) -> None:
    np.testing.assert_array_equal(one.pitch, other.pitch)
    np.testing.assert_array_equal(one.struck, other.struck)


@pytest.mark.parametrize("first, count", [
    (0, QUICK), pytest.param(QUICK, SLOW, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_mutated_files(files, name, first, count, tmp_path):
    read, suffix = 0, name.split(".")[-1]
    for number in range(first, first + count):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(mutated(files[name], suffix, np.random.default_rng(number)))
        try:
            with in_time():
                said = follow(path, folder)
        except BaseException as error:
            error.add_note(f"of {path}")
            raise
        left = {one.name for one in folder.iterdir()}
        assert left == (set() if said else {"out.musicxml", "out.mid"}), path
        assert "\n" not in said and len(said) <= LONGEST_MESSAGE, path
        read += not said
    assert 0 < read < count


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_well(files, name, tmp_path):
    path = tmp_path / f"old.{name}"
    path.write_bytes(files[name])
    assert follow(path, tmp_path) == ""
