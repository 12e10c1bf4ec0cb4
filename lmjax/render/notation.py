"""MusicXML: a chorale as an open score of four staves, for any notation editor."""

import bisect
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lmjax.files import write_bytes
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Bar, Chorale
from lmjax.music.spelling import Spelling, fifths_of, named

if TYPE_CHECKING:  # music21 takes seconds to import
    from music21 import expressions, note, stream, tie

# Lengths in sixteenths that one note can show, with at most one dot.
WRITTEN_LENGTHS = frozenset((1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48))
EIGHTH, QUARTER, HALF = (FRAMES_PER_QUARTER * n // 2 for n in (1, 2, 4))
RANDOM_ID = re.compile(rb"\b([IP])[0-9a-f]{32}\b")  # of music21, for parts and instruments
TODAY = re.compile(rb"\s*<encoding-date>[^<]*</encoding-date>")
FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # characters, in XML


def write_musicxml(chorale: Chorale, path: str | os.PathLike[str]) -> None:
    """Writes a chorale as MusicXML.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    write_score(to_score(chorale), path)


def write_score(score: "stream.Score", path: str | os.PathLike[str]) -> None:
    """Writes a music21 score as MusicXML; errors as of `write_musicxml` and `musicxml_of`."""
    write_bytes(path, musicxml_of(score))


def musicxml_of(score: "stream.Score") -> bytes:
    """A music21 score as MusicXML.

    Raises:
      ValueError: if music21 cannot write what it has read.
    """
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    for measure in score.recurse().getElementsByClass("Measure"):
        # Else the exporter fills what is short, such as half a bar before a repeat sign.
        short = measure.barDuration.quarterLength - measure.duration.quarterLength
        measure.paddingRight = max(short - measure.paddingLeft, 0)
    try:
        content = GeneralObjectExporter(score).parse()
    except Exception as error:  # it raises whatever it stumbles over
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"the piece cannot be written as MusicXML ({why}); leave out what is no "
                         f"note, such as signs and tempos") from error
    # For equal scores to give equal files, ids that it has invented are numbered, and no date left.
    known: dict[bytes, int] = {}
    content = RANDOM_ID.sub(
        lambda found: b"%b-%d" % (found[1], known.setdefault(found[0], len(known) + 1)), content)
    return FORBIDDEN.sub(b"", TODAY.sub(b"", content))


def to_score(chorale: Chorale) -> "stream.Score":
    """A chorale as a music21 score: four parts of measures, with ties, fermatas and spelling."""
    from music21 import clef, instrument, layout, metadata, stream
    staves = (
        (instrument.Soprano, clef.TrebleClef), (instrument.Alto, clef.TrebleClef),
        (instrument.Tenor, clef.Treble8vbClef), (instrument.Bass, clef.BassClef))
    score = stream.Score()
    score.metadata = metadata.Metadata()
    # As movement alone, for editors print a work's title and a movement's one below the other.
    score.metadata.movementName = chorale.title or "Chorale"
    score.metadata.composer = ""  # else the exporter credits itself
    for voice, (singer, staff_clef) in enumerate(staves):
        name = VOICES[voice].capitalize()
        part = stream.Part(id=name)
        part.partName, part.partAbbreviation = name, name[0] + "."
        who = singer()
        who.partId, who.instrumentId = f"P{voice + 1}", f"I{voice + 1}"
        who.partName, who.partAbbreviation = part.partName, part.partAbbreviation
        part.insert(0, who)
        measures = _measures(chorale, voice)
        measures[0].insert(0, staff_clef())
        part.append(measures)
        score.insert(0, part)
    score.insert(0, layout.StaffGroup(list(score.parts), symbol="bracket", barTogether=False))
    return score


def _measures(chorale: Chorale, voice: int) -> "list[stream.Measure]":
    """The measures of one voice; the first carries the key signature, the last the final bar."""
    from music21 import bar as barline
    from music21 import key, meter, stream
    measures, metre = [], None
    bars = with_ends(chorale.bars, len(chorale))
    for (bar, end), shown, number in zip(
            bars, written(chorale, voice, bars), chorale.numbers(), strict=True):
        measure = stream.Measure(number=number)
        if bar.offset:
            measure.paddingLeft = bar.offset / QUARTER
            measure.showNumber = stream.enums.ShowNumber.NEVER
        elif end - bar.start < bar.length:
            measure.paddingRight = (bar.length - (end - bar.start)) / QUARTER
        if bar[1:3] != metre:
            metre = bar[1:3]
            measure.insert(0, meter.TimeSignature(bar.metre))
        measure.append([_element(one) for one in shown])
        measures.append(measure)
    signature = key.KeySignature(chorale.sharps)
    if chorale.mode:
        signature = signature.asKey(chorale.mode)
    measures[0].insert(0, signature)
    measures[-1].rightBarline = barline.Barline("final")
    return measures


class Written(NamedTuple):
    """One written note or rest.

    Attributes:
      start, stop: its frames.
      name: how the note is spelled; None for a rest.
      tied_back, tied_on: whether a tie comes to it, and whether one goes on from it.
      fermata: whether it bears one.
    """

    start: int
    stop: int
    name: Spelling | None
    tied_back: bool
    tied_on: bool
    fermata: bool


def written(chorale: Chorale, voice: int,
            bars: Sequence[tuple[Bar, int]]) -> list[list[Written]]:
    """What a voice shows between each of some bar lines and the frame at which the bar ends."""
    names, notes = fifths_of(chorale)[:, voice], chorale.notes(voice)
    starts = [start for start, _, _ in notes]
    shown: list[list[Written]] = []
    for bar, end in bars:
        shown.append([])
        shift = bar.offset - bar.start
        here = slice(bisect.bisect(starts, bar.start) - 1, bisect.bisect_left(starts, end))
        for start, stop, pitch in notes[here]:
            name = None if pitch == REST else named(pitch, int(names[start]))
            for a, b in split(max(start, bar.start) + shift, min(stop, end) + shift, bar):
                first, last = a - shift == start, b - shift == stop
                shown[-1].append(Written(
                    a - shift, b - shift, name, name is not None and not first,
                    name is not None and not last, last and bool(chorale.fermata[start, voice])))
    return shown


def with_ends(bars: Sequence[Bar], frames: int) -> list[tuple[Bar, int]]:
    """Each bar with the frame at which it ends, in a piece of some frames."""
    return list(zip(bars, [*(bar.start for bar in bars[1:]), frames], strict=True))


def _element(one: Written) -> "note.GeneralNote":
    """A written note or rest of music21."""
    from music21 import note
    from music21 import pitch as m21pitch
    quarters = (one.stop - one.start) / QUARTER
    if one.name is None:
        return note.Rest(quarterLength=quarters)
    step, alter, octave = one.name
    name = f"{step}{'#' * alter}{'-' * -alter}"
    element = note.Note(m21pitch.Pitch(name, octave=octave), quarterLength=quarters)
    element.tie = tie_of(one.tied_back, one.tied_on)
    if one.fermata:
        element.expressions.append(fermata_sign())
    return element


def tie_of(back: bool, on: bool) -> "tie.Tie | None":
    """The tie of a note to which one comes, from which one goes on, or both."""
    from music21 import tie
    kind = "continue" if back and on else "start" if on else "stop" if back else None
    return None if kind is None else tie.Tie(kind)


def fermata_sign() -> "expressions.Fermata":
    """A fermata of music21 over a note."""
    from music21 import expressions
    sign = expressions.Fermata()
    sign.type = "upright"  # music21's default is the inverted sign
    return sign


def patch(part: "stream.Part", chorale: Chorale, voice: int, changed: np.ndarray) -> None:
    """Writes a voice's new notes over those of a part, in every bar in which one has changed.

    Nothing else of the part is touched.

    Args:
      part: of a music21 score, the bars of the chorale in it.
      chorale: with the new notes.
      voice: its index.
      changed: bool[T], the frames that are written anew, whole bars of the part.
    """
    starts = np.array([bar.start for bar in chorale.bars])
    measures, bars = [], []
    for measure in part.getElementsByClass("Measure"):
        first = int(measure.offset * QUARTER)
        end = first + int(measure.duration.quarterLength * QUARTER)
        if changed[first:end].any():
            bar = chorale.bars[int(np.searchsorted(starts, first, side="right")) - 1]
            measures.append(measure)
            bars.append((bar._replace(start=first, offset=bar.offset + first - bar.start), end))
    for measure, (bar, _), shown in zip(measures, bars, written(chorale, voice, bars), strict=True):
        measure.remove(sung(measure))
        for one in shown:
            measure.insert((one.start - bar.start) / QUARTER, _element(one))


def sung(measure: "stream.Measure") -> list[Any]:
    """The notes and rests of a bar, without the chord symbols that music21 counts among them."""
    return [one for one in measure.notesAndRests if "Harmony" not in one.classes]


def split(start: int, stop: int, bar: Bar) -> list[tuple[int, int]]:
    """Cuts a note into the written notes, tied together, that show the metre.

    As editions of Bach's chorales do: a note that crosses a beat must start on a beat, but for a
    quarter between eighths, which is one note even over the middle of the bar. One that crosses a
    dotted beat, as of 6/8, must start and end on such beats.

    Args:
      start: sixteenths from the bar line to where the note starts.
      stop: sixteenths from the bar line to where it ends.
      bar: the bar, of which only the metre matters.

    Returns:
      (start, stop) of each written note, in order.
    """
    compound = bar.numerator > 3 and bar.numerator % 3 == 0 and bar.denominator > 2
    unit = 16 // bar.denominator
    beat = min(unit, QUARTER)
    strong = 3 * unit if compound else max(2 * beat, HALF) if bar.numerator % 2 == 0 else 0
    if bar.denominator == 2:
        strong = HALF
    crossed = (start // strong + 1) * strong if strong else stop
    if crossed < stop:
        on_beats = start % strong == 0 == stop % strong if compound else start % beat == 0
        allowed = on_beats and (start % strong == 0 or crossed + strong >= stop)
    else:
        allowed = start % beat == 0 or (start // beat + 1) * beat >= stop
    syncopated = not compound and stop - start == QUARTER and start % EIGHTH == 0
    if (allowed or syncopated) and stop - start in WRITTEN_LENGTHS:
        return [(start, stop)]
    step = next(step for step in (strong, beat, 2, 1)
                if step and (start // step + 1) * step < stop)
    # From on the grid, as far as it goes; from off the grid, to its next line.
    cut = (stop - 1) // step * step if start % step == 0 else (start // step + 1) * step
    return split(start, cut, bar) + split(cut, stop, bar)
