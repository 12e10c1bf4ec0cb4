"""Files of musicians: what is read of them, and what is said of those that cannot be."""

import zipfile

import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar
from lmjax.music.importers import ImportingError, read_tune, voices_of

HEAD = "X:1\nT:Old tune\nM:{metre}\nL:1/4\nK:{key}\n"


@pytest.fixture
def tune(tmp_path):
    """Reads a tune in ABC."""
    def make(text, metre="4/4", key="G", head=HEAD):
        path = tmp_path / "tune.abc"
        path.write_text(head.format(metre=metre, key=key) + text)
        return read_tune(path)
    return make


def test_a_tune(tune):
    found = tune("D | G A/2B/2 c2 | d2 d z |]\n")
    assert (found.title, found.sharps, found.mode) == ("Old tune", 1, "major")
    assert found.bars == (Bar(0, 4, 4, 12), Bar(4, 4, 4), Bar(20, 4, 4))
    part, = found.parts
    runs = [(62, 4), (67, 4), (69, 2), (71, 2), (72, 8), (74, 8), (74, 4), (REST, 4)]
    np.testing.assert_array_equal(part.pitch, np.repeat(*zip(*runs, strict=True)))
    assert np.flatnonzero(part.struck).tolist() == [0, 4, 8, 10, 12, 20, 28]
    assert len(found) == 36


def test_other_metres_and_keys(tune):
    found = tune("A B c | d3 |]\n", metre="3/4", key="D minor")
    assert (found.bars[0].metre, found.sharps, found.mode) == ("3/4", -1, "minor")


def test_humdrum_and_midi_and_musicxml_hold_the_same(tmp_path, tune):
    from music21 import converter
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    expected = tune("G A B c | d2 d2 |]\n")
    paths = [tmp_path / f"other.{suffix}" for suffix in ("krn", "musicxml", "mxl", "mid")]
    paths[0].write_text("**kern\n*M4/4\n*k[f#]\n=1\n4g\n4a\n4b\n4cc\n=2\n2dd\n2dd\n==\n*-\n")
    score = converter.parse(tmp_path / "tune.abc")
    paths[1].write_bytes(GeneralObjectExporter(score).parse())
    with zipfile.ZipFile(paths[2], "w") as archive:
        archive.write(paths[1], "other.musicxml")
    score.write("midi", paths[3])
    for path in paths:
        found = read_tune(path)
        np.testing.assert_array_equal(found.parts[0].pitch, expected.parts[0].pitch, str(path))
        np.testing.assert_array_equal(found.parts[0].struck, expected.parts[0].struck, str(path))
        assert found.bars == expected.bars and found.sharps == 1


def test_two_voices_on_one_staff(tmp_path):
    from music21 import meter, note, stream

    part = stream.Part()
    measure = stream.Measure(number=1)
    measure.timeSignature = meter.TimeSignature("4/4")
    for pitches in (("c5", "d5"), ("e4", "f4")):
        measure.insert(0, stream.Voice([note.Note(p, quarterLength=2) for p in pitches]))
    part.append(measure)
    score = stream.Score([part])
    score.write("musicxml", tmp_path / "staff.musicxml")
    found = read_tune(tmp_path / "staff.musicxml")
    assert [part.pitch[::8].tolist() for part in found.parts] == [[72, 74], [64, 65]]


def test_fermatas(tmp_path):
    from music21 import expressions, meter, note, stream

    part = stream.Part([meter.TimeSignature("2/4")])
    part.append([note.Note("c5"), note.Note("d5"), note.Note("e5"), note.Note("c5")])
    part.notes[3].expressions.append(expressions.Fermata())
    stream.Score([part.makeMeasures()]).write("musicxml", tmp_path / "held.musicxml")
    assert np.flatnonzero(read_tune(tmp_path / "held.musicxml").parts[0].fermata).tolist() == [12]


@pytest.mark.parametrize("text, message", [
    ("(3GAB c d e | d4 |]\n", r"off-grid notes \(bar 1 at 0\.666667 quarters\); write it in"),
    ("[GB] A B c | d2 d2 |]\n", r"chords in a part \(bar 1\); give each voice a staff of its own"),
    ("z4 | z4 |]\n", "holds no notes"),
    ("G A B c |]\n\nX:2\nT:b\nM:4/4\nL:1/4\nK:C\nc d e f |]\n", "holds 2 pieces; leave only one"),
])
def test_music_that_does_not_fit(tune, text, message):
    with pytest.raises(ImportingError, match=message):
        tune(text)


@pytest.mark.parametrize("name, content, message", [
    ("a.musicxml", b"", "is empty"),
    ("a.abc", b" \n", "is empty"),
    ("a.musicxml", b"<score-partwise><part-list></part-li", "cannot be read as music"),
    ("a.mxl", b"PK no archive", "cannot be read as music"),
    ("a.mid", b"MThd nonsense", "cannot be read as music"),
    ("a.txt", b"hello", "cannot be read as music"),
])
def test_files_that_are_broken(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImportingError, match=message):
        read_tune(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tune(tmp_path / "none.abc")


def several(*pitches, names=None):
    """ABC of one bar with a part for each pitch."""
    text = "X:1\nT:Several\nM:4/4\nL:1/4\nK:C\n"
    for number, pitch in enumerate(pitches):
        name = f' name="{names[number]}"' if names else ""
        text += f"V:{number + 1}{name}\n{pitch}4 | {pitch}4 |]\n"
    return text


def test_which_part_is_which_voice(tune):
    def read(*pitches):
        return tune(several(*pitches), head="")

    one, two, four = read("c'"), read("c'", "C,"), read("C,", "c", "c'", "C")
    assert list(voices_of(one)) == [0] and list(voices_of(one, ("bass",))) == [3]
    assert {voice: part.pitch[0] for voice, part in voices_of(two, ("soprano", "bass")).items()
            } == {0: 84, 3: 48}
    assert {voice: part.pitch[0] for voice, part in voices_of(four).items()
            } == {0: 84, 1: 72, 2: 60, 3: 48}
    assert list(voices_of(four, ("alto", "tenor"))) == [1, 2]
    for tune_, names, message in (
            (two, (), r"which voices the 2 parts are .*--voices=soprano,bass"),
            (two, ("soprano",), "which voices the 2 parts are"),
            (one, ("treble",), "there is no voice 'treble', only soprano, alto, tenor, bass"),
            (one, ("alto", "alto"), "a voice is named twice")):
        with pytest.raises(ImportingError, match=message):
            voices_of(tune_, names)


def test_more_parts_than_voices(tune):
    with pytest.raises(ImportingError, match="has 5 parts, and a chorale has 4 voices"):
        tune(several("c'", "c", "C", "C,", "C,"), head="")
