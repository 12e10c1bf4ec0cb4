"""From a tune to files, by a model that knows nothing."""

import runpy
import shutil
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from music21 import tie
from music21.musicxml.m21ToXml import GeneralObjectExporter

import lmjax
from lmjax.answer import bars_of, check_metres, harmonize, rewrite
from lmjax.music.importers import read_tune, voices_of
from lmjax.requests.keep import keep

pytestmark = pytest.mark.usefixtures("quick_to_compile")
TUNE = "X:1\nT:Old tune\nM:3/4\nL:1/4\nK:G\nB | d B A | G2 A | B c d | G3 |]\n"


@pytest.fixture(scope="module")
def config(tiny):
    config = runpy.run_path(str(tiny))["get_config"]()
    config.compose.formats = ("musicxml", "mid")
    return config


@pytest.fixture(scope="module")
def tune(tmp_path_factory):
    path = tmp_path_factory.mktemp("tune") / "old.abc"
    path.write_text(TUNE)
    return path


@pytest.fixture(scope="module")
def workdir(trained, tmp_path_factory):
    return shutil.copytree(trained, tmp_path_factory.mktemp("harmonize") / "run")


@pytest.fixture(scope="module")
def folder(config, workdir, tune):
    return harmonize(config, workdir, tune, num=3, progress=False)


def test_the_melody_is_kept_in_every_file(folder, tune):
    assert folder.parts[-3:] == ("harmonized", "old", "seed-0")
    given = read_tune(tune)
    names = {f"harmonisation-{n:02}.{suffix}" for n in (1, 2, 3) for suffix in ("musicxml", "mid")}
    assert {path.name for path in folder.iterdir()} == {*names, "samples.npz"}
    others = []
    for path in sorted(folder.glob("*.musicxml")):
        found = read_tune(path)
        voices = voices_of(found)
        assert found.bars == given.bars and (found.sharps, len(voices)) == (1, 4)
        np.testing.assert_array_equal(voices[0].pitch, given.parts[0].pitch)
        np.testing.assert_array_equal(voices[0].struck, given.parts[0].struck)
        others.append(np.stack([voices[voice].pitch for voice in (1, 2, 3)]))
    assert len(np.unique(others, axis=0)) == 3


def test_fewer_harmonisations_replace_more(config, workdir, tune, folder, capsys):
    before = (folder / "harmonisation-01.mid").read_bytes()
    assert harmonize(config, workdir, tune, num=1, progress=True) == folder
    assert len(list(folder.glob("*.mid"))) == 1
    said = capsys.readouterr().out
    assert "rank  parallels  nats per frame\n   1" in said
    again = harmonize(config, workdir, tune, num=3, progress=False)
    assert (again / "harmonisation-01.mid").read_bytes() == before


@pytest.fixture(scope="module")
def hymn(tmp_path_factory):
    """Four voices with words, a fermata, ties over bar lines, and a rest."""
    from music21 import expressions, key, meter, note, stream

    score = stream.Score()
    for name, notes in (("Soprano", "c5 d5 e5 f5 | g5 g5 f5 d5 | e5 d5 c5 c5"),
                        ("Alto", "g4 g4 g4 a4 | g4~ g4 a4 b4~ | b4 b4 g4 g4"),
                        ("Tenor", "e4 d4 c4 c4~ | c4 e4 d4 d4 | c4 d4 e4 e4"),
                        ("Bass", "c3 b2 c3 a2 | e3 c3 r g2 | c3 g2 c3 c3")):
        part = stream.Part(id=name)
        part.partName = name
        for number, bar in enumerate(notes.split(" | "), 1):
            measure = stream.Measure(number=number)
            if number == 1:
                measure.insert(0, key.Key("C"))
                measure.insert(0, meter.TimeSignature("4/4"))
            for word in bar.split():
                one = note.Rest() if word == "r" else note.Note(word.rstrip("~"))
                if name == "Soprano":
                    one.addLyric(f"la{len(measure.notes)}")
                if word == "c5" and number == 3 and len(measure.notes) == 3:
                    one.expressions.append(expressions.Fermata())
                measure.append(one)
            part.append(measure)
        flat = list(part.recurse().notes)
        for before, after, word in zip(flat, flat[1:], notes.replace("| ", "").replace(
                "r ", "").split(), strict=False):
            if word.endswith("~"):
                before.tie, after.tie = tie.Tie("start"), tie.Tie("stop")
        score.insert(0, part)
    path = tmp_path_factory.mktemp("hymn") / "hymn.musicxml"
    path.write_bytes(GeneralObjectExporter(score).parse())
    return path


def written(path):
    """Of each part, what its bars show: pitch, length, tie, words and signs of each note."""
    from music21 import converter

    return [{measure.number: [
        (one.nameWithOctave if one.isNote else "r", one.offset, one.quarterLength,
         one.tie and one.tie.type, one.lyric, [type(sign).__name__ for sign in one.expressions])
        for one in measure.notesAndRests] for measure in part.getElementsByClass("Measure")}
        for part in converter.parse(path).parts]


