"""What a file has besides notes comes back in what is composed around it."""

import numpy as np
import pytest
from music21 import (
    bar,
    clef,
    converter,
    dynamics,
    expressions,
    harmony,
    key,
    metadata,
    meter,
    note,
    spanner,
    stream,
    tie,
)
from music21.musicxml.m21ToXml import GeneralObjectExporter

from lmjax.music.importers import Source, read_tune, voices_of
from lmjax.music.transpose import transpose
from lmjax.render.carry import carried
from lmjax.render.midi import write_midi
from lmjax.render.notation import write_score
from lmjax.requests.extend import bridge, extend
from lmjax.requests.keep import keep

TUNE = ("c5 e5 g5", "f5 d5 b4", "a4 d5 f#5", "d5.")


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """A tune with all kinds of things in it, as MusicXML."""
    part = stream.Part(id="Soprano")
    part.partName = "Soprano"
    for number, names in enumerate(TUNE, 1):
        measure = stream.Measure(number=number)
        for name in names.split():
            one = note.Note(name.rstrip("."), quarterLength=3 if name.endswith(".") else 1)
            one.addLyric(f"la{number}")
            measure.append(one)
        part.append(measure)
    bars = list(part.getElementsByClass("Measure"))
    for one in (clef.SopranoClef(), key.Key("C"), meter.TimeSignature("3/4"),
                dynamics.Dynamic("p"), harmony.ChordSymbol("C")):
        bars[0].insert(0, one)
    bars[1].insert(1, expressions.TextExpression("dolce"))
    bars[1].rightBarline = bar.Repeat("end")
    bars[2].insert(0, key.Key("D"))
    bars[3].rightBarline = bar.Barline("final")
    first = list(bars[0].getElementsByClass("Note"))
    part.insert(0, spanner.Slur(first[0], first[1]))
    score = stream.Score([metadata.Metadata(title="Song", composer="Anna", lyricist="Otto"), part])
    return written(score, tmp_path_factory.mktemp("song") / "song.musicxml")


def written(score, path):
    path.write_bytes(GeneralObjectExporter(score).parse())
    return path


def answered(kept):
    """An answer: the open cells are a chord that is struck in every bar."""
    pitch = np.broadcast_to([72, 64, 55, 48], kept.score.pitch.shape)
    struck = np.zeros(pitch.shape, bool)
    struck[[bar.start for bar in kept.score.bars]] = True
    return kept.chorale(pitch, struck)


def given_back(kept, tmp_path):
    """The file in which the answer is written, as music21 reads it."""
    chorale = answered(kept)
    path = tmp_path / "answer.musicxml"
    write_score(carried(chorale, kept.sources, kept.numbers), path)
    again = read_tune(path)
    for voice, part in voices_of(again).items():
        np.testing.assert_array_equal(part.pitch, chorale.pitch[:, voice])
        np.testing.assert_array_equal(part.struck, chorale.struck[:, voice])
        np.testing.assert_array_equal(part.fermata, chorale.fermata[:, voice])
    assert again.bars == chorale.bars
    return again.score


def bars_of(part):
    return list(part.getElementsByClass("Measure"))


def content(measure):
    """What a bar shows but its clef, key, metre and bar lines."""
    return [(one.offset, type(one).__name__,
             getattr(one, "nameWithOctave", getattr(one, "content", None)),
             one.duration.quarterLength, getattr(one, "lyric", None))
            for one in measure.elements if not {"Clef", "KeySignature", "TimeSignature",
                                                "Barline", "MetronomeMark"} & set(one.classes)]


def places(part, kind):
    return [measure.number for measure in bars_of(part)
            for _ in measure.getElementsByClass(kind)]


def test_a_harmonised_song_is_the_song_and_three_voices(song, tmp_path):
    score = given_back(keep(song), tmp_path)
    soprano, *others = list(score.parts)
    before, after = bars_of(converter.parse(song).parts[0]), bars_of(soprano)
    assert list(map(content, after)) == list(map(content, before))
    assert content(after[0])[0][1] in ("Dynamic", "ChordSymbol")
    assert isinstance(after[0].clef, clef.SopranoClef)
    slur = soprano.recurse().getElementsByClass("Slur").first()
    assert [one.nameWithOctave for one in slur.getSpannedElements()] == ["C5", "E5"]
    for part in score.parts:  # what is of the whole is of all parts
        assert places(part, "KeySignature") == [1, 3] and places(part, "TimeSignature") == [1]
        assert [one.sharps for one in part.recurse().getElementsByClass("KeySignature")] == [0, 2]
        assert [type(one.rightBarline).__name__ for one in bars_of(part)] == [
            "NoneType", "Repeat", "NoneType", "Barline"]
    assert not any(one.lyric for part in others for one in part.recurse().notes)
    assert (score.metadata.composer, score.metadata.lyricist) == ("Anna", "Otto")


