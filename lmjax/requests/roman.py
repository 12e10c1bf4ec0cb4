"""What musicians say of harmony: Roman numerals, chord symbols, figured bass, keys and cadences.

Inside, a note is its place on the line of fifths, as in `music.spelling` (F = 0, C = 1).
"""

import functools
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from lmjax.music.chorale import VOICES
from lmjax.music.spelling import STEPS, fifths
from lmjax.requests.form import _parse_key, key_name

MOST_TONES = 5  # the chord of the ninth
MAJOR = (0, 2, 4, -1, 1, 3, 5)  # the degrees of a major scale, in fifths above its tonic
LEADING, FIFTH, MAJOR_THIRD, MINOR_SEVENTH = 5, 1, 4, -2  # in fifths, as is the next
AUGMENTED_SIXTH = 10

DEGREES = ("I", "II", "III", "IV", "V", "VI", "VII")
UPPER = "|".join(DEGREES)
LOWER = "|".join(DEGREES[:6]).lower()  # on the seventh stands no minor triad
DIMINISHED = "(?:o|°|ø|/o)"
KEY = f"[b#-]?(?:{UPPER}|{LOWER})"
# All that is read, for music21 makes some chord of any figures: "I9999" too has pitches.
NUMERAL = re.compile(
    rf"(?:[b#-]?(?:(?:{UPPER})\+?|(?:{LOWER}){DIMINISHED}?|vii{DIMINISHED})"
    r"(?:5|5/?3|6|6/?3|6/?4|7|6/?5|4/?3|4/?2|2|9)?"
    r"|N(?:6|53)?|It(?:\+?6)?|Ger(?:\+?6|65)?|(?:Fr|Sw)(?:\+?6|43)?|Cad64)"
    rf"(?:/{KEY})*")

# What follows the root of a chord symbol: the degrees of the root's major scale, altered.
KINDS = {
    "": "1 3 5", "M": "1 3 5", "m": "1 b3 5", "+": "1 3 #5", "o": "1 b3 b5", "5": "1 5",
    "sus2": "1 2 5", "sus4": "1 4 5", "sus": "1 4 5", "6": "1 3 5 6", "m6": "1 b3 5 6",
    "7": "1 3 5 b7", "M7": "1 3 5 7", "m7": "1 b3 5 b7", "mM7": "1 b3 5 7", "+7": "1 3 #5 b7",
    "7+": "1 3 #5 b7", "+M7": "1 3 #5 7", "o7": "1 b3 b5 bb7", "ø": "1 b3 b5 b7",
    "ø7": "1 b3 b5 b7", "7sus4": "1 4 5 b7", "7sus": "1 4 5 b7",
    "9": "1 3 5 b7 9", "M9": "1 3 5 7 9", "m9": "1 b3 5 b7 9",
}
WORDS = {"maj": "M", "Maj": "M", "min": "m", "aug": "+", "dim": "o", "°": "o"}
SYMBOL = re.compile(
    rf"([A-G][#b-]?)({'|'.join(map(re.escape, KINDS))})"
    r"((?:add[b#]?(?:2|4|6|9|11)|[b#](?:5|9))*)(?:/([A-G][#b-]?))?")
SIGNS = str.maketrans("♭♯º", "b#°")

# What stands above a bass note, and which of it is the root (1 is the bass itself). Figures mean
# the first that has them all.
FIGURES = {"53": 1, "63": 6, "54": 1, "64": 4, "753": 1, "653": 6, "643": 4, "642": 2, "754": 1,
           "953": 1, "9753": 1, "954": 1, "742": 7}
FIGURE_SIGNS = str.maketrans("♭♯♮+", "b#n#")

# In a major and in a minor home key.
RELATIONS = {
    "tonic": ("I", "i"), "supertonic": ("ii", None), "mediant": ("iii", "III"),
    "subdominant": ("IV", "iv"), "dominant": ("V", "v"), "submediant": ("vi", "VI"),
    "relative": ("vi", "III"),
}
CADENCES = {
    "perfect authentic": ("V7", "I"), "imperfect authentic": ("V7", "I"), "half": ("V",),
    "plagal": ("IV", "I"), "deceptive": ("V7", "vi"), "phrygian": ("iv6", "V"),
}
ABBREVIATIONS = {"pac": "perfect authentic", "iac": "imperfect authentic", "hc": "half",
                 "pc": "plagal", "dc": "deceptive"}
