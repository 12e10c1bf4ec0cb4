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
    ("G A B c | {e}d4 |]\n", r"grace notes \(bar 2\); leave them out, or write them with a length"),
    ("G/8A/8B/4c/2 d3 | d4 |]\n", r"off-grid notes \(bar 1 at 0\.125 quarters\); write it in"),
    ("z4 | z4 |]\n", "holds no notes"),
    ("V:Soprano\nG4 | G4 |]\n", "calls a voice Soprano; number the voices, as in V:1"),
    ("G4 | [M:2/4] G2 |]\n", r"has \[M:2/4\] in a line, which would be left out; give it a line"),
    ("G A B Hc | d4 |]\n", "has Hc, which would be left out; leave fermatas out"),
    ("G A B !fermata!c | d4 |]\n", "has !fermata!, which would be left out; leave fermatas out"),
    ("Z2 | d4 |]\n", "has Z, which would be left out; .* write z with its length for a rest"),
    ("G4 A4 B4 c4 d4 c4 B4 A4 | G4 | G4 |]\n", "lacks a bar line; a bar may be three whole notes"),
    ("G4 A1021\n", "is 1025 quarters long, and no more than 1024 can be read; cut it into pieces"),
    ("M:8/32\nG | A | B |]\n", r"unknown metre \(8/32\); write it in whole notes, halves"),
    ("M:300/4\nG | A |]\n", "has a metre with 300 in it; a bar may be three whole notes long"),
    ("M:1/1000\nG | A |]\n", "has a metre with 1000 in it; .*, and a beat a sixteenth at least"),
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
    ("a.krn", b"", "is empty"),
    ("a.mid", b"", "is empty"),
    ("a.krn", b"**kern\n*M4/4\n=1\n4g\n4a\n4b\n", r"is cut off: the line of \*- that ends Humdrum"),
    ("a.krn", b"**kern\n*M4/4\n=1\n4g\n4H\n4b\n2cc\n*-\n", "cannot be read as music .*line 5"),
    ("a.musicxml", b"<score-partwise><beats>1000</beats>", "has a metre with 1000 in it; a bar"),
    ("a.musicxml", b"<score-partwise><fifths>-100</fifths>", "a key signature has seven sharps or"),
    ("a.mid", b"MThd\0\0\0\6\0\1\0\1\0\1MTrk\0\0\0\7\xff\x58\4\4\6\x18\x08", "beats shorter than"),
])
def test_files_that_are_broken(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImportingError, match=message):
        read_tune(path)
    assert list(tmp_path.iterdir()) == [path]


def test_compressed_files_are_looked_into(tmp_path):
    path = tmp_path / "a.mxl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("score.musicxml", "<score-partwise><beats>1000</beats>")
    with pytest.raises(ImportingError, match="has a metre with 1000 in it"):
        read_tune(path)


def test_files_that_are_cut_off(tmp_path, tune):
    from music21 import converter

    tune(several("c'", "c", "C", "C,"), head="")
    score = converter.parse(tmp_path / "tune.abc")
    for suffix in ("musicxml", "mid"):
        score.write(suffix, tmp_path / f"whole.{suffix}")
        content = (tmp_path / f"whole.{suffix}").read_bytes()
        for share in (0.2, 0.5, 0.9):
            path = tmp_path / f"cut.{suffix}"
            path.write_bytes(content[:int(share * len(content))])
            with pytest.raises(ImportingError, match=r"cannot be read as music|is cut off"):
                read_tune(path)


def test_parts_that_disagree(tune):
    text = several("c'", "c", "C", "C,")
    for old, new, message in (
            ("C,4 |]", "", r"uneven parts \(the first ends after 8 quarters, another after 4\)"),
            ("V:3\n", "V:3\nM:2/4\n", r"uneven parts \(another has other bars than the first\)"),
            ("K:C", "K:C\n", "")):
        if message:
            with pytest.raises(ImportingError, match=message):
                tune(text.replace(old, new), head="")
        else:
            tune(text.replace(old, new), head="")


def test_keys_that_change(tmp_path):
    from music21 import key, meter, note, stream

    part = stream.Part([meter.TimeSignature("2/4"), key.KeySignature(0)])
    for opening in (None, key.Key("A"), key.KeySignature(-1)):
        part.append([*([opening] if opening else []), note.Note("a4"), note.Note("c#5")])
    path = tmp_path / "keys.musicxml"
    stream.Score([part.makeMeasures()]).write("musicxml", path)
    found = read_tune(path)
    assert (found.sharps, found.mode, found.keys) == (0, "", ((8, 3, "major"), (16, -1, "")))


def test_a_transposing_part_sounds_as_it_sounds(tmp_path):
    from music21 import instrument, meter, note, stream
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    part = stream.Part([instrument.Clarinet(), meter.TimeSignature("2/4")])
    part.append([note.Note("d5"), note.Note("e5")])
    part.atSoundingPitch = False
    content = GeneralObjectExporter(stream.Score([part.makeMeasures()])).parse()
    assert b"<step>D" in content and b"<chromatic>-2" in content
    (tmp_path / "clarinet.musicxml").write_bytes(content)
    assert read_tune(tmp_path / "clarinet.musicxml").parts[0].pitch[::4].tolist() == [72, 74]


def test_midi_has_the_metre_of_its_first_track_and_its_longest_end(tmp_path):
    import mido

    file = mido.MidiFile(ticks_per_beat=4)
    for voice, lengths in enumerate(((12, 12), (12,), (12, 12, 12), (12, 12))):
        sounds = [mido.Message(kind, note=60 - voice, velocity=80, time=time) for length in lengths
                  for kind, time in (("note_on", 0), ("note_off", length))]
        metre = [mido.MetaMessage("time_signature", numerator=3, denominator=4)]
        file.tracks.append(mido.MidiTrack(metre * (voice == 0) + sounds))
    file.save(tmp_path / "four.mid")
    found = read_tune(tmp_path / "four.mid")
    assert found.bars == (Bar(0, 3, 4), Bar(12, 3, 4), Bar(24, 3, 4))
    assert [(part.pitch != REST).sum() for part in found.parts] == [24, 12, 36, 24]
    assert {len(part.source.getElementsByClass("Measure")) for part in found.parts} == {3}


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


def test_accidentals_of_abc_last_to_the_bar_line(tmp_path):
    """As other programs read it; a clef beside the key moves nothing."""
    path = tmp_path / "tune.abc"
    for head in ("", "%abc-2.1\n"):
        path.write_text(f"{head}X:1\nM:4/4\nL:1/4\nK:C clef=bass\n^G G =G G | G4 |]\n")
        assert read_tune(path).parts[0].pitch[::4].tolist() == [68, 68, 67, 67, 67, 67, 67, 67]
