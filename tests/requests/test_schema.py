"""What is asked, as it is written down, and what it becomes: without any network."""

import json

import numpy as np
import pytest

from lmjax.music.chorale import REST, VOICES
from lmjax.music.spelling import name_of
from lmjax.music.tokens import WIDE_RANGES, Vocabulary
from lmjax.requests.asking import key_of
from lmjax.requests.pins import AskingError, midi, pitch_class
from lmjax.requests.reading import read_requests
from lmjax.requests.request import SILENCE
from lmjax.requests.schema import asked

FORM = {"metre": "4/4", "bars": 4, "key": "G major", "fermatas": [[4, 1, 2]]}
TUNE = "X:1\nT:Old tune\nM:3/4\nL:1/4\nK:G\nB | d B A | G2 A | B c d | G3 |]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    (folder / "tune.abc").write_text(TUNE)
    (folder / "hymn.abc").write_text("X:1\nT:Hymn\nM:4/4\nL:1/4\nK:C\n" + "".join(
        f"V:{n}\n{notes} |]\n" for n, notes in enumerate(
            ["c d e f | g4 | e d c2", "G G G A | B4 | G G G2", "E D C C | D4 | C B, C2",
             "C, B,, C, A,, | G,,4 | C, G,, C,2"])))
    return folder


def kept_of(folder, **fields):
    return asked(fields, WIDE_RANGES, folder).kept


def may(kept, voice, frame):
    """The MIDI pitches of a voice that are allowed in a frame, of those it can sing."""
    low, high = WIDE_RANGES[VOICES.index(voice)]
    found = np.flatnonzero(kept.allowed[frame, VOICES.index(voice)])
    return [pitch for pitch in found.tolist() if low <= pitch <= high or pitch == SILENCE]


def test_a_form_alone(folder):
    kept = kept_of(folder, form=FORM)
    assert len(kept.score) == 64 and not kept.known.any() and kept.score.sharps == 1
    assert kept.allowed is kept.attack is kept.together is None
    assert np.flatnonzero(kept.fermata).tolist() == list(range(48, 56))
    assert kept.request.tokens(Vocabulary()) is None


def test_a_pin_is_one_note_struck_once(folder):
    kept = kept_of(folder, form=FORM, pins=[
        {"voice": "alto", "bar": 2, "beat": 3, "beats": 1.5, "pitch": "F#4"}])
    frames = range(24, 30)
    assert all(may(kept, "alto", frame) == [66] for frame in frames)
    assert kept.attack[24:30, 1].tolist() == [1, -1, -1, -1, -1, -1]
    assert not kept.attack[:, [0, 2, 3]].any() and not kept.attack[30:].any()
    assert kept.allowed[30:].all() and kept.allowed[:24].all() and kept.allowed[:, 0].all()


def test_silence_can_be_pinned_and_forbidden(folder):
    kept = kept_of(folder, form=FORM, pins=[
        {"voice": "bass", "bar": 1, "beat": 1, "pitch": "rest"}])
    assert may(kept, "bass", 0) == [SILENCE] and not kept.attack
    kept = kept_of(folder, form=FORM, forbid=[{"pitches": ["rest", "B4", "F"], "bars": "2-3"}])
    assert {SILENCE, 71, 65, 77} & set(may(kept, "soprano", 20)) == set()
    assert {70, 72, 66} <= set(may(kept, "soprano", 20)) and kept.allowed[:16].all()


def test_ranges_and_scales(folder):
    kept = kept_of(folder, form=FORM, ranges={"tenor": "C3-E4"}, scale="G harmonic minor")
    assert may(kept, "tenor", 5) == [48, 50, 51, 54, 55, 57, 58, 60, 62, 63, SILENCE]
    kept = kept_of(folder, form=FORM, scale="Bb pentatonic")
    assert {pitch % 12 for pitch in may(kept, "alto", 0)[:-1]} == {10, 0, 2, 5, 7}


def test_nothing_shorter_than_an_eighth(folder):
    kept = kept_of(folder, form={**FORM, "anacrusis": 2}, shortest="eighth")
    assert (kept.attack[1::2] == -1).all() and not kept.attack[::2].any()


