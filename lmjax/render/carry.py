"""What a file has besides notes, in a score that was composed around it.

Words, slurs, dynamics, chord symbols, repeats, changes of key: a chorale knows of none. So in the
voices that were given, bars are filled with what the file has in them.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lmjax.music.chorale import FRAMES_PER_QUARTER, Chorale
from lmjax.music.importers import Source
from lmjax.render.notation import (
    Written,
    fermata_sign,
    sung,
    tie_of,
    to_score,
    with_ends,
    written,
)

if TYPE_CHECKING:  # music21 takes seconds to import
    from music21 import note, stream


def carried(chorale: Chorale, sources: Sequence[Source],
            numbers: Sequence[tuple[int, int, int]]) -> "stream.Score":
    """A chorale as a music21 score, with all that the files have of which it was made.

    A voice that shares its staff with another is written anew, and so are notes without spelling,
    as of MIDI, and bars that are longer than their metre.

    Args:
      chorale: in which the voices of the sources are as they were.
      sources: where these come from.
      numbers: of each printed bar its number, its first frame and its end.
    """
    score = to_score(chorale)
    bars = with_ends(chorale.bars, len(chorale))
    printed = {start: number for number, start, _ in numbers}
    for part in score.parts:
        for measure, (bar, _) in zip(part.getElementsByClass("Measure"), bars, strict=True):
            measure.number = printed.get(bar.start, measure.number)
    for source in sources:
        file = copy.deepcopy(source.tune.score)  # which is taken apart
        parts = dict(zip(map(id, source.tune.score.parts), file.parts, strict=True))
        now_in: dict[int, Any] = {}  # of what was moved, by its id: its part or, of a bar, the bar
        for voice, singer in source.voices.items():
            if singer.source is None:
                continue
            mine, theirs = score.parts[voice], parts[id(singer.source)]
            clef = theirs.recurse().getElementsByClass("Clef").first()
            if clef is not None and source is sources[0]:
                next(iter(mine.getElementsByClass("Measure"))).clef = copy.deepcopy(clef)
            shown = dict(zip((bar.start for bar, _ in bars), written(chorale, voice, bars),
                             strict=True))
            _fill(mine, theirs, source.start, shown, now_in)
        _carry_spanners(file, now_in)
        _carry_names(file, score)
    _settle(score)
    return score


def _fill(mine: "stream.Part", theirs: "stream.Part", start: int,
          shown: Mapping[int, Sequence[Written]], now_in: dict[int, Any]) -> None:
    """Moves what is in the bars of a file into those of a score, from frame `start` on.

    Args:
      mine: a part of the score.
      theirs: a part of the file.
      start: where the file begins in the score.
      shown: what each bar of the score shows, by its first frame.
      now_in: told what was moved.
    """
    bars = {int(measure.offset * FRAMES_PER_QUARTER): measure
            for measure in mine.getElementsByClass("Measure")}
    for measure in theirs.getElementsByClass("Measure"):
        first = start + int(measure.offset * FRAMES_PER_QUARTER)
        own = bars.get(first)
        if own is None or own.highestTime != measure.highestTime or any(
                one.isNote and one.pitch.spellingIsInferred for one in sung(measure)):
            continue
        own.remove(sung(own))
        now_in[id(measure)] = own
        if measure.leftBarline is not None:
            own.leftBarline = measure.leftBarline
        last = measure.rightBarline
        if last is not None and (last.type != "final" or "Repeat" in last.classes
                                 or own.rightBarline is not None):
            own.rightBarline = last
        for one in [one for one in measure.elements if "Barline" not in one.classes]:
            offset = measure.elementOffset(one)
            measure.remove(one)
            if "TimeSignature" in one.classes and own.timeSignature is None:
                continue  # it holds already
            for kind in ("TimeSignature", "KeySignature", "Clef"):
                if offset == 0 and kind in one.classes:
                    own.remove(list(own.getElementsByClass(kind)))
            own.insert(offset, one)
            now_in[id(one)] = mine
        _agree(own, shown[first], first)


def _agree(measure: "stream.Measure", shown: Sequence[Written], first: int) -> None:
    """Gives a bar that begins at frame `first` the fermatas that were asked for, and at both ends
    the ties to what is beside it now."""
    notes = {first + int(one.offset * FRAMES_PER_QUARTER): one for one in sung(measure)
             if one.isNote}
    for one in shown:
        note = notes.get(one.start)
        if one.fermata and note is not None and not any(
                "Fermata" in sign.classes for sign in note.expressions):
            note.expressions.append(fermata_sign())
    if notes and shown[0].name is not None and shown[-1].name is not None:
        _tie(notes[min(notes)], back=shown[0].tied_back)
        _tie(notes[max(notes)], on=shown[-1].tied_on)


def _tie(note: "note.NotRest", back: bool | None = None, on: bool | None = None) -> None:
    """Ties a note back or on, or not; None leaves it as it is."""
    kind = None if note.tie is None else note.tie.type
    back = kind in ("stop", "continue") if back is None else back
    on = kind in ("start", "continue") if on is None else on
    wanted = tie_of(back, on)
    if (None if wanted is None else wanted.type) != kind:  # else it is left as the file has it
        note.tie = wanted


def _carry_spanners(file: "stream.Score", now_in: Mapping[int, Any]) -> None:
    """Takes along slurs, wedges, endings and the like whose ends have all been moved."""
    for spanner in list(file.recurse().getElementsByClass("Spanner")):
        ends = spanner.getSpannedElements()
        if not ends or any(id(one) not in now_in for one in ends):
            continue
        for one in ends:
            if "Measure" in one.classes:
                spanner.replaceSpannedElement(one, now_in[id(one)])
        part = now_in[id(ends[0])]
        (part.activeSite if "Measure" in part.classes else part).insert(0, spanner)


def _carry_names(file: "stream.Score", score: "stream.Score") -> None:
    """Takes along who wrote the words and the music, and whose it is."""
    if file.metadata is None:
        return
    for one in file.metadata.contributors:
        if one.role == "composer":
            score.metadata.composer = one.name
        else:
            score.metadata.addContributor(one)
    if file.metadata.copyright is not None:
        score.metadata.copyright = file.metadata.copyright


def _settle(score: "stream.Score") -> None:
    """Makes repeats and changes of key those of all parts, and leaves out what holds already."""
    clefs: list[Any] = [None] * len(score.parts)
    sharps = None
    for column in zip(*(part.getElementsByClass("Measure") for part in score.parts), strict=True):
        for side in ("leftBarline", "rightBarline"):
            repeat = next((line for line in (getattr(measure, side) for measure in column)
                           if line is not None and "Repeat" in line.classes), None)
            for measure in column:
                if repeat is not None and getattr(measure, side) is not repeat:
                    setattr(measure, side, copy.deepcopy(repeat))
        keys = [measure.getElementsByClass("KeySignature").getElementsByOffset(0).first()
                for measure in column]
        change = next((key for key in keys if key is not None and key.sharps != sharps), None)
        for voice, (measure, key) in enumerate(zip(column, keys, strict=True)):
            if change is None and key is not None:
                measure.remove(key)
            elif change is not None and (key is None or key.sharps != change.sharps):
                measure.keySignature = copy.deepcopy(change)
            clef = measure.getElementsByClass("Clef").getElementsByOffset(0).first()
            if clef is not None and clef == clefs[voice]:
                measure.remove(clef)
            clefs[voice] = measure.getElementsByClass("Clef").last() or clefs[voice]
        sharps = sharps if change is None else change.sharps