IN_MINOR = {"I": "i", "IV": "iv", "vi": "VI"}


class HarmonyError(ValueError):
    """A harmony, key or cadence that cannot be read; the message is for the musician."""


class Harmony(NamedTuple):
    """What a harmony asks of the four voices, in pitch classes (0 to 11, C = 0).

    Attributes:
      name: as asked for.
      tones: of the chord, the root first, then in stacked thirds.
      bass: what the bass has; None for any inversion.
      needed: what some voice has: all but a perfect fifth of a chord with a third; never more
        than four voices can have beside the bass that is asked for.
      once: what at most one voice has: the seventh of a chord, the third of a dominant seventh,
        the leading note of the key that a V or vii° belongs to, both ends of an augmented sixth.
    """

    name: str
    tones: tuple[int, ...]
    bass: int | None
    needed: tuple[int, ...]
    once: tuple[int, ...]


class Cadence(NamedTuple):
    """The harmonies of a cadence.

    Attributes:
      chords: one a beat; the last is the arrival.
      soprano: the pitch class that the soprano has in each, None for any.
    """

    chords: tuple[Harmony, ...]
    soprano: tuple[int | None, ...]


def harmony(text: str, key: str, any_inversion: bool = False) -> Harmony:
    """A harmony by its Roman numeral or chord symbol.

    Numerals mean what music21 takes them for: upper case is major, lower case minor, "o" or "°"
    diminished, "ø" or "/o" half-diminished, "+" augmented. Sevenths are minor in lower case and
    those of the scale in upper case. In a minor key V has the leading note and vii° stands on it;
    III, VI and VII are those of the natural scale, and vi is on the raised sixth.

    Args:
      text: a numeral such as "ii6", "V65/V", "viio7", "N6", "Ger65" or "Cad64", or a symbol such as
        "F#m", "Bb", "Dm7/F", "Gsus4" ("B-7" is "Bb7").
      key: as of a `Form`.
      any_inversion: leaves the bass open, whatever inversion the text names.

    Raises:
      HarmonyError: if the text or the key cannot be read, the chord has more than 5 tones, or two
        of them sound the same.
    """
    sharps, mode = _read_key(key)
    asked = text.strip().translate(SIGNS)
    leading = None
    if NUMERAL.fullmatch(asked):
        notes, root, bass, leading = _numeral(asked, sharps, mode)
    else:
        notes, root, bass = _symbol(asked)
    return _harmony(text.strip(), notes, root, None if any_inversion else bass, leading=leading)


def doubling(harmony: Harmony, which: str) -> Harmony:
    """A harmony of which four voices, if all of them sound, have one tone twice and no other.

    A seventh chord is without its fifth, since else no voice is left to double anything.

    Args:
      harmony: of three tones, or of four with a perfect fifth.
      which: "root", "third", "fifth" or "bass".

    Raises:
      HarmonyError: if the harmony has no such tone, or none can be doubled.
    """
    root = harmony.tones[0]
    steps = {0: "root", 3: "third", 4: "third", 6: "fifth", 7: "fifth", 8: "fifth"}
    above = {(tone - root) % 12: tone for tone in harmony.tones}
    place = {steps[step]: tone for step, tone in sorted(above.items()) if step in steps}
    place |= {} if harmony.bass is None else {"bass": harmony.bass}
    if which not in place:
        raise HarmonyError(f"of {harmony.name} the {', '.join(place)} can be doubled, and not "
                           f"{which!r}")
    tones = harmony.tones if len(harmony.tones) < len(VOICES) else harmony.needed
    rest = tuple(tone for tone in tones if tone != place[which])
    sounding = {place[which], place.get("bass", root)}
    if not sounding <= set(tones) or len(rest) > len(VOICES) - 2:
        raise HarmonyError(f"{harmony.name} needs so many tones that its {which} cannot be doubled")
    return harmony._replace(name=f"{harmony.name} with its {which} doubled", tones=tones,
                            needed=tones, once=rest)