def test_a_chord_has_its_tones_its_bass_and_all_it_needs(folder):
    kept = kept_of(folder, form=FORM, chords=[{"bar": 2, "beat": 2, "chord": "V7", "beats": 2}])
    frames = slice(20, 28)
    for voice in VOICES:
        classes = {pitch % 12 for pitch in may(kept, voice, 22)}
        assert classes == ({2} if voice == "bass" else {2, 6, 9, 0})
    groups = [(np.flatnonzero(kept.together.groups[20, r]) % 12)[0]
              for r in np.flatnonzero(kept.together.least[20])]
    assert sorted(groups) == [0, 2, 6]
    once = [(np.flatnonzero(kept.together.groups[23, r]) % 12)[0]
            for r in np.flatnonzero(kept.together.most[23])]
    assert sorted(once) == [0, 6] and not kept.together.least[21:].any()
    assert not kept.together.most[:20].any() and not kept.together.most[28:].any()
    assert kept.allowed[:20].all() and kept.allowed[28:].all() and frames.stop == 28


def test_a_cadence_arrives_under_the_fermata_of_its_bar(folder):
    kept = kept_of(folder, form=FORM, cadences=[
        {"bar": 4, "kind": "perfect authentic", "key": "dominant"}])
    assert {p % 12 for p in may(kept, "soprano", 48)} == {2}
    assert {p % 12 for p in may(kept, "soprano", 50)} == {2, 6, 9}
    assert all({p % 12 for p in may(kept, "bass", frame)} == {2} for frame in range(48, 56))
    assert all({p % 12 for p in may(kept, "bass", frame)} == {9} for frame in range(44, 48))
    assert {p % 12 for p in may(kept, "tenor", 45)} == {9, 1, 4, 7}


def test_figures_are_of_the_given_bass(folder):
    bass = "X:1\nM:4/4\nL:1/4\nK:F\nF, E, D, C, | F,4 |]\n"
    (folder / "bass.abc").write_text(bass)
    kept = kept_of(folder, input="bass.abc", keep=["bass"], figures=[
        {"bar": 1, "beat": 2, "figures": "6 5"}, {"bar": 1, "beat": 3, "figures": 6}])
    assert {p % 12 for p in may(kept, "alto", 4)} == {4, 7, 10, 0}
    assert {p % 12 for p in may(kept, "alto", 8)} == {2, 5, 10}
    assert kept.known[:, 3].all() and not kept.known[:, :3].any()


def test_bars_after_and_before(folder):
    kept = kept_of(folder, input="hymn.abc", extend={"before": 1, "after": 2})
    assert len(kept.score) == 16 + 48 + 32 and kept.known[16:64].all()
    assert not kept.known[:16].any() and not kept.known[64:].any()
    assert [bar.start for bar in kept.score.bars] == [0, 16, 32, 48, 64, 80]
    assert [number for number, _, _ in kept.numbers] == [1, 2, 3, 4, 5, 6]
    assert kept.score.pitch[16, 0] == 72 and (kept.score.pitch[:16] == REST).all()


def test_fermatas_that_are_asked_for_are_written(folder):
    """Over new music, over given notes, and over those in place of others."""
    new = np.tile([72, 67, 64, 48], (96, 1))
    struck = np.zeros(new.shape, bool)
    struck[::8] = True
    after = {"extend": {"after": 2}}
    for fields, expected in (
            ({**after, "fermatas": [[4, 3, 2]]}, [(56, voice) for voice in range(4)]),
            ({**after, "fermatas": [[2, 1]]}, [(16, voice) for voice in range(4)]),
            ({"rewrite": {"bars": "2", "voices": ["alto"]}, "fermatas": [[2, 3]]},
             [(16, 0), (24, 1), (16, 2), (16, 3)])):
        kept = kept_of(folder, input="hymn.abc", **fields)
        frames = len(kept.score)
        made = kept.chorale(new[:frames], struck[:frames])
        assert sorted(map(tuple, np.argwhere(made.fermata).tolist())) == sorted(expected)