def test_outside_of_what_is_rewritten_the_file_comes_back(config, workdir, hymn):
    folder = rewrite(config, workdir, hymn, "2", ["alto", "tenor"], num=2, progress=False)
    assert folder.parts[-3:] == ("rewritten", "hymn", "seed-0")
    before = written(hymn)
    changed = 0
    for number in (1, 2):
        after = written(folder / f"rewriting-{number:02}.musicxml")
        for voice, (mine, theirs) in enumerate(zip(after, before, strict=True)):
            assert mine[1] == theirs[1] and mine[3] == theirs[3]
            changed += mine[2] != theirs[2]
            if voice in (0, 3):
                assert mine[2] == theirs[2]
            assert sum(note[2] for note in mine[2]) == 4
        # What is held into the bar is held, and what is held out of it was struck in it.
        assert after[2][2][0][0] == "C4" and after[2][2][0][3] in ("stop", "continue")
        assert after[1][2][-1][0] == "B4" and after[1][2][-1][3] in ("start", "continue")
    assert changed >= 2


def test_all_voices_of_several_bars(config, workdir, hymn):
    folder = rewrite(config, workdir, hymn, "2-3", num=1, progress=False)
    before, after = written(hymn), written(folder / "rewriting-01.musicxml")
    assert [part[1] for part in after] == [part[1] for part in before]
    assert all(mine[2] != theirs[2] for mine, theirs in zip(after[:2], before[:2], strict=True))


@pytest.mark.parametrize("text, expected", [("5-8", (5, 8)), ("3", (3, 3)), (" 0-1 ", (0, 1))])
def test_bars(text, expected):
    assert bars_of(text) == expected


@pytest.mark.parametrize("bars, voices, message", [
    ("9", (), "there are no bars 9-9 in .*, only 1 to 3"),
    ("3-2", (), "there are no bars 3-2"),
    ("two", (), "bars are written like 5-8, or 5, not 'two'"),
    ("2", ("treble",), "there is no voice 'treble'"),
])
def test_bars_that_cannot_be(config, workdir, hymn, bars, voices, message):
    with pytest.raises(ValueError, match=message):
        rewrite(config, workdir, hymn, bars, voices, progress=False)


def test_a_tune_cannot_be_rewritten(config, workdir, tune):
    with pytest.raises(ValueError, match="has 1 voices, and all four are needed to rewrite"):
        rewrite(config, workdir, tune, "1", progress=False)


def test_from_python(workdir, tune):
    composer, key = lmjax.load(workdir), jax.random.key(0)
    condition = lmjax.keep(tune, voices=["alto"])
    one, two = lmjax.compose(composer, key, num=2, condition=condition)
    given = read_tune(tune).parts[0].pitch
    for chorale in (one, two):
        np.testing.assert_array_equal(chorale.pitch[:, 1], given)
    assert (one.pitch != two.pitch).any() and one.title == "Old tune"
    with pytest.raises(ValueError, match="so there can be no other"):
        lmjax.compose(composer, key, form=lmjax.Form(), condition=condition)


def test_a_metre_that_was_never_seen(tune):
    composer = SimpleNamespace(about={"forms": {"metres": [["4/4", 9], ["3/2", 1]]}})
    kept = keep(tune)
    with pytest.raises(ValueError, match="Old tune is in 3/4, and the composer was trained on "
                                         "3/2, 4/4; write it in one of these"):
        check_metres(composer, kept)
    composer.about["forms"]["metres"].append(["3/4", 2])
    check_metres(composer, kept)
    check_metres(SimpleNamespace(about={}), kept)


def test_mistakes_leave_nothing(command, tiny, trained, tune, tmp_path):
    four = tmp_path / "four.abc"
    four.write_text("X:1\nM:4/4\nL:1/4\nK:C\n" + "".join(
        f"V:{n}\n{note}4 | {note}4 |]\n" for n, note in enumerate(["c", "G", "C", "G,"])))
    high = tmp_path / "high.abc"
    high.write_text(TUNE.replace("d B A", "d'' B A"))
    for arguments, message in (
            ((), "say which file to harmonize, as in --input=tune.musicxml"),
            ((f"--input={tmp_path}/none.abc",), "No such file"),
            ((f"--input={four}",), "has all four voices, so there is none to add"),
            ((f"--input={high}",), "and its range is"),
            ((f"--input={tune}", "--voices=treble"), "there is no voice 'treble'"),
            ((f"--input={tune}", "--num_samples=0"), "--num_samples must be at least 1, not 0")):
        ended = command(f"--config={tiny}", "--mode=harmonize", f"--workdir={trained}", *arguments)
        assert ended.code == 1 and message in ended.err and ended.err.count("\n") == 1, arguments
    assert not (trained / "harmonized").exists()
