"""MEI, which verovio engraves: a chorale on two staves, as hymns are printed, or on four."""

import itertools
import textwrap
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from lmjax.music.chorale import SIXTEENTHS_PER_WHOLE, VOICES, Bar, Chorale
from lmjax.music.spelling import STEPS, Spelling
from lmjax.render.notation import QUARTER, Written, with_ends, written

TREBLE = {"clef.shape": "G", "clef.line": "2"}
TENOR = {**TREBLE, "clef.dis": "8", "clef.dis.place": "below"}
BASS = {"clef.shape": "F", "clef.line": "4"}
SIGNS = {-2: "ff", -1: "f", 0: "n", 1: "s", 2: "x"}
TITLE_LENGTH = 44  # characters in a line
Place = tuple[int, int]  # a voice, and the first frame of a written note of it
Shown = dict[int, list[list[Written]]]  # what each voice of a staff shows in each bar


class Staff(NamedTuple):
    """A staff: its voices, the upper one first, its clef, and the side on which fermatas stand."""

    voices: tuple[int, ...]
    clef: dict[str, str]
    fermatas: str = "above"


LAYOUTS = {
    "hymn": (Staff((0, 1), TREBLE), Staff((2, 3), BASS, "below")),
    "open": (Staff((0,), TREBLE), Staff((1,), TREBLE), Staff((2,), TENOR), Staff((3,), BASS))}


def mei_of(chorale: Chorale, layout: str, prefix: str = "", breaks: Collection[int] = (),
           sheets: Collection[int] = ()) -> str:
    """A chorale as MEI.

    Args:
      chorale: what to write.
      layout: "hymn" for soprano and alto on one staff, tenor and bass on another, or "open" for a
        staff for each voice.
      prefix: of the ids of the notes, see `notes_of`.
      breaks: the indices of bars with which a new system begins.
      sheets: of those with which a new sheet does.

    Raises:
      ValueError: if there is no such layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"a layout is {' or '.join(LAYOUTS)}, not {layout!r}")
    root = Element("mei", xmlns="http://www.music-encoding.org/ns/mei", meiversion="5.0")
    score = root
    for tag in ("music", "body", "mdiv", "score"):
        score = SubElement(score, tag)
    score.append(_definition(chorale, LAYOUTS[layout]))
    section = SubElement(score, "section")
    writers = [_StaffWriter(chorale, staff, place, prefix)
               for place, staff in enumerate(LAYOUTS[layout], 1)]
    numbers = chorale.numbers()
    for index, (bar, after) in enumerate(itertools.zip_longest(chorale.bars, chorale.bars[1:])):
        if index > 0 and bar.metre != chorale.bars[index - 1].metre:
            SubElement(section, "scoreDef", _metre(bar))
        if index in breaks:
            SubElement(section, "pb" if index in sheets else "sb")
        measure = SubElement(section, "measure")
        if numbers[index]:
            measure.set("n", str(numbers[index]))
        if after is None:
            measure.set("right", "end")
        elif after.offset:
            measure.set("right", "dbl")  # where a bar is broken in two, a section ends
        measure.extend(writer.bar(index) for writer in writers)
        measure.extend(itertools.chain(*(writer.marks(index) for writer in writers)))
    return ElementTree.tostring(root, encoding="unicode")


def notes_of(chorale: Chorale, prefix: str = "") -> dict[str, tuple[int, int, int]]:
    """The id of each written note -> its voice, its first frame and the frame after its last."""
    return {_note_id(prefix, voice, note.start): (voice, note.start, note.stop)
            for voice in range(len(VOICES)) for bar in _bars(chorale, voice) for note in bar
            if note.name}


def _note_id(prefix: str, voice: int, start: int) -> str:
    return f"{prefix}n{voice}-{start}"


def _bars(chorale: Chorale, voice: int) -> list[list[Written]]:
    """What a voice shows in each bar."""
    return written(chorale, voice, with_ends(chorale.bars, len(chorale)))


def _definition(chorale: Chorale, staves: Sequence[Staff]) -> Element:
    """Title, signatures and staves."""
    sign = "f" if chorale.sharps < 0 else "s" if chorale.sharps else ""
    definition = Element("scoreDef", _metre(chorale.bars[0]),
                         keysig=f"{abs(chorale.sharps)}{sign}")
    head = SubElement(definition, "pgHead")
    shown = "".join(letter if letter.isprintable() else " " for letter in chorale.title)
    for line in textwrap.wrap(" ".join(shown.split()), TITLE_LENGTH) or ["Chorale"]:
        title = SubElement(head, "rend", halign="center", valign="middle")
        SubElement(title, "rend", fontsize="140%").text = line
    if chorale.bwv:
        SubElement(head, "rend", halign="right", valign="bottom").text = f"BWV {chorale.bwv}"
    shared = len(staves) < len(VOICES)
    group = SubElement(definition, "staffGrp", {"symbol": "brace" if shared else "bracket",
                                                "bar.thru": str(shared).lower()})
    for place, staff in enumerate(staves, 1):
        one = SubElement(group, "staffDef", {"n": str(place), "lines": "5", **staff.clef})
        if not shared:
            name = VOICES[staff.voices[0]].capitalize()
            SubElement(one, "label").text = name
            SubElement(one, "labelAbbr").text = f"{name[0]}."
    return definition


def _metre(bar: Bar) -> dict[str, str]:
    return {"meter.count": str(bar.numerator), "meter.unit": str(bar.denominator)}


class _StaffWriter:
    """Writes one staff, bar by bar."""

    def __init__(self, chorale: Chorale, staff: Staff, number: int, prefix: str) -> None:
        self.bars, self.number, self.prefix = chorale.bars, number, prefix
        self.side, self.top = staff.fermatas, staff.voices[0]
        self.shown: Shown = {voice: _bars(chorale, voice) for voice in staff.voices}
        self.signed = set(_signed(chorale.sharps, self.shown))
        self.moved = dict(_moved(self.shown, self.signed)) if len(self.shown) > 1 else {}

    def bar(self, index: int) -> Element:
        """The staff in one bar, a layer for each voice."""
        bar = self.bars[index]
        staff = Element("staff", n=str(self.number))
        for number, (voice, bars) in enumerate(self.shown.items(), 1):
            layer = SubElement(staff, "layer", n=str(number))
            for beat, notes in itertools.groupby(bars[index], lambda note: _beat(note, bar)):
                elements = [self._element(voice, index, note) for note in notes]
                beamed = beat is not None and len(elements) > 1
                (SubElement(layer, "beam") if beamed else layer).extend(elements)
        return staff

    def _element(self, voice: int, index: int, note: Written) -> Element:
        length = note.stop - note.start
        plain = length // 3 * 2 if length % 3 == 0 else length
        value = {"dur": "breve" if plain > SIXTEENTHS_PER_WHOLE
                 else str(SIXTEENTHS_PER_WHOLE // plain)}
        if plain != length:
            value["dots"] = "1"
        if note.name is None:
            # Where both voices rest alike, one rest is for both.
            hidden = voice != self.top and note in self.shown[self.top][index]
            return Element("space" if hidden else "rest", value)
        step, alter, octave = note.name
        element = Element("note", {"xml:id": _note_id(self.prefix, voice, note.start), **value,
                                   "pname": step.lower(), "oct": str(octave)})
        if (voice, note.start) in self.signed:
            element.set("accid", SIGNS[alter])
        if len(self.shown) > 1:
            element.set("stem.dir", "up" if voice == self.top else "down")
        if (voice, note.start) in self.moved:
            element.set("ho", self.moved[voice, note.start])
        return element

    def marks(self, index: int) -> Iterator[Element]:
        """The ties and fermatas of one bar."""
        for voice, bars in self.shown.items():
            for note in bars[index]:
                start = f"#{_note_id(self.prefix, voice, note.start)}"
                if note.tied_on:
                    tie = Element("tie", startid=start,
                                  endid=f"#{_note_id(self.prefix, voice, note.stop)}")
                    if len(self.shown) > 1:
                        tie.set("curvedir", "above" if voice == self.top else "below")
                    yield tie
                if note.fermata and not self._is_repeated(voice, index, note):
                    yield Element("fermata", startid=start, place=self.side)

    def _is_repeated(self, voice: int, index: int, note: Written) -> bool:
        """Whether a note's fermata is that of the outer voice, which stands for both."""
        outer = self.top if self.side == "above" else max(self.shown)
        return voice != outer and any(
            other.fermata and other.start < note.stop and note.start < other.stop
            for other in self.shown[outer][index])


