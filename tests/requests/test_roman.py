"""Roman numerals, chord symbols, figured bass, keys and cadences, by hand and against music21."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from music21 import harmony as symbols

from lmjax.requests.roman import (
    CADENCES,
    KINDS,
    RELATIONS,
    Harmony,
    HarmonyError,
    cadence,
    doubling,
    figured,
    harmony,
    key_in,
)

MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")  # semitones above C
MINOR = ("c", "c#", "d", "eb", "e", "f", "f#", "g", "g#", "a", "bb", "b")
C, D, E, F, G, A, B = 0, 2, 4, 5, 7, 9, 11


def flat(note):
    return (note - 1) % 12


def sharp(note):
    return (note + 1) % 12


def transposed(chord, semitones):
    up = [tuple((tone + semitones) % 12 for tone in tones)
          for tones in (chord.tones, chord.needed, chord.once)]
    bass = None if chord.bass is None else (chord.bass + semitones) % 12
    return Harmony(chord.name, up[0], bass, *up[1:])


def singable(chord):
    """Whether four voices can have what is asked of them."""
    return any((chord.bass is None or voices[-1] == chord.bass)
               and set(chord.needed) <= set(voices)
               and all(voices.count(tone) <= 1 for tone in chord.once)
               for voices in itertools.product(chord.tones, repeat=4))


# Numerals in C major and in A minor: tones, bass, needed, once.
IN_C = {
    "I": ((C, E, G), C, (C, E), ()),
    "i": ((C, flat(E), G), C, (C, flat(E)), ()),
    "ii6": ((D, F, A), F, (D, F), ()),
    "ii65": ((D, F, A, C), F, (D, F, C), (C,)),
    "iio6": ((D, F, flat(A)), F, (D, F, flat(A)), ()),
    "iii": ((E, G, B), E, (E, G), ()),
    "I64": ((C, E, G), G, (C, E), ()),
    "Cad64": ((C, E, G), G, (C, E), ()),
    "iv7": ((F, flat(A), C, flat(E)), F, (F, flat(A), flat(E)), (flat(E),)),
    "IV7": ((F, A, C, E), F, (F, A, E), (E,)),
    "V": ((G, B, D), G, (G, B), (B,)),
    "v": ((G, flat(B), D), G, (G, flat(B)), ()),
    "V+": ((G, B, sharp(D)), G, (G, B, sharp(D)), (B,)),
    "V65": ((G, B, D, F), B, (G, B, F), (B, F)),
    "V6/5": ((G, B, D, F), B, (G, B, F), (B, F)),
    "V43": ((G, B, D, F), D, (G, B, F), (B, F)),
    "V42": ((G, B, D, F), F, (G, B, F), (B, F)),
    "V2": ((G, B, D, F), F, (G, B, F), (B, F)),
    "V9": ((G, B, D, F, A), G, (G, B, F, A), (B, F)),
    "viio6": ((B, D, F), D, (B, D, F), (B,)),
    "vii°6": ((B, D, F), D, (B, D, F), (B,)),
    "viiø7": ((B, D, F, A), B, (B, D, A, F), (B, A)),
    "vii/o65": ((B, D, F, A), D, (B, D, A, F), (B, A)),
    "viio7": ((B, D, F, flat(A)), B, (B, D, flat(A), F), (B, flat(A))),
    "V65/V": ((D, sharp(F), A, C), sharp(F), (D, sharp(F), C), (sharp(F), C)),
    "V7/IV": ((C, E, G, flat(B)), C, (C, E, flat(B)), (E, flat(B))),
    "viio7/ii": ((sharp(C), E, G, flat(B)), sharp(C), (sharp(C), E, flat(B), G),
                 (sharp(C), flat(B))),
    "V/V/V": ((A, sharp(C), E), A, (A, sharp(C)), (sharp(C),)),
    "IV/V": ((C, E, G), C, (C, E), ()),
    "bVI": ((flat(A), C, flat(E)), flat(A), (flat(A), C), ()),
    "♭VII": ((flat(B), D, F), flat(B), (flat(B), D), ()),
    "bII6": ((flat(D), F, flat(A)), F, (flat(D), F), ()),
    "N6": ((flat(D), F, flat(A)), F, (flat(D), F), ()),
    "N53": ((flat(D), F, flat(A)), flat(D), (flat(D), F), ()),
    "#ivo7": ((sharp(F), A, C, flat(E)), sharp(F), (sharp(F), A, flat(E), C), (flat(E),)),
    "It6": ((sharp(F), flat(A), C), flat(A), (sharp(F), flat(A), C), (sharp(F), flat(A))),
    "Ger65": ((sharp(F), flat(A), C, flat(E)), flat(A), (sharp(F), flat(A), flat(E), C),
              (sharp(F), flat(A), flat(E))),
    "Fr43": ((D, sharp(F), flat(A), C), flat(A), (D, sharp(F), C, flat(A)),
             (sharp(F), flat(A), C)),
}
IN_A = {
    "i": ((A, C, E), A, (A, C), ()),
    "I": ((A, sharp(C), E), A, (A, sharp(C)), ()),  # with a Picardy third
    "iio6": ((B, D, F), D, (B, D, F), ()),
    "ii/o65": ((B, D, F, A), D, (B, D, A, F), (A,)),
    "III": ((C, E, G), C, (C, E), ()),
    "III+6": ((C, E, sharp(G)), E, (C, E, sharp(G)), ()),
    "iv6": ((D, F, A), F, (D, F), ()),
    "IV": ((D, sharp(F), A), D, (D, sharp(F)), ()),
    "v": ((E, G, B), E, (E, G), ()),
    "V": ((E, sharp(G), B), E, (E, sharp(G)), (sharp(G),)),
    "V7": ((E, sharp(G), B, D), E, (E, sharp(G), D), (sharp(G), D)),
    "VI": ((F, A, C), F, (F, A), ()),
    "bVI": ((F, A, C), F, (F, A), ()),
    "vi": ((sharp(F), A, sharp(C)), sharp(F), (sharp(F), A), ()),
    "VII": ((G, B, D), G, (G, B), ()),
    "bVII": ((G, B, D), G, (G, B), ()),
    "VII7": ((G, B, D, F), G, (G, B, F), (B, F)),  # the dominant seventh of C
    "viio6": ((sharp(G), B, D), B, (sharp(G), B, D), (sharp(G),)),
    "#viio6": ((sharp(G), B, D), B, (sharp(G), B, D), (sharp(G),)),
    "viio7": ((sharp(G), B, D, F), sharp(G), (sharp(G), B, F, D), (sharp(G), F)),
    "V7/iv": ((A, sharp(C), E, G), A, (A, sharp(C), G), (sharp(C), G)),
    "V7/III": ((G, B, D, F), G, (G, B, F), (B, F)),
    "Cad64": ((A, C, E), E, (A, C), ()),
    "N6": ((flat(B), D, F), D, (flat(B), D), ()),
    "It6": ((sharp(D), F, A), F, (sharp(D), F, A), (sharp(D), F)),
}
SYMBOLS = {
    "C": ((C, E, G), C, (C, E), ()),
    "F#m": ((sharp(F), A, sharp(C)), sharp(F), (sharp(F), A), ()),
    "Bb": ((flat(B), D, F), flat(B), (flat(B), D), ()),
    "B♭": ((flat(B), D, F), flat(B), (flat(B), D), ()),
    "Bb7/D": ((flat(B), D, F, flat(A)), D, (flat(B), D, flat(A)), (D, flat(A))),
    "B-7": ((flat(B), D, F, flat(A)), flat(B), (flat(B), D, flat(A)), (D, flat(A))),
    "E/Ab": ((E, sharp(G), B), sharp(G), (E, sharp(G)), ()),
    "Eb/Bb": ((flat(E), G, flat(B)), flat(B), (flat(E), G), ()),
    "Dm7/F": ((D, F, A, C), F, (D, F, C), (C,)),
    "G7": ((G, B, D, F), G, (G, B, F), (B, F)),
    "Gmaj7": ((G, B, D, sharp(F)), G, (G, B, sharp(F)), (sharp(F),)),
    "Gsus4": ((G, D, C), G, (G, C, D), ()),
    "Gsus2": ((G, D, A), G, (G, A, D), ()),
    "G5": ((G, D), G, (G, D), ()),
    "Baug": ((B, sharp(D), G), B, (B, sharp(D), G), ()),
    "B°": ((B, D, F), B, (B, D, F), ()),
    "Bdim7": ((B, D, F, flat(A)), B, (B, D, flat(A), F), (flat(A),)),
    "Bm7b5": ((B, D, F, A), B, (B, D, A, F), (A,)),
    "C6": ((C, E, G, A), C, (C, E, A), ()),
    "Cadd9": ((C, E, G, D), C, (C, E, D), ()),
    "C9": ((C, E, G, flat(B), D), C, (C, E, flat(B), D), (E, flat(B))),
    "C9/G": ((C, E, G, flat(B), D), G, (C, E, flat(B)), (E, flat(B))),  # G is the fourth voice
    "C/D": ((C, E, G, D), D, (C, E, D), ()),
    "CminMaj7": ((C, flat(E), G, B), C, (C, flat(E), B), (B,)),
}


@pytest.mark.parametrize(("key", "text", "expected"), [
    *(("C major", *item) for item in IN_C.items()),
    *(("a minor", *item) for item in IN_A.items()),
    *(("Ab major", *item) for item in SYMBOLS.items()),  # of any key
])
def test_harmonies(key, text, expected):
    found = harmony(text, key)
    assert found == (text, *expected)
    assert singable(found)
    assert harmony(text, key, any_inversion=True).bass is None
    assert singable(harmony(text, key, any_inversion=True))


@pytest.mark.parametrize(("text", "key", "tones"), [
    ("V7", "G major", (2, 6, 9, 0)), ("i", "f# minor", (6, 9, 1)), ("i", "F# minor", (6, 9, 1)),
    ("V7", "Bb major", (5, 9, 0, 3)), ("V7", "B- major", (5, 9, 0, 3)),
    ("viio7", "c minor", (11, 2, 5, 8)), ("V", "C# major", (8, 0, 3)),
])
def test_keys(text, key, tones):
    assert harmony(f" {text} ", key).tones == tones
    assert harmony(f" {text} ", key).name == text


@pytest.mark.parametrize("semitones", range(12))
@pytest.mark.parametrize(("keys", "mode"), [(MAJOR, "major"), (MINOR, "minor")])
def test_transposed(keys, mode, semitones):
    for text in ("V7", "ii6", "viio43/V", "VI", "bII6", "Ger65"):
        assert (harmony(text, f"{keys[semitones]} {mode}")
                == transposed(harmony(text, f"{keys[0]} {mode}"), semitones))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("root", ["C", "F#", "B-", "A"])
def test_symbols_are_those_of_music21(root, kind):
    names = {"M": "", "5": "power", "ø": "ø7", "M9": "Maj9"}  # as it calls what it cannot read
    theirs = symbols.ChordSymbol(root + names.get(kind, kind))
    ours = harmony(root + kind, "C major")
    assert set(ours.tones) == {pitch.pitchClass for pitch in theirs.pitches}
    assert ours.bass == theirs.bass().pitchClass and ours.tones[0] == theirs.root().pitchClass
    assert singable(ours)


@pytest.mark.parametrize("change", ["b5", "#5", "b9", "#9", "add9", "add11", "addb6"])
def test_changed_symbols_are_those_of_music21(change):
    theirs = symbols.ChordSymbol("E7" + change).pitches
    assert set(harmony("E7" + change, "C major").tones) == {pitch.pitchClass for pitch in theirs}


@pytest.mark.parametrize("text", [
    "", " ", "xyz", "V/", "V//V", "V/xyz", "V/8", "H7", "I9999", "🎵", "C🎵", "VX", "Vi", "iVi",
    "IIII", "VIII", "vii", "vii6", "Vo7", "i+", "V77", "V 7", "Vsus4", "V11", "viio7/viio", "N7",
    "It65", "Cad", "b", "#", "/V", "I\nV", "c", "dm7", "Cxyz", "C/", "C/H", "C/E/G", "C69", "C13",
    "CN6", "Cpedal", "C#b", "C major",
])
def test_what_cannot_be_read(text):
    with pytest.raises(HarmonyError, match=r"cannot read .* as a harmony: write .* 'V65/V'"):
        harmony(text, "C major")


def test_the_text_is_told_as_it_was_written():
    with pytest.raises(HarmonyError, match="'Cmajdim'"):
        harmony("Cmajdim", "C major")


def test_too_many_tones():
    with pytest.raises(HarmonyError, match="'C9/F' has 6 different tones, and a harmony has"):
        harmony("C9/F", "C major")


@pytest.mark.parametrize("key", ["", "H major", "C", "C dorian", "G# major"])
def test_no_key(key):
    for ask in (harmony, lambda text, key: key_in(text, key), lambda _, key: cadence("PAC", key)):
        with pytest.raises(HarmonyError, match=r"a key is written like|needs 8 sharps"):
            ask("V", key)


# Bass, figures, sharps: tones, needed, once.
FIGURED = [
    (55, "", 0, (G, B, D), (G, B), ()),
    (55, "5 3", 0, (G, B, D), (G, B, D), ()),
    (55, "5", 0, (G, B, D), (G, B, D), ()),
    (55, "6", 0, (E, G, B), (E, G), ()),
    (50, "6", 0, (B, D, F), (B, D, F), ()),
    (55, "6 4", 0, (C, E, G), (C, E, G), ()),
    (55, "64", 0, (C, E, G), (C, E, G), ()),
    (55, "7", 0, (G, B, D, F), (G, B, F), (B, F)),
    (50, "7", 0, (D, F, A, C), (D, F, C), (C,)),
    (59, "6 5", 0, (G, B, D, F), (G, B, F), (B, F)),
    (59, "65", 0, (G, B, D, F), (G, B, F), (B, F)),
    (59, "6/5", 0, (G, B, D, F), (G, B, F), (B, F)),
    (50, "4 3", 0, (G, B, D, F), (G, B, F, D), (B, F)),
    (50, "6,4,3", 0, (G, B, D, F), (G, B, F, D), (B, F)),
    (53, "4 2", 0, (G, B, D, F), (G, B, F), (B, F)),
    (53, "2", 0, (G, B, D, F), (G, B, F), (B, F)),
    (55, "4", 0, (G, D, C), (G, C, D), ()),
    (55, "5 4", 0, (G, D, C), (G, C, D), ()),
    (55, "9", 0, (G, B, D, A), (G, B, A), ()),
    (55, "9 7", 0, (G, B, D, F, A), (G, B, F, A), (B, F)),
    (48, "7 4 2", 0, (B, D, F, C), (B, D, C, F), ()),  # over a pedal
    # D minor, one flat: the dominant, its first inversion and its seventh chord
    (57, "#", -1, (A, sharp(C), E), (A, sharp(C)), ()),
    (61, "6", -1, (A, sharp(C), E), (A, sharp(C)), ()),
    (61, "65", -1, (A, sharp(C), E, G), (A, sharp(C), G), (sharp(C), G)),
    (57, "7 #", -1, (A, sharp(C), E, G), (A, sharp(C), G), (sharp(C), G)),
    (57, "7, ♯3", -1, (A, sharp(C), E, G), (A, sharp(C), G), (sharp(C), G)),
    (52, "#6", -1, (sharp(C), E, G), (sharp(C), E, G), ()),
    (52, "6#", -1, (sharp(C), E, G), (sharp(C), E, G), ()),
    (55, "6 4+ 2", -1, (A, sharp(C), E, G), (A, sharp(C), G, E), (sharp(C), G)),
    (55, "#42", -1, (A, sharp(C), E, G), (A, sharp(C), G), (sharp(C), G)),
    (58, "#6", -1, (sharp(G), flat(B), D), (sharp(G), flat(B), D), (sharp(G), flat(B))),  # Italian
    # C minor, three flats: a natural raises the third of G, as a sharp does
    (55, "n", -3, (G, B, D), (G, B), ()),
    (55, "♮", -3, (G, B, D), (G, B), ()),
    (55, "#", -3, (G, B, D), (G, B), ()),
    (55, "6 4", -3, (C, flat(E), G), (C, flat(E), G), ()),
    (51, "6", -3, (C, flat(E), G), (C, flat(E)), ()),
    # D major and G sharp minor
    (50, "b7", 2, (D, sharp(F), A, C), (D, sharp(F), C), (sharp(F), C)),
    (50, "n", 2, (D, F, A), (D, F), ()),
    (54, "6", 2, (D, sharp(F), A), (D, sharp(F)), ()),
    (51, "#", 5, (flat(E), G, flat(B)), (flat(E), G), ()),
    (55, "6 5", 5, (flat(E), G, flat(B), sharp(C)), (flat(E), G, sharp(C)), (G, sharp(C))),
]


@pytest.mark.parametrize(("bass", "figures", "sharps", "tones", "needed", "once"), FIGURED)
def test_figures(bass, figures, sharps, tones, needed, once):
    found = figured(bass, figures, sharps)
    assert found == (figures, tones, bass % 12, needed, once)
    assert singable(found)
    assert figured(bass - 12, figures, sharps) == found


@given(st.sampled_from([case for case in FIGURED if case[2] == 0 and "♮" not in case[1]]),
       st.sampled_from(range(-5, 6)))
def test_figures_are_transposed(case, sharps):
    """Without naturals: they are as they are in any key."""
    bass, figures = case[:2]
    semitones = 7 * sharps % 12
    assert (figured(bass + semitones, figures, sharps)
            == transposed(figured(bass, figures, 0), semitones))


@pytest.mark.parametrize("figures", ["x", "1", "6 4 x", "8 7 6 5", "76", "6 5 #b", "###", "65#",
                                     "🎵", "-", "##b6"])
def test_unreadable_figures(figures):
    with pytest.raises(HarmonyError, match=r"cannot read the figures .* write them like '6'"):
        figured(48, figures, 0)


@pytest.mark.parametrize(("figures", "number"), [("6 6", 6), ("# 3", 3), ("65 b5", 5)])
def test_figures_that_stand_twice(figures, number):
    with pytest.raises(HarmonyError, match=f"{figures}' have {number} more than once"):
        figured(48, figures, 0)


@pytest.mark.parametrize("ask", [
    lambda: figured(60, "#7", 0), lambda: figured(54, "##7", 2),
    lambda: harmony("biv7", "C major"),  # music21 makes F flat, A double flat, C flat and E of it
    lambda: harmony("Cm7#9", "C major"),
])
def test_tones_that_sound_the_same(ask):
    with pytest.raises(HarmonyError, match=r"two tones of '.*' sound the same"):
        ask()


@pytest.mark.parametrize(("relation", "home", "key"), [
    ("tonic", "Bb major", "Bb major"), ("tonic", "f# minor", "F# minor"),
    ("dominant", "G major", "D major"), ("Dominant ", "a minor", "E minor"),
    ("subdominant", "F major", "Bb major"), ("subdominant", "d minor", "G minor"),
    ("relative", "G major", "E minor"), ("relative", "c minor", "Eb major"),
    ("supertonic", "C major", "D minor"), ("mediant", "D major", "F# minor"),
    ("mediant", "e minor", "G major"), ("submediant", "E major", "C# minor"),
    ("submediant", "b minor", "G major"),
    ("V", "a minor", "E major"), ("v", "a minor", "E minor"), ("iv", "C major", "F minor"),
    ("vi", "C major", "A minor"), ("VII", "d minor", "C major"), ("bVI", "C major", "Ab major"),
    ("♭II", "A minor", "Bb major"), ("D major", "C major", "D major"),
    ("f#  minor", "C major", "F# minor"), ("B- major", "C major", "Bb major"),
])
def test_keys_in_a_key(relation, home, key):
    assert key_in(relation, home) == key


@pytest.mark.parametrize(("relation", "home", "message"), [
    ("", "C major", "cannot read '' as a key: write one of tonic, .*, a Roman numeral"),
    ("vii", "C major", "cannot read 'vii'"), ("viio", "C major", "cannot read 'viio'"),
    ("V7", "C major", "cannot read 'V7'"), ("near", "C major", "cannot read 'near'"),
    ("D dorian", "C major", "cannot read 'D dorian'"),
    ("H major", "C major", "a key is written like 'G major'"),
    ("supertonic", "c minor", "c minor has no supertonic key: that chord is diminished"),
    ("dominant", "C# major", "'G# major' needs 8 sharps"),
    ("bVI", "Cb major", "a key is written like"),
])
def test_no_such_key(relation, home, message):
    with pytest.raises(HarmonyError, match=message):
        key_in(relation, home)


@pytest.mark.parametrize("home", ["C major", "a minor"])
def test_relations_are_near(home):
    """At most one sign away from the home key."""
    near = {"C major", "A minor", "G major", "E minor", "F major", "D minor"}
    relations = [relation for relation in RELATIONS if (relation, home[-5:]) != (
        "supertonic", "minor")]
    assert {key_in(relation, home) for relation in relations} <= near


def test_a_perfect_authentic_cadence():
    chords, soprano = cadence("perfect authentic", "G major")
    assert chords == (("V", (D, sharp(F), A, C), D, (D, sharp(F)), (sharp(F), C)),
                      ("I", (G, B, D), G, (G, B), ()))
    assert soprano == (None, G)
    assert cadence("PAC", "G major") == (chords, soprano)
    chords, soprano = cadence("Perfect  Authentic", "g minor")
    assert chords == (("V", (D, sharp(F), A, C), D, (D, sharp(F)), (sharp(F), C)),
                      ("i", (G, flat(B), D), G, (G, flat(B)), ()))
    assert soprano == (None, G)


@pytest.mark.parametrize(("kind", "key", "numerals", "basses"), [
    ("imperfect authentic", "C major", ("V", "I"), (G, C)),
    ("IAC", "a minor", ("V", "i"), (E, A)),
    ("half", "C major", ("V",), (G,)), ("hc", "a minor", ("V",), (E,)),
    ("plagal", "C major", ("IV", "I"), (F, C)), ("PC", "a minor", ("iv", "i"), (D, A)),
    ("deceptive", "C major", ("V", "vi"), (G, A)), ("DC", "a minor", ("V", "VI"), (E, F)),
    ("phrygian", "a minor", ("iv6", "V"), (F, E)),
])
def test_cadences(kind, key, numerals, basses):
    chords, soprano = cadence(kind, key)
    assert tuple(chord.name for chord in chords) == numerals
    assert tuple(chord.bass for chord in chords) == basses
    assert soprano == (None,) * len(chords)
    # Only on its way to an arrival has a dominant a seventh.
    for chord in chords:
        dominant = chord.name == "V" and len(chords) == 2 and chord is chords[0]
        assert len(chord.tones) == (4 if dominant else 3)
        assert len(chord.needed) == 2 and singable(chord)


def test_no_such_cadence():
    with pytest.raises(HarmonyError, match="there is no cadence 'evaded', only perfect authentic"):
        cadence("evaded", "C major")
    with pytest.raises(HarmonyError, match="phrygian cadence is one of minor keys, and not of C m"):
        cadence("phrygian", "C major")
    assert len(CADENCES) == 6


@pytest.mark.parametrize("text, which, tones, once", [
    ("I", "root", (0, 4, 7), (4, 7)),
    ("I6", "bass", (0, 4, 7), (0, 7)),
    ("V", "third", (7, 11, 2), (7, 2)),  # asked for, and so the leading note is
    ("V7", "root", (7, 11, 5), (11, 5)),  # without its fifth
    ("C5", "fifth", (0, 7), (0,)),
    ("viio6", "third", (11, 2, 5), (11, 5)),
])
def test_a_tone_that_is_doubled_leaves_the_others_once(text, which, tones, once):
    asked = doubling(harmony(text, "C major"), which)
    assert (asked.tones, asked.needed, asked.once) == (tones, tones, once)
    assert asked.name == f"{text} with its {which} doubled"


@pytest.mark.parametrize("text, which, why", [
    ("V7", "seventh", "of V7 the root, third, fifth, bass can be doubled, and not 'seventh'"),
    ("Csus4", "third", "of Csus4 the root, fifth, bass can be doubled, and not 'third'"),
    ("V7", "fifth", "V7 needs so many tones that its fifth cannot be doubled"),
    ("V43", "root", "V43 needs so many tones that its root cannot be doubled"),
    ("viio7", "root", "viio7 needs so many tones that its root cannot be doubled"),
    ("C9", "root", "C9 needs so many tones that its root cannot be doubled"),
])
def test_what_cannot_be_doubled(text, which, why):
    with pytest.raises(HarmonyError, match=re.escape(why)):
        doubling(harmony(text, "C major"), which)