def figured(bass: int, figures: str, sharps: int) -> Harmony:
    """The harmony of a bass note with figures.

    They are those of the scale of the key signature. A sign raises ("#", "+") or lowers ("b") a
    note by a semitone or makes it natural ("n"); it stands next to its figure, or alone for the
    third.

    Args:
      bass: MIDI pitch.
      figures: such as "", "6", "6 5", "65", "#", "b7", "6 #4"; what is usually left out can be.
      sharps: of the key signature, flats negative.

    Returns:
      the harmony; all tones that the figures name are needed, as far as there are voices.

    Raises:
      HarmonyError: if the figures cannot be read, or two tones sound the same.
    """
    signs: dict[str, str] = {}
    for word in re.split(r"[\s,/]+", figures.translate(FIGURE_SIGNS).strip()):
        word = re.sub(r"^(\d)(##?|bb?|n)$", r"\2\1", word)
        word = re.sub(r"^(##?|bb?|n)$", r"\g<1>3", word)
        if not re.fullmatch(r"((##?|bb?|n)?\d)*", word):
            raise _unreadable_figures(figures)
        for sign, number in re.findall(r"([#bn]*)(\d)", word):
            if number in signs:
                raise HarmonyError(f"the figures {figures!r} have {number} more than once")
            signs[number] = sign
    full = next((full for full in FIGURES if signs.keys() <= set(full)), None)
    if full is None:
        raise _unreadable_figures(figures)
    low = int(fifths(bass, sharps))
    notes = {"1": low}
    for number in full:
        note = sharps + (low + 2 * (int(number) - 1) - sharps) % 7  # a step up is two fifths
        sign = signs.get(number, "")
        notes[number] = note % 7 if sign == "n" else note + 7 * (sign.count("#") - sign.count("b"))
    return _harmony(figures.strip(), notes.values(), notes[str(FIGURES[full])], low,
                    explicit=[low, *(notes[number] for number in signs)])


def key_in(relation: str, home: str) -> str:
    """The name of a key that is told by its relation to a home key, as a `Form` has it.

    Args:
      relation: "tonic", "supertonic", "mediant", "subdominant", "dominant", "submediant" or
        "relative", of which the dominant of a minor key is minor; a Roman numeral, upper case for
        a major key and lower case for a minor one; or a key such as "D major".
      home: as of a `Form`.

    Raises:
      HarmonyError: if either cannot be read, or there is no such key.
    """
    sharps, mode = _read_key(home)
    word = relation.strip()
    if word.lower() in RELATIONS:
        numeral = RELATIONS[word.lower()][mode == "minor"]
        if numeral is None:
            raise HarmonyError(f"{home} has no {word.lower()} key: that chord is diminished")
    elif re.fullmatch(KEY, word.translate(SIGNS)):
        numeral = word.translate(SIGNS)
    elif re.fullmatch(r"\S+\s+(major|minor)", word):
        return key_name(*_read_key(word))
    else:
        raise HarmonyError(f"cannot read {relation!r} as a key: write one of "
                           f"{', '.join(RELATIONS)}, a Roman numeral such as 'vi', or a key such "
                           f"as 'D major'")
    root = _numeral(numeral, sharps, mode)[1]
    mode = "major" if numeral.strip("b#-").isupper() else "minor"
    name = key_name(root - (1 if mode == "major" else 4), mode)
    _read_key(name)
    return name


def cadence(kind: str, key: str) -> Cadence:
    """A cadence by its kind.

    A dominant before its arrival is in root position and may have its seventh. An imperfect
    authentic cadence leaves the soprano free, a perfect one brings it to the tonic.

    Args:
      kind: of `CADENCES`, or "PAC", "IAC", "HC", "PC", "DC".
      key: as of a `Form`.

    Raises:
      HarmonyError: if the kind or the key cannot be read, or the key has no such cadence.
    """
    name = " ".join(kind.lower().split())
    name = ABBREVIATIONS.get(name, name)
    if name not in CADENCES:
        raise HarmonyError(f"there is no cadence {kind!r}, only {', '.join(CADENCES)}")
    minor = _read_key(key)[1] == "minor"
    if name == "phrygian" and not minor:
        raise HarmonyError(f"a phrygian cadence is one of minor keys, and not of {key}")
    numerals = [IN_MINOR.get(numeral, numeral) if minor else numeral for numeral in CADENCES[name]]
    chords = tuple(_dominant(key) if numeral == "V7" else harmony(numeral, key)
                   for numeral in numerals)
    soprano: list[int | None] = [None] * len(chords)
    if name == "perfect authentic":
        soprano[-1] = chords[-1].tones[0]
    return Cadence(chords, tuple(soprano))


def _dominant(key: str) -> Harmony:
    """V or V7 in root position."""
    triad = harmony("V", key)
    return harmony("V7", key)._replace(name=triad.name, needed=triad.needed)