def test_bars_before_and_after_a_song(song, tmp_path):
    kept = extend(keep(song), before=2, after=1)
    score = given_back(kept, tmp_path)
    soprano = score.parts[0]
    before, after = bars_of(converter.parse(song).parts[0]), bars_of(soprano)
    assert [measure.number for measure in after] == [1, 2, 3, 4, 5, 6, 7]
    assert list(map(content, after[2:6])) == list(map(content, before))
    assert places(soprano, "Clef") == [1] and isinstance(after[0].clef, clef.SopranoClef)
    for part in score.parts:
        assert places(part, "KeySignature") == [1, 5] and places(part, "TimeSignature") == [1]
        lines = [one.rightBarline for one in bars_of(part)]
        assert [line is not None and line.type for line in lines] == [
            False, False, False, "final", False, False, "final"]  # a repeat is final to music21
        assert "Repeat" in lines[3].classes
    assert len(soprano.recurse().getElementsByClass("Slur")) == 1


def test_a_bridge_between_two_songs(song, tmp_path):
    first = keep(song)
    kept = bridge(first, keep(song), bars=2)
    score = given_back(kept, tmp_path)
    after = bars_of(score.parts[0])
    before = list(map(content, bars_of(converter.parse(song).parts[0])))
    assert list(map(content, after)) == [*before, *map(content, after[4:6]), *before]
    assert places(score.parts[2], "KeySignature") == [1, 3, 7, 9]
    assert len(score.parts[0].recurse().getElementsByClass("Slur")) == 2


def test_ties_are_to_what_is_beside_a_song_now(tmp_path):
    """One that led on at its end leads nowhere, or into a bar that goes on with its note."""
    path = tmp_path / "tied.abc"
    path.write_text("X:1\nM:3/4\nL:1/4\nK:C\nG A B | c2 c |]\n")
    kept = extend(keep(path), after=1)
    pitch = np.full(kept.score.pitch.shape, 48)
    for struck, kind in ((False, "start"), (True, None)):
        pitch[24:, 0], attacks = 72, np.zeros(pitch.shape, bool)
        attacks[24] = struck
        chorale = kept.chorale(pitch, attacks)
        score = carried(chorale, kept.sources, kept.numbers)
        last = list(bars_of(score.parts[0])[1].notes)[-1]
        assert (None if last.tie is None else last.tie.type) == kind
        source = kept.sources[0].voices[0].source  # what was read is as it was
        list(bars_of(source)[1].notes)[-1].tie = tie.Tie("start")


def test_a_fermata_that_is_asked_for_stands_on_the_note_of_the_file(song, tmp_path):
    kept = keep(song)
    fermata = kept.score.fermata.copy()
    fermata[20, 0] = True
    score = type(kept.score)(kept.score.pitch, kept.score.struck, fermata, kept.score.bars)
    frames = np.zeros(len(fermata), bool)
    frames[20:24] = True
    chorale = type(kept)(score, kept.known, frames).chorale(
        *(np.full(fermata.shape, filling) for filling in (60, False)))
    made = carried(chorale, kept.sources, kept.numbers)
    last = list(bars_of(made.parts[0])[1].notes)[-1]
    assert last.lyric == "la2" and "Fermata" in last.expressions[0].classes


def test_notes_without_spelling_are_spelled(song, tmp_path):
    """Those of a MIDI file, whose readers know no flats."""
    flat = transpose(answered(keep(song)), 3)
    write_midi(flat, tmp_path / "flat.mid")
    kept = keep(tmp_path / "flat.mid", voices=["soprano"])
    names = [one.name for one in carried(answered(kept), kept.sources, kept.numbers).parts[0]
             .recurse().notes]
    assert "E-" in names and "D#" not in names


def test_voices_on_one_staff_are_written_anew(song):
    kept = keep(song)
    source, = kept.sources
    shared = Source(source.tune, {0: type(source.voices[0])("", *(
        getattr(source.voices[0], name) for name in ("pitch", "struck", "fermata")))})
    score = carried(answered(kept), [shared], kept.numbers)
    assert not any(one.lyric for one in score.parts[0].recurse().notes)