@pytest.mark.parametrize("last, key", [("A2", "A minor"), ("C2", "C major"), ("D2", "C major")])
def test_a_key_without_a_mode_is_that_of_the_last_note(folder, last, key):
    (folder / "modal.abc").write_text(f"X:1\nM:4/4\nL:1/4\nK:Ddor\nA B {last} |]\n")
    assert key_of(kept_of(folder, input="modal.abc")) == key


def test_an_anacrusis_is_preceded_by_another(folder):
    """In 3/4 from an upbeat of a quarter: one bar before it begins with an upbeat as well."""
    kept = kept_of(folder, input="tune.abc", keep=["soprano"], extend={"before": 1})
    assert [(bar.start, bar.offset) for bar in kept.score.bars] == [
        (0, 8), (4, 0), (16, 0), (28, 0), (40, 0), (52, 0)]
    assert kept.known[12:, 0].all() and not kept.known[:12].any() and not kept.known[:, 1:].any()


def test_a_bridge(folder):
    kept = kept_of(folder, input="hymn.abc", bridge={"to": "hymn.abc", "bars": 2})
    assert len(kept.score) == 48 + 32 + 48
    assert kept.known[:48].all() and kept.known[80:].all() and not kept.known[48:80].any()
    np.testing.assert_array_equal(kept.score.pitch[:48], kept.score.pitch[80:])
    assert [bar.start for bar in kept.score.bars] == list(range(0, 128, 16))


def test_near_to_a_piece(folder):
    one = asked({"input": "hymn.abc", "near": 0.7, "num": 2, "seed": 3}, WIDE_RANGES, folder)
    assert (one.near, one.num, one.seed, one.name) == (0.7, 2, 3, "hymn")
    (folder / "Don't, Herr (1).abc").write_bytes((folder / "hymn.abc").read_bytes())
    odd = asked({"input": "Don't, Herr (1).abc", "keep": ["bass"]}, WIDE_RANGES, folder)
    assert odd.name == "Don-t- Herr -1-"
    assert not one.kept.known.any() and one.kept.near.pitch[0, 0] == 72
    kept = kept_of(folder, input="hymn.abc", near=1, keep=["soprano"], rewrite={"bars": "2"})
    assert kept.known[:, 0].all() and kept.known[:16].all() and not kept.known[16:32, 1:].any()


