"""From a tune to files, by a model that knows nothing."""

import re
import runpy
import shutil
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from music21 import tie
from music21.musicxml.m21ToXml import GeneralObjectExporter

import lmjax
from lmjax.answer import (
    ANSWERS,
    ATTEMPTS,
    answer,
    answer_all,
    check,
    drawings,
    repeated,
    request_of,
)
from lmjax.composing import draw
from lmjax.music.importers import read_tune, voices_of
from lmjax.requests.asking import bars_of
from lmjax.requests.keep import keep
from lmjax.requests.schema import Asked, asked
from lmjax.sampling.gibbs import GibbsSettings
from lmjax.sampling.settings import SamplerSettings
from lmjax.settings import from_config

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


def harmonize(config, workdir, path, num=4, progress=False):
    return answer(config, workdir, request_of("harmonize", str(path), num=num),
                  *ANSWERS["harmonize"], progress)


def rewrite(config, workdir, path, bars, voices=(), num=4, progress=False):
    return answer(config, workdir, request_of("rewrite", str(path), voices, bars, num=num),
                  *ANSWERS["rewrite"], progress)


@pytest.fixture(scope="module")
def folder(config, workdir, tune):
    return harmonize(config, workdir, tune, num=3, progress=False)


def test_the_melody_is_kept_in_every_file(folder, tune):
    assert folder.parts[-3:] == ("harmonized", "old", "seed-0")
    given = read_tune(tune)
    names = {f"harmonisation-{n:02}.{suffix}" for n in (1, 2, 3) for suffix in ("musicxml", "mid")}
    assert {path.name for path in folder.iterdir()} == {
        *names, "samples.npz", "request.json", "report.html"}
    others = []
    for path in sorted(folder.glob("*.musicxml")):
        found = read_tune(path)
        voices = voices_of(found)
        assert found.bars == given.bars and (found.sharps, len(voices)) == (1, 4)
        np.testing.assert_array_equal(voices[0].pitch, given.parts[0].pitch)
        np.testing.assert_array_equal(voices[0].struck, given.parts[0].struck)
        others.append(np.stack([voices[voice].pitch for voice in (1, 2, 3)]))
    assert len(np.unique(others, axis=0)) == 3


def test_the_report_says_which_draw_an_answer_was(folder):
    """Of `samples.npz`, whose draws are in order and not ranked."""
    drawn = np.load(folder / "samples.npz")["pitch"]
    named = re.findall(r"0, draw (\d)</td>", (folder / "report.html").read_text())
    assert sorted(named) == ["0", "1", "2"]
    for number, place in enumerate(map(int, named), 1):
        voices = voices_of(read_tune(folder / f"harmonisation-{number:02}.musicxml"))
        for voice, part in voices.items():
            np.testing.assert_array_equal(part.pitch, drawn[place, :len(part.pitch), voice])


def test_fewer_harmonisations_replace_more(config, workdir, tune, folder, capsys):
    before = (folder / "harmonisation-01.mid").read_bytes()
    assert harmonize(config, workdir, tune, num=1, progress=True) == folder
    assert len(list(folder.glob("*.mid"))) == 1
    said = capsys.readouterr().out
    assert "rank  parallels  nats per frame\n   1" in said
    again = harmonize(config, workdir, tune, num=3, progress=False)
    assert (again / "harmonisation-01.mid").read_bytes() == before