def _beat(note: Written, bar: Bar) -> int | None:
    """The beat in whose beam a note is, if any."""
    if note.name is None or note.stop - note.start >= QUARTER:
        return None
    unit = SIXTEENTHS_PER_WHOLE // bar.denominator
    beat = 3 * unit if unit < QUARTER and bar.numerator % 3 == 0 else QUARTER
    return (note.start - bar.start + bar.offset) // beat


def _signed(sharps: int, shown: Shown) -> Iterator[Place]:
    """The written notes of a staff that bear a sharp, flat or natural.

    These are the notes that are altered from the signature or from the note before them on the same
    line in the bar, of their own voice, which a singer reads alone, or of the other; and, as a
    reminder, those where the last note of that step, in this bar or the one before, was altered
    otherwise. A sign on one note of a unison is for both.
    """
    last: dict[str, tuple[int, int]] = {}  # a step -> the bar and the alteration it last had
    for index, lines in enumerate(zip(*shown.values(), strict=True)):
        # A line -> the alteration of its last note in this bar, of each voice and of all.
        valid: dict[tuple[int | None, str, int], int] = {}
        shared: set[tuple[int, Spelling]] = set()
        for start, voice, note in sorted(
                (note.start, voice, note) for voice, line in zip(shown, lines, strict=True)
                for note in line if note.name):
            step, alter, octave = note.name
            if not note.tied_back:
                signature = (sharps + 6 - STEPS.index(step)) // 7
                bar, before = last.get(step, (index, alter))
                altered = any(valid.get((who, step, octave), signature) != alter
                              for who in (voice, None))
                if (altered or (before != alter and index - bar < 2)) and (
                        start, note.name) not in shared:
                    yield voice, start
                    shared.add((start, note.name))
                valid[voice, step, octave] = valid[None, step, octave] = alter
            last[step] = index, alter


def _moved(shown: Shown, signed: Collection[Place]) -> Iterator[tuple[Place, str]]:
    """The notes to move aside where two voices cross, for verovio draws one head over the other.

    Seconds and unisons it moves by itself. With a note moves neither its beam nor its accidental,
    and its flag would run into what follows.

    Yields:
      A note, and how far it is moved to the right, in half staff spaces.
    """
    upper, lower = shown
    for aboves, belows in zip(*shown.values(), strict=True):
        starts = {note.start: note for note in belows if note.name}
        for above in aboves:
            below = starts.get(above.start)
            if not (above.name and below and _height(above) + 1 < _height(below)):
                continue
            if (upper, above.start) in signed:
                continue
            if above.stop - above.start >= QUARTER:
                yield (upper, above.start), "2"
            elif below.stop - below.start >= QUARTER:
                yield (lower, below.start), "-2"


def _height(note: Written) -> int:
    """The height of a note on its staff, in steps."""
    assert note.name
    return 7 * note.name.octave + "CDEFGAB".index(note.name.step)