MISTAKES = [
    ({}, "a request has either an input, which is a file, or a form"),
    ({"form": FORM, "cordes": []}, "a request has no field 'cordes', only input, keep"),
    ({"form": FORM, "pins": {}}, "pins of a request is a list, each item a set of fields, not {"),
    ({"form": FORM, "pins": [3]}, "a list, each item a set of fields, not [3]"),
    ({"form": FORM, "pins": [{"voice": "alto", "bar": 1, "beat": 1}]}, "pins[1] lacks 'pitch'"),
    ({"form": FORM, "pins": [{"voice": "alt", "bar": 1, "beat": 1, "pitch": "F4"}]},
     "there is no voice 'alt', only soprano, alto, tenor, bass"),
    ({"form": FORM, "pins": [{"voice": "alto", "bar": 9, "beat": 1, "pitch": "F4"}]},
     "there is no bar 9, only 1 to 4"),
    ({"form": FORM, "pins": [{"voice": "alto", "bar": 1, "beat": 5, "pitch": "F4"}]},
     "there is no beat 5 in bar 1"),
    ({"form": FORM, "pins": [{"voice": "alto", "bar": 1, "beat": 1, "pitch": "H4"}]},
     "a note is named like F#, Bb or C, not 'H'"),
    ({"form": FORM, "pins": [{"voice": "alto", "bar": 1, "beat": 1, "pitch": "C6"}]},
     "bar 1, beat 1: the alto can sing nothing that is C6 and in the range of the alto"),
    ({"form": FORM, "scale": "G major", "pins": [
        {"voice": "alto", "bar": 2, "beat": 2.5, "pitch": "F4"}]},
     "bar 2, beat 2.5: the alto can sing nothing that is F4 and of G major and in the range"),
    ({"form": FORM, "chords": [{"bar": 1, "beat": 1, "chord": "I"}], "pins": [
        {"voice": "bass", "bar": 1, "beat": 1, "pitch": "B2"}]},
     "bar 1, beat 1: the bass can sing nothing that is B2 and of I (G, B, D)"),
    ({"form": FORM, "shortest": "half", "pins": [{"voice": "bass", "bar": 2, "beat": 1,
                                                   "beats": 2, "pitch": "rest"}]},
     "bar 2, beat 1: the bass can sing nothing that is silence and of a note of 8 sixteenths or "
     "longer and in"),
    ({"form": FORM, "scale": "G major", "chords": [{"bar": 2, "beat": 1, "chord": "V/V"}]},
     "no more than one C# in V/V with the notes that are given or allowed there (of G major)"),
    ({"input": ""}, "input is the name of a file, and there is none"),
    ({"form": FORM, "seed": 2**32}, "seed of a request is a whole number from 0 to 4294967295"),
    ({"form": FORM, "cadences": [{"bar": 5, "kind": "half"}]},
     "there are no bars 5-5, only 1 to 4"),
    ({"form": FORM, "cadences": [{"bar": 1, "kind": "half", "beat": 4, "beats": 99}]},
     "99 beats from beat 4 of bar 1 go past the end"),
    ({"form": FORM, "cadences": [{"bar": 1, "kind": "perfect authentic"}]},
     "a cadence that arrives at bar 1, beat 1 would begin before the piece"),
    ({"form": FORM, "chords": [{"bar": 1, "beat": 1, "chord": "xyz"}]}, "xyz"),
    ({"form": FORM, "shortest": "breve"}, "the shortest note is one of sixteenth, eighth"),
    ({"form": FORM, "wishes": {"paralels": 1}}, "wishes has no field 'paralels'"),
    ({"form": FORM, "wishes": {"temperature": 0}}, "wishes.temperature must be positive, not 0"),
    ({"form": {**FORM, "bars": 0}}, "a form has at least 1 bar, not 0"),
    ({"form": FORM, "near": 1.0}, "near needs an input, and a form has no notes"),
    ({"form": FORM, "name": "../up"}, "a name is of letters, digits"),
    ({"form": FORM, "ranges": {"tenor": "E4-G3"}}, "the range E4-G3 of the tenor ends below"),
    ({"form": FORM, "ranges": {"soprano": "C2-C3"}},
     "the soprano can sing nothing of C2-C3, only from A"),
    ({"form": FORM, "ranges": {"tenor": "B-E4"}}, "a range is written like G3-E4, not 'B-E4'"),
    ({"form": FORM, "forbid": [{"pitches": ["A9"]}]}, "A9 is higher than any pitch of MIDI"),
    ({"input": "hymn.abc", "near": 0.7, "keep": ["sopran"]}, "there is no voice 'sopran', only"),
    ({"input": "hymn.abc", "rewrite": {"bars": "2"}, "keep": list(VOICES)},
     "all four voices are kept, so there is none to compose anew"),
    ({"input": "tune.abc", "keep": "soprano"},
     "keep of a request is a list, each item text, not 'soprano'"),
    ({"input": "hymn.abc", "keep": ["alto"], "pins": [
        {"voice": "alto", "bar": 1, "beat": 1, "beats": 2, "pitch": "G4"}]},
     "bar 1, beat 2: the alto has G4 already, but struck anew there"),
    ({"input": "tune.abc", "pins": [{"voice": "soprano", "bar": 2, "beat": 2, "pitch": "G4"}]},
     "bar 2, beat 2: the soprano has G4 already, but held over there"),
    ({"input": "hymn.abc"}, "hymn.abc has all four voices, so there is none to add"),
    ({"input": "hymn.abc", "extend": {}}, "a piece is extended by at least 1 bar"),
    ({"input": "hymn.abc", "rewrite": {"bars": "9"}}, "there are no bars 9-9"),
    ({"input": "tune.abc", "cadences": [{"bar": 4, "kind": "perfect authentic", "key": "D major"}]},
     "bar 4, beat 1: the soprano has G4, which is not the soprano of I (D)"),
]