def test_an_answer_that_there_is_already_is_composed_anew(config, workdir, tune, monkeypatch):
    """Of two requests, one of which leaves but one answer; in windows that all four fit into."""
    config = config.copy_and_resolve_references()
    config.compose.window = 64
    settings = from_config(config)
    composer = lmjax.load(workdir).using(compose=settings.compose)
    silent = [{"voice": voice, "bar": bar, "beat": 1, "beats": 3, "pitch": "rest"}
              for voice in ("alto", "tenor", "bass") for bar in range(1, 4)]
    one = asked({"input": str(tune), "num": 2}, composer.vocabulary.ranges)
    rests = asked({"input": str(tune), "num": 2, "pins": [
        *silent, *({**pin, "bar": 0, "beat": 3, "beats": 1} for pin in silent[::3]),
        *({**pin, "bar": 4} for pin in silent[::3])]}, composer.vocabulary.ranges)
    rounds = []

    def lazy(composer, keys, num, requests, *rest, **filled):
        """Of the first round all keys are the first."""
        rounds.append(keys)
        return draw(composer, keys if len(rounds) > 1 else keys[np.zeros(num, int)], num, requests,
                    *rest, **filled)

    monkeypatch.setattr("lmjax.answer.draw", lazy)
    before = set(composer.programs)
    free, bound = drawings(composer, settings, [one, rests], False)
    # One answer to each is composed anew, and then the one that cannot be another; four at once.
    assert [len(keys) for keys in rounds] == [4, 2, 1, 1] and len(rounds) == 1 + ATTEMPTS
    assert {shape[0] for shape in set(composer.programs) - before} == {4}
    assert repeated(free, range(2)) == [] and repeated(bound, range(2)) == [1]
    first = draw(composer, rounds[0][np.zeros(4, int)], 4, [one.kept.request] * 2 + [
        rests.kept.request] * 2, settings.compose.batch_size)
    np.testing.assert_array_equal(free.pitch[0], first.pitch[0])  # the others stay
    assert (free.pitch[1] != first.pitch[1]).any()


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
    settings = SimpleNamespace(sampler=SamplerSettings())
    composer = SimpleNamespace(settings=settings,
                               about={"forms": {"metres": [["4/4", 9], ["3/2", 1]]}})
    kept = Asked(keep(tune))
    with pytest.raises(ValueError, match="Old tune is in 3/4, and the composer was trained on "
                                         "3/2, 4/4; write it in one of these"):
        check(composer, kept)
    composer.about["forms"]["metres"].append(["3/4", 2])
    check(composer, kept)
    check(SimpleNamespace(settings=settings, about={}), kept)
    with pytest.raises(ValueError, match="the piece is in 6/8, and the composer was trained on"):
        lmjax.compose(composer, jax.random.key(0), form=lmjax.Form("6/8"))
    for near in (0.1, 30.0):
        with pytest.raises(ValueError, match="near is a noise level above"):
            check(composer, Asked(keep(tune), near))
    composer.settings.sampler = GibbsSettings()
    with pytest.raises(ValueError, match="only score models come back to music"):
        check(composer, Asked(keep(tune), 0.7))


def test_bars_after_a_piece(config, workdir, hymn):
    folder = answer(config, workdir, request_of("continue", str(hymn), bars="1", num=1),
                    *ANSWERS["continue"], progress=False)
    assert folder.parts[-3:] == ("continued", "hymn", "seed-0")
    after, before = (read_tune(path) for path in (folder / "continuation-01.musicxml", hymn))
    for mine, theirs in zip(after.parts, before.parts, strict=True):
        np.testing.assert_array_equal(mine.pitch[:48], theirs.pitch)
        assert len(mine.pitch) == 64


def test_near_to_a_piece_less_is_changed(config, workdir, hymn):
    changed = []
    for near in (0.16, 20.0):
        folder = answer(config, workdir, request_of("vary", str(hymn), near=near, num=2),
                        *ANSWERS["vary"], progress=False)
        before = voices_of(read_tune(hymn))
        after = [voices_of(read_tune(path)) for path in folder.glob("*.musicxml")]
        changed.append(np.mean([one[v].pitch != before[v].pitch for one in after for v in before]))
    assert changed[0] < 0.1 < 0.5 < changed[1]


REQUESTS = """
- {input: old.abc, num: 2, ordered: true, name: one}
- {form: {metre: 3/4, bars: 4, key: D major, fermatas: [[4, 1, 2]]}, num: 1, name: two, seed: 5,
   cadences: [{bar: 4, kind: half}], wishes: {parallels: 2, temperature: 0.9}}
"""


