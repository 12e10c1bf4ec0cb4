import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from music21 import converter, metadata, meter, note, stream, tempo

from lmjax.music.chorale import Bar, Chorale
from lmjax.music.corpus import chorale_of
from lmjax.render.notation import (
    WRITTEN_LENGTHS,
    musicxml_of,
    split,
    to_score,
    write_musicxml,
)

COMMON = Bar(0, 4, 4)


@pytest.fixture(scope="module")
def xml(chorale: Chorale, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notation") / "piece.musicxml"
    write_musicxml(chorale, path)
    return path


def test_round_trip(chorale: Chorale, xml: Path) -> None:
    again = chorale_of(converter.parse(xml, forceSource=True, storePickle=False), chorale.title)
    assert again.bars == chorale.bars
    np.testing.assert_array_equal(again.pitch, chorale.pitch)
    assert again == chorale


def test_known_notation(xml: Path) -> None:
    root = ElementTree.parse(xml).getroot()
    assert root.findtext("movement-title") == "Three Flats"
    assert not root.findtext(".//creator")
    names = [part.findtext("part-name") for part in root.iter("score-part")]
    assert names == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [group.text for group in root.iter("group-symbol")] == ["bracket"]
    clefs = [(clef.findtext("sign"), clef.findtext("clef-octave-change"))
             for clef in root.iter("clef")]
    assert clefs == [("G", None), ("G", None), ("G", "-1"), ("F", None)]
    soprano, alto, _, bass = root.findall("part")
    measures = [(m.get("number"), m.get("implicit")) for m in bass.findall("measure")]
    assert measures == [("0", "yes"), ("1", "no"), ("2", "no"), ("2", "yes"), ("3", "no"),
                        ("4", "no")]
    assert [t.findtext("beats") for t in bass.iter("time")] == ["4", "2"]
    assert soprano.findtext(".//key/fifths") == "-3"
    assert soprano.findtext(".//key/mode") == "major"
    assert [f.get("type") for f in soprano.iter("fermata")] == ["upright"] * 2
    assert [b.findtext("bar-style") for b in bass.iter("barline")] == ["light-heavy"]
    # The D flat in the bass bears its sign; the held E flat before it is written in two values.
    values = [(n.findtext("pitch/step"), n.findtext("type"), len(n.findall("dot")),
               n.findtext("accidental"), [t.get("type") for t in n.findall("tie")])
              for n in bass.findall("measure")[1].iter("note")]
    assert values == [("E", "half", 0, None, ["start"]), ("E", "quarter", 1, None, ["stop"]),
                      ("D", "eighth", 0, "flat", [])]
    assert [[t.get("type") for t in n.findall("tie")] for n in alto.findall("measure")[4]
            if n.tag == "note"] == [[], ["start"]]


def test_equal_chorales_give_equal_files(chorale: Chorale, xml: Path, tmp_path: Path) -> None:
    write_musicxml(chorale, tmp_path / "again.xml")
    assert (tmp_path / "again.xml").read_bytes() == xml.read_bytes()


def test_chorale_without_title_or_mode(chorale: Chorale) -> None:
    score = to_score(dataclasses.replace(chorale, title="", mode=""))
    assert score.metadata.movementName == "Chorale"
    assert type(score.parts[0].recurse().getElementsByClass("KeySignature")[0]).__name__ == (
        "KeySignature")


def bars_of_lengths(*lengths: int) -> stream.Score:
    """Bars of one note each, in quarters, in 4/4."""
    part = stream.Part()
    for length in lengths:
        measure = stream.Measure([note.Note(quarterLength=length)])
        part.append(measure)
    part.getElementsByClass("Measure").first().insert(0, meter.TimeSignature("4/4"))
    return stream.Score([part])


def test_short_bars_are_not_filled(tmp_path: Path) -> None:
    (tmp_path / "a.musicxml").write_bytes(musicxml_of(bars_of_lengths(1, 4, 2, 2, 3)))
    part, = converter.parse(tmp_path / "a.musicxml", forceSource=True).parts
    assert [measure.offset for measure in part.getElementsByClass("Measure")] == [0, 1, 5, 7, 9]
    assert part.highestTime == 12 and not part.recurse().getElementsByClass("Rest")


def test_equal_scores_give_equal_files() -> None:
    """Though music21 invents an id for each part and each instrument, and writes the date."""
    first, second = (musicxml_of(stream.Score([bars_of_lengths(4).parts[0] for _ in range(2)]))
                     for _ in range(2))
    assert first == second and b"date>" not in first
    ids = [one.get("id") for one in ElementTree.fromstring(first).iter("score-part")]
    assert len(set(ids)) == 2


def test_characters_that_xml_forbids_are_left_out() -> None:
    score = bars_of_lengths(4)
    score.metadata = metadata.Metadata(movementName="o\0ld \x0cä")
    assert ElementTree.fromstring(musicxml_of(score)).findtext("movement-title") == "old ä"


def test_what_music21_cannot_write() -> None:
    score = bars_of_lengths(4)
    score.parts[0].getElementsByClass("Measure").first().insert(0, tempo.MetronomeMark(number=0))
    with pytest.raises(ValueError, match=r"cannot be written as MusicXML \(.*\); leave out"):
        musicxml_of(score)


def test_the_lowest_pitches() -> None:
    pitch = np.tile([60, 50, 40, 0], (16, 1))
    struck = np.zeros(pitch.shape, bool)
    struck[0] = True
    score = to_score(Chorale(pitch, struck, np.zeros_like(struck), (COMMON,)))
    assert [part.recurse().notes[0].pitch.midi for part in score.parts] == [60, 50, 40, 0]


@pytest.mark.parametrize(("start", "stop", "bar", "parts"), [
    (0, 16, COMMON, [(0, 16)]),
    (0, 12, COMMON, [(0, 12)]),
    (4, 12, COMMON, [(4, 12)]),  # quarter, half, quarter is common in chorales
    # Eighth, quarter, eighth is, too: music21's corpus has it far more often than with a tie,
    (2, 6, COMMON, [(2, 6)]),
    (6, 10, COMMON, [(6, 10)]),  # also over the middle of the bar,
    (4, 10, COMMON, [(4, 10)]),  # as it has a dotted quarter there.
    (3, 7, COMMON, [(3, 4), (4, 7)]),
    (2, 8, COMMON, [(2, 4), (4, 8)]),
    (6, 12, COMMON, [(6, 8), (8, 12)]),
    (0, 6, COMMON, [(0, 6)]),
    (8, 14, COMMON, [(8, 14)]),
    (0, 14, COMMON, [(0, 8), (8, 14)]),
    (2, 16, COMMON, [(2, 4), (4, 8), (8, 16)]),
    (0, 5, COMMON, [(0, 4), (4, 5)]),
    (1, 3, COMMON, [(1, 3)]),
    (3, 4, COMMON, [(3, 4)]),
    (4, 12, Bar(0, 3, 4), [(4, 12)]),
    (4, 10, Bar(0, 3, 4), [(4, 10)]),
    (2, 12, Bar(0, 3, 4), [(2, 4), (4, 12)]),
    (2, 6, Bar(0, 3, 4), [(2, 6)]),
    (0, 24, Bar(0, 3, 2), [(0, 24)]),
    (0, 12, Bar(0, 6, 8), [(0, 12)]),
    (0, 8, Bar(0, 6, 8), [(0, 6), (6, 8)]),
    (4, 8, Bar(0, 6, 8), [(4, 6), (6, 8)]),
    (2, 6, Bar(0, 6, 8), [(2, 6)]),
    (0, 6, Bar(0, 3, 8), [(0, 6)]),
])
def test_known_splits(start: int, stop: int, bar: Bar, parts: list[tuple[int, int]]) -> None:
    assert split(start, stop, bar) == parts


@settings(deadline=None)
@given(st.integers(1, 12), st.sampled_from([1, 2, 4, 8, 16]), st.data())
def test_splits_cover_the_note_in_written_lengths(numerator: int, denominator: int,
                                                  data: st.DataObject) -> None:
    bar = Bar(0, numerator, denominator)
    start = data.draw(st.integers(0, bar.length - 1))
    stop = data.draw(st.integers(start + 1, bar.length))
    parts = split(start, stop, bar)
    assert [parts[0][0], *(b for _, b in parts)] == [*(a for a, _ in parts), stop]
    assert all(b - a in WRITTEN_LENGTHS for a, b in parts)