@pytest.mark.parametrize("fields, message", MISTAKES)
def test_mistakes(folder, fields, message):
    with pytest.raises(ValueError) as raised:
        asked(fields, WIDE_RANGES, folder)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_a_doubled_tone_is_in_two_voices_and_the_others_in_one(folder):
    kept = kept_of(folder, form=FORM, chords=[
        {"bar": 1, "beat": 2, "chord": "I6", "doubled": "root", "beats": 2}])
    chords = np.array([[79, 74, 67, 59], [74, 71, 67, 59], [79, 74, 74, 59], [74, 67, 79, 59]])
    for frame, held in ((3, [1, 1, 1, 1]), (4, [1, 0, 0, 1]), (5, [1, 0, 0, 1]), (12, [1] * 4)):
        here = kept.together._make(np.repeat(part[frame][None], 4, 0) for part in kept.together)
        assert (~here.broken(chords)).tolist() == list(map(bool, held))
    assert all(SILENCE not in may(kept, voice, 5) for voice in VOICES)
    assert SILENCE in may(kept, "alto", 12)


def test_what_is_not_to_be_doubled_is_in_one_voice_at_most(folder):
    kept = kept_of(folder, form=FORM, undoubled=[
        {"pitches": ["leading note"]}, {"pitches": ["C#", "B"], "bars": "2-3"}])
    chords = np.array([[78, 69, 66, 50], [79, 71, 67, 59], [78, 69, 62, 50], [73, 69, 64, 61]])
    for frame, held in ((0, [0, 1, 1, 1]), (16, [0, 0, 1, 0]), (48, [0, 1, 1, 1])):
        here = kept.together._make(np.repeat(part[frame][None], 4, 0) for part in kept.together)
        assert (~here.broken(chords)).tolist() == list(map(bool, held))
    rewrite = {"input": "hymn.abc", "rewrite": {"bars": "3", "voices": ["alto"]}}
    once = kept_of(folder, **rewrite, undoubled=[{"pitches": ["G"]}]).together.most.any(axis=1)
    assert np.flatnonzero(once).tolist() == list(range(32, 48))  # given notes are as they are
    with pytest.raises(AskingError, match="bar 3, beat 1: no chord has no more than one C with"):
        kept_of(folder, **rewrite, undoubled=[{"pitches": ["C"]}])


def test_what_a_file_says_of_harmony_can_be_followed(folder):
    (folder / "lead.abc").write_text(
        'X:1\nM:4/4\nL:1/4\nK:G\n"G"G A "D7/F#"B c | "Em"d2 "Am/C"e2 | "D"A2 "G"G2 |]\n')
    kept = kept_of(folder, input="lead.abc", follow=["chords"])
    free = {frame for frame in range(48) if kept.allowed[frame, 3].all()}
    assert free == set(range(48)) - {start + n for start in range(0, 48, 8) for n in range(4)}
    assert {pitch % 12 for pitch in may(kept, "bass", 8)} - {SILENCE % 12} == {6}
    assert {pitch % 12 for pitch in may(kept, "tenor", 24)} - {SILENCE % 12} == {9, 0, 4}
    assert kept_of(folder, input="lead.abc").allowed[:, 1:].all()
    for fields, why in (
            ({"input": "tune.abc"}, "there are no chord symbols to be followed"),
            ({"input": "lead.abc", "extend": {"after": 1}}, "or bars are added to it")):
        with pytest.raises(AskingError, match=why):
            kept_of(folder, **fields, follow=["chords"])
    with pytest.raises(AskingError, match="followed is chords or figures, not 'words'"):
        kept_of(folder, input="lead.abc", follow=["words"])
    (folder / "odd.abc").write_text('X:1\nM:4/4\nL:1/4\nK:G\nG A B c | "Gadd13"d4 |]\n')
    with pytest.raises(AskingError, match="bar 2, beat 1: cannot read 'G"):
        kept_of(folder, input="odd.abc", follow=["chords"])