def test_a_file_of_requests(config, workdir, tune, capsys):
    path = tune.with_name("requests.yaml")
    path.write_text(REQUESTS)
    home = answer_all(config, workdir, path, progress=False)
    assert {str(found.relative_to(home)) for found in home.rglob("*.musicxml")} == {
        "one/seed-0/answer-01.musicxml", "one/seed-0/answer-02.musicxml",
        "two/seed-5/answer-01.musicxml"}
    for place, fields in (("one/seed-0", {"input": str(tune), "ordered": True}),
                          ("two/seed-5", {"form": {"metre": "3/4", "bars": 4, "key": "D major"},
                                          "cadences": [{"bar": 4, "kind": "half"}]})):
        request = asked(fields, lmjax.load(workdir).vocabulary.ranges).kept.request
        arrays = np.load(home / place / "samples.npz")
        for pitch, struck in zip(arrays["pitch"], arrays["struck"], strict=True):
            assert not request.broken(pitch, struck).any()
    before = {found: found.stat().st_mtime_ns for found in home.rglob("*") if found.is_file()}
    path.write_text(REQUESTS.replace("seed: 5", "seed: 6"))
    answer_all(config, workdir, path, progress=True)
    out = capsys.readouterr().out
    assert "1 of 2 requests are answered already" in out
    assert f"3 answers to 2 requests in {home}" in out
    assert all(found.stat().st_mtime_ns == time for found, time in before.items())
    assert (home / "two" / "seed-6" / "request.json").exists()
    # Once the file has changed, or an answer is gone, they are.
    again = home / "one" / "seed-0" / "request.json"
    for change in (lambda: tune.write_text(TUNE.replace("G3 |]", "B3 |]")),
                   lambda: (again.with_name("answer-02.mid")).unlink()):
        time = again.stat().st_mtime_ns
        change()
        answer_all(config, workdir, path, progress=True)
        assert "1 of 2 requests are answered already" in capsys.readouterr().out
        assert again.stat().st_mtime_ns > time
    tune.write_text(TUNE)


def test_a_mistake_in_a_file_of_requests_is_found_before_any_is_answered(
        config, trained, tune, tmp_path):
    workdir = shutil.copytree(trained, tmp_path / "run")
    path = tune.with_name("mistaken.yaml")
    for text, message in (
            ("- {input: old.abc}\n- {input: old.abc, chords: [{bar: 2, beat: 1, chord: XY}]}",
             r"mistaken.yaml, request 2: .*XY"),
            ("- {input: old.abc}\n- {input: none.abc}", "request 2: .*none.abc"),
            ("- {input: old.abc}\n- {input: old.abc, num: 1}",
             "request 2: another request is named 'old' as well")):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            answer_all(config, workdir, path, progress=False)
        assert not (workdir / "asked").exists()


def test_what_the_command_line_asks():
    assert request_of("bridge", "a.abc,b.abc", ["soprano"], "2", num=3) == {
        "input": "a.abc", "keep": ["soprano"], "bridge": {"to": "b.abc", "bars": 2}, "num": 3}
    assert request_of("vary", "a.abc", bars="2") == {
        "input": "a.abc", "rewrite": {"bars": "2", "voices": []}, "near": 0.7, "num": 4}
    assert request_of("precede", "a.abc", ["bass"], "2") == {
        "input": "a.abc", "keep": ["bass"], "extend": {"before": 2}, "num": 4}
    for arguments, message in (
            (("continue", "a.abc"), "say how many bars to continue with, as in --bars=4"),
            (("continue", "a.abc", (), "5-8"), "--bars says how many bars, such as 4"),
            (("bridge", "a.abc", (), "2"), "a bridge joins two files"),
            (("vary", None), "say which file to vary")):
        with pytest.raises(ValueError, match=message):
            request_of(*arguments)


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