def _read_key(key: str) -> tuple[int, str]:
    """Sharps and mode of a key; HarmonyError if it is none."""
    try:
        return _parse_key(key)
    except ValueError as error:
        raise HarmonyError(str(error)) from error


def _place(name: str) -> int:
    """The place of a note such as "Bb", "B-" or "F##" on the line of fifths."""
    return STEPS.index(name[0]) + 7 * (name.count("#") - name.count("b") - name.count("-"))


@functools.cache  # music21 takes milliseconds, and a piece has but some dozens
def _numeral(text: str, sharps: int, mode: str) -> tuple[tuple[int, ...], int, int, int | None]:
    """The notes, the root and the bass of a numeral, and the leading note if it can have one."""
    from music21 import key, roman

    tonality = key.KeySignature(sharps).asKey(mode)
    # Takes bVI and VI of a minor key for the same, and so on.
    either = roman.Minor67Default.CAUTIONARY
    chord = roman.RomanNumeral(text, tonality, sixthMinor=either, seventhMinor=either)
    home = chord.secondaryRomanNumeralKey or tonality
    leading = _place(home.tonic.name) + LEADING if chord.scaleDegree in (5, 7) else None
    return (tuple(_place(pitch.name) for pitch in chord.pitches), _place(chord.root().name),
            _place(chord.bass().name), leading)


def _symbol(text: str) -> tuple[tuple[int, ...], int, int]:
    """The notes, the root and the bass of a chord symbol."""
    short = text
    for word, letter in WORDS.items():
        short = short.replace(word, letter)
    parts = SYMBOL.fullmatch(short)
    if not parts:
        raise HarmonyError(f"cannot read {text!r} as a harmony: write a Roman numeral such as "
                           f"'V65/V' or 'viio7', or a chord symbol such as 'Dm7/F' or 'Bb'")
    name, kind, changes, under = parts.groups()
    degrees = {degree.lstrip("b#"): degree for degree in KINDS[kind].split()}
    for degree in re.findall(r"[b#]?\d+", changes):
        degrees[degree.lstrip("b#")] = degree
    root = _place(name)
    notes = [root + MAJOR[(int(number) - 1) % 7] + 7 * (degree.count("#") - degree.count("b"))
             for number, degree in degrees.items()]
    bass = _place(under or name)
    bass = next((note for note in notes if (note - bass) % 12 == 0), bass)  # E/Ab is E/G#
    return (*notes, bass), root, bass


def _harmony(name: str, notes: Iterable[int], root: int, bass: int | None,
             explicit: Collection[int] = (), leading: int | None = None) -> Harmony:
    """The harmony of notes, of which a perfect fifth too is needed if it is explicit."""
    def stacked(note: int) -> int:
        """How many thirds above the root: 0 the root, 1 its third, 2 its fifth, 3 its seventh."""
        return 2 * (note - root) % 7

    tones = sorted(set(notes), key=stacked)
    classes = _classes(tones)
    if len(classes) > MOST_TONES:
        raise HarmonyError(f"{name!r} has {len(classes)} different tones, and a harmony has at "
                           f"most {MOST_TONES}")
    if len(classes) < len(tones):
        raise HarmonyError(f"two tones of {name!r} sound the same")
    bare = all(stacked(note) != 1 for note in tones)
    needed = [note for note in tones if bare or note - root != FIFTH or note in explicit]
    # Where voices are wanting, it is the fifth that goes.
    needed = sorted(needed, key=lambda note: stacked(note) == 2)[:len(VOICES)]
    if bass is not None and bass not in needed:
        needed = needed[:len(VOICES) - 1]
    dominant = {root + MAJOR_THIRD, root + MINOR_SEVENTH} <= set(tones)
    once = [note for note in tones
            if stacked(note) == 3 or note == leading or (dominant and note == root + MAJOR_THIRD)
            or note + AUGMENTED_SIXTH in tones or note - AUGMENTED_SIXTH in tones]
    return Harmony(name, classes, None if bass is None else _classes([bass])[0],
                   _classes(needed), _classes(once))


def _classes(notes: Iterable[int]) -> tuple[int, ...]:
    """The pitch classes of notes, each once."""
    return tuple(dict.fromkeys(7 * (note - 1) % 12 for note in notes))


def _unreadable_figures(figures: str) -> HarmonyError:
    """The error that says how figures are written."""
    return HarmonyError(f"cannot read the figures {figures!r}: write them like '6', '6 5', '#', "
                        f"'b7' or '6 #4'")