def test_voices_that_cannot_be_together(folder):
    """A soprano pinned below what the chord needs above the bass: no chord has it in order."""
    with pytest.raises(AskingError, match=r"bar 1, beat 1: no chord has the G of I, the B of I, "
                                          r"voices in order with the notes"):
        asked({"form": FORM, "ordered": True, "ranges": {"bass": "G3-G3"},
               "chords": [{"bar": 1, "beat": 1, "chord": "I"}],
               "pins": [{"voice": "soprano", "bar": 1, "beat": 1, "pitch": "G3"}]},
              ((50, 82), *WIDE_RANGES[1:]), folder)


def test_held_notes_cannot_fit_two_chords(folder):
    """One half for the tonic and the dominant: all voices would have to be on G, their one common
    tone, and so the thirds are lacking."""
    tonic, dominant = ({"bar": 2, "beat": beat, "chord": chord, "inversion": "any"}
                       for beat, chord in ((1, "I"), (2, "V")))
    fields = {"form": {**FORM, "key": "C major"}, "shortest": "half"}
    for chords in ([tonic], [dominant], [tonic, {**dominant, "beat": 3}]):
        assert kept_of(folder, **fields, chords=chords).together is not None
    with pytest.raises(AskingError, match="bar 2, beat 1: no chord has the C of I, the E of I wi"):
        kept_of(folder, **fields, chords=[tonic, dominant])
    # Given C and G, a half of E and B flat would do; and given E and B flat, one of C and G.
    two = folder / "two.abc"
    two.write_text("X:1\nM:4/4\nL:1/4\nK:C\nV:1\nc e g2 |]\nV:2\nG, _B, C2 |]\n")
    asking = {"input": "two.abc", "keep": ["soprano", "bass"], "shortest": "half"}
    seventh, again = ({"bar": 1, "beat": beat, "chord": "V7/IV", "inversion": "any"}
                      for beat in (1, 2))
    for chords in ([seventh], [again]):
        assert kept_of(folder, **asking, chords=chords).together is not None
    with pytest.raises(AskingError, match=r"bar 1, beat 2: no chord has the C of V7/IV, .* with "
                                          r"the notes that are .* there, or held over from before"):
        kept_of(folder, **asking, chords=[seventh, again])


def test_files_of_requests(tmp_path):
    one, two = {"form": FORM, "name": "one"}, {"form": FORM, "num": 2}
    lines, several, single = (tmp_path / name for name in ("a.jsonl", "b.yaml", "c.json"))
    lines.write_text(f"{json.dumps(one)}\n\n{json.dumps(two)}\n")
    several.write_text("- form: {metre: 4/4, bars: 4, key: G major, fermatas: [[4, 1, 2]]}\n"
                       "  name: one\n- {form: " + json.dumps(FORM) + ", num: 2}\n")
    single.write_text(json.dumps(one))
    assert [fields for _, fields in read_requests(lines)] == [one, two]
    assert read_requests(lines)[1][0] == f"{lines}, line 3"
    assert [fields for _, fields in read_requests(several)] == [one, two]
    assert read_requests(single) == [(str(single), one)]
    for text, message in (("", "a request has fields"), ("[]", "holds no request"),
                          ("{a: [", "is no YAML or JSON"), ("- 3", "request has fields"),
                          ("[" * 5000, "is no YAML or JSON"),
                          ("{name: 2001-13-45}", r"b\.yaml is no YAML or JSON: month must be in"),
                          (f"{{num: {'1' * 5000}}}", r"b\.yaml is no YAML or JSON: Exceeds"),
                          ("{{a: 1}: 2}", "is no YAML or JSON"),
                          ("num: 1\nseed: 2\nnum: 3", "the field 'num' stands twice"),
                          ("form: {bars: 4, bars: 5}", "the field 'bars' stands twice")):
        several.write_text(text)
        with pytest.raises(AskingError, match=message):
            read_requests(several)
    for text, message in (("{oh}", "line 3 is no JSON: "), ('{"a": 1, "a": 2}', "'a' stands twice"),
                          ('{"a": ' + "1" * 5000 + "}", "line 3 is no JSON: Exceeds")):
        lines.write_text(f"{{}}\n\n{text}\n")
        with pytest.raises(AskingError, match=message):
            read_requests(lines)


