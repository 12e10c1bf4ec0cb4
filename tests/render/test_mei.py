"""What is written for verovio: known bars of known notes."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.render.mei import mei_of, notes_of

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


def mei(chorale: Chorale, layout: str = "hymn", **options: object) -> Element:
    """The MEI of a chorale without its namespace."""
    text = mei_of(chorale, layout, **options)  # type: ignore[arg-type]
    return ElementTree.fromstring(text.replace(' xmlns="http://www.music-encoding.org/ns/mei"', ""))


def chorale_of(*voices: list[tuple], bars: tuple[Bar, ...] = (Bar(0, 4, 4),), sharps: int = 0,
               title: str = "") -> Chorale:
    """Voices as (pitch, sixteenths), "!" for a fermata; those that are left out hold one note."""
    frames = sum(length for _, length, *_ in voices[0])
    pitch = np.full((frames, 4), 48)
    struck, fermata = np.zeros((2, frames, 4), bool)
    struck[0] = True
    for voice, notes in enumerate(voices):
        start = 0
        for midi, length, *mark in notes:
            pitch[start:start + length, voice] = midi
            struck[start, voice], fermata[start, voice] = midi != REST, bool(mark)
            start += length
    return Chorale(pitch, struck, fermata, bars, sharps, title=title)


def common_time(count: int) -> tuple[Bar, ...]:
    return tuple(Bar(16 * index, 4, 4) for index in range(count))


def accidentals(chorale: Chorale, layout: str = "hymn") -> list[str]:
    """The notes of the upper staff, bar by bar and layer by layer, with their accidentals."""
    return [note.get("pname", "") + note.get("accid", "")
            for note in mei(chorale, layout).iterfind(".//staff[@n='1']//note")]


def test_bars(chorale: Chorale) -> None:
    root = mei(chorale)
    bars = list(root.iter("measure"))
    assert [(bar.get("n"), bar.get("right")) for bar in bars] == [
        (None, None), ("1", None), ("2", "dbl"), ("2", None), ("3", None), ("4", "end")]
    metres = [(one.get("meter.count"), one.get("keysig")) for one in root.iter("scoreDef")]
    assert metres == [("4", "3f"), ("2", None)]
    assert [rend.text for rend in root.iter("rend") if rend.text] == ["Three Flats"]
    assert {note.get("stem.dir") for note in bars[1].iterfind("staff/layer[@n='1']//note")} == {
        "up"}
    assert {note.get("stem.dir") for note in bars[1].iterfind("staff/layer[@n='2']//note")} == {
        "down"}


def test_an_open_score_has_four_staves(chorale: Chorale) -> None:
    root = mei(chorale, "open", prefix="a", breaks=(2,))
    staves = [(one.get("clef.shape"), one.get("clef.dis"), one.findtext("label"))
              for one in root.iter("staffDef")]
    assert staves == [("G", None, "Soprano"), ("G", None, "Alto"), ("G", "8", "Tenor"),
                      ("F", None, "Bass")]
    assert [one.tag for one in root.iterfind(".//section/*")][:4] == [
        "measure", "measure", "sb", "measure"]
    assert [note.get(XML_ID)
            for note in root.iterfind(".//measure[1]//note")] == [
        "an0-0", "an1-0", "an2-0", "an2-2", "an3-0"]


def test_values_and_ties() -> None:
    root = mei(chorale_of([(72, 6), (71, 14), (69, 12)], bars=common_time(2)))
    soprano = [(note.get("pname"), note.get("dur"), note.get("dots"))
               for note in root.iterfind(".//staff[@n='1']/layer[@n='1']//note")]
    assert soprano == [("c", "4", "1"), ("b", "8", None), ("b", "2", None), ("b", "4", None),
                       ("a", "2", "1")]
    ties = [(tie.get("startid"), tie.get("endid"), tie.get("curvedir")) for tie in root.iter("tie")]
    assert ties[:2] == [("#n0-6", "#n0-8", "above"), ("#n0-8", "#n0-16", "above")]
    assert ("#n1-0", "#n1-16", "below") in ties


def test_notes_cover_the_frames(chorale: Chorale) -> None:
    notes = notes_of(chorale, "p")
    assert notes["pn1-16"] == (1, 16, 20) and notes["pn1-20"] == (1, 20, 24)
    frames = sorted((voice, frame) for voice, start, stop in notes.values()
                    for frame in range(start, stop))
    assert frames == [(voice, frame) for voice in range(4) for frame in range(len(chorale))
                      if chorale.pitch[frame, voice] != REST]


@pytest.mark.parametrize(("bar", "beams"), [
    (Bar(0, 4, 4), [2, 2, 2, 2]), (Bar(0, 6, 8), [3, 3]), (Bar(0, 3, 8), [3]),
    (Bar(0, 3, 4), [2, 2, 2]), (Bar(0, 4, 4, 10), [2])])
def test_eighths_are_beamed_by_the_beat(bar: Bar, beams: list[int]) -> None:
    frames = bar.length - bar.offset
    root = mei(chorale_of([(60, 2)] * (frames // 2), bars=(bar,)))
    assert [len(beam) for beam in root.iter("beam")] == beams


def test_accidentals_hold_for_the_bar_and_the_voice() -> None:
    tune, alto = [(66, 4), (66, 4), (78, 4), (65, 4)], [(62, 8), (66, 8)]
    assert accidentals(chorale_of(tune, alto)) == ["fs", "f", "fs", "fn", "d", "fs"]
    assert accidentals(chorale_of(tune, alto), "open") == ["fs", "f", "fs", "fn"]
    assert accidentals(chorale_of(tune, alto, sharps=1)) == ["f", "f", "f", "fn", "d", "f"]
    # One sign is for both in unison; and what the other voice has altered is taken back.
    assert accidentals(chorale_of([(66, 8), (67, 8)], [(66, 8), (65, 8)])) == [
        "fs", "g", "f", "fn"]
    assert accidentals(chorale_of([(66, 8), (67, 8)], [(64, 8), (65, 8)])) == [
        "fs", "g", "e", "fn"]


def test_accidentals_are_taken_back_in_the_next_bar() -> None:
    one = [(66, 16), (65, 8), (65, 8), (65, 16)]
    assert accidentals(chorale_of(one, bars=common_time(3)), "open") == ["fs", "fn", "f", "f"]
    held = [(66, 12), (66, 8), (66, 4), (67, 8), (65, 16)]  # a tie needs no sign, what follows does
    assert accidentals(chorale_of(held, bars=common_time(3)), "open") == [
        "fs", "f", "f", "fs", "g", "fn"]
    forgotten = [(66, 16), (67, 16), (65, 16)]
    assert accidentals(chorale_of(forgotten, bars=common_time(3)), "open") == ["fs", "g", "f"]


def test_fermatas_of_a_hymn_stand_outside() -> None:
    chorale = chorale_of([(72, 8), (74, 8, "!")], [(67, 12), (65, 4, "!")], [(60, 16, "!")],
                     [(48, 16, "!")])
    marks = [(mark.get("startid"), mark.get("place")) for mark in mei(chorale).iter("fermata")]
    assert marks == [("#n0-8", "above"), ("#n3-0", "below")]
    assert [mark.get("place") for mark in mei(chorale, "open").iter("fermata")] == ["above"] * 4
    alone = chorale_of([(72, 16)], [(67, 12), (65, 4, "!")])
    assert [mark.get("startid") for mark in mei(alone).iter("fermata")] == ["#n1-12"]


def test_one_rest_stands_for_both_voices_of_a_staff() -> None:
    root = mei(chorale_of([(REST, 4), (72, 4), (REST, 8)], [(REST, 4), (67, 8), (REST, 4)]))
    layers = [[element.tag for element in layer]
              for layer in root.iterfind(".//staff[@n='1']/layer")]
    assert layers == [["rest", "note", "rest"], ["space", "note", "rest"]]


def test_crossed_notes_stand_aside() -> None:
    upper = [(62, 4), (64, 4), (62, 2), (62, 2), (61, 4)]
    lower = [(65, 4), (65, 4), (65, 4), (65, 4)]  # a third, a second, a beam, an accidental
    root = mei(chorale_of(upper, lower))
    moved = {note.get(XML_ID): note.get("ho")
             for note in root.iter("note") if note.get("ho")}
    assert moved == {"n0-0": "2", "n1-8": "-2"}
    assert not any(note.get("ho") for note in mei(chorale_of(upper, lower), "open").iter("note"))


def test_long_titles_are_broken_and_odd_letters_left_out() -> None:
    chorale = chorale_of([(60, 16)], title="Ein\0 sehr " + 9 * "langer Titel ")
    lines = [rend.text for rend in mei(chorale).iter("rend") if rend.text]
    assert len(lines) == 3 and lines[0] == "Ein sehr langer Titel langer Titel langer"


def test_unknown_layout(chorale: Chorale) -> None:
    with pytest.raises(ValueError, match="hymn or open, not 'choir'"):
        mei_of(chorale, "choir")