def test_json_is_json(tmp_path):
    """Not YAML, which knows no tabs and reads 1e-1 as text; and its strings may hold any sign."""
    single, lines = tmp_path / "a.json", tmp_path / "b.jsonl"
    single.write_text('{\n\t"near": 1e-1\n}')
    assert read_requests(single)[0][1] == {"near": 0.1}
    lines.write_text('\ufeff{"name": "a\u2028b"}\r\n{}\r\n', encoding="utf-8")
    assert [fields for _, fields in read_requests(lines)] == [{"name": "a\u2028b"}, {}]


@pytest.mark.parametrize("name, pitch", [("C4", 60), ("Bb3", 58), ("B-3", 58), ("f#5", 78),
                                         ("Cb4", 59), ("B#3", 60), ("E##2", 42)])
def test_names_of_pitches(name, pitch):
    assert midi(name) == pitch and pitch_class(name[:-1]) == pitch % 12
    assert midi(name_of(pitch)) == pitch


WHOLE = {
    "form": {"metre": "4/4", "bars": 4, "key": "G major", "anacrusis": 4, "fermatas": [[4, 1, 2]]},
    "input": "hymn.abc", "keep": ["soprano"], "rewrite": {"bars": "2", "voices": ["alto"]},
    "extend": {"before": 1, "after": 1}, "bridge": {"to": "hymn.abc", "bars": 1},
    "fermatas": [[2, 1]], "pins": [{"voice": "alto", "bar": 2, "beat": 3, "pitch": "F#4"}],
    "forbid": [{"pitches": ["Bb", "B4"], "voices": ["bass"], "bars": "1-2"}],
    "ranges": {"tenor": "G3-E4"}, "scale": "G major", "shortest": "eighth", "ordered": True,
    "chords": [{"bar": 3, "beat": 2, "chord": "V65/V", "beats": 1, "inversion": "any"}],
    "figures": [{"bar": 1, "beat": 2, "figures": "6 5"}],
    "cadences": [{"bar": 2, "beat": 3, "kind": "perfect authentic", "key": "dominant"}],
    "wishes": {"parallels": 2, "temperature": 0.9}, "near": 0.7, "num": 4, "seed": 1,
    "name": "tune"}
RUBBISH = [None, True, -1, 0, 3, 1e9, float("nan"), "", "x", "🎵", [], [None], [[]], [3], ["x"],
           {}, {"x": 1}, {3: 4}, "C4", "1-9999", "V7/V7/V7"]


def mutated(rng, value):
    """A value, or one of those in it, replaced by rubbish, left out or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = list(value)[rng.integers(len(value))]
        changed = dict(value)
        if rng.random() < 0.2:
            del changed[name]
        else:
            changed[name] = mutated(rng, value[name])
        return changed
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = int(rng.integers(len(value)))
        return [*value[:place], mutated(rng, value[place]), *value[place:]]
    return RUBBISH[rng.integers(len(RUBBISH))]


def test_rubbish_is_one_sentence(folder):
    """Any request compiles, or is refused by a sentence: nothing else is ever raised."""
    rng, compiled = np.random.default_rng(0), 0
    for number in range(600):
        names = [name for name in WHOLE if rng.random() < 0.3] + [["form", "input"][number % 2]]
        fields = {name: WHOLE[name] for name in names}
        for _ in range(rng.integers(0, 3)):
            fields = mutated(rng, fields)
            if not isinstance(fields, dict):
                fields = {}
        try:
            asked(fields, WIDE_RANGES, folder)
            compiled += 1
        except (ValueError, OSError) as error:
            text = str(error)
            assert text and "\n" not in text and len(text) < 600, fields
        except Exception as error:
            raise AssertionError(fields) from error
    assert compiled > 10
