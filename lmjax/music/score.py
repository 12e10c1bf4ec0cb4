"""A music21 score as arrays on the sixteenth grid, or what stands in the way of it."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, SIXTEENTHS_PER_WHOLE, Bar


class Rejection(ValueError):
    """Why a file does not become a chorale.

    Attributes:
      reason: the category that the tally counts, such as "parts" or "off-grid notes".
      detail: what was found where.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def _frames(quarters: Any, what: str) -> int:
    """A time in quarters as sixteenths."""
    frames = quarters * FRAMES_PER_QUARTER
    if frames != int(frames):
        raise Rejection("off-grid notes", f"{what} at {float(quarters):g} quarters")
    return int(frames)


def bars_of(part: Any) -> tuple[tuple[Bar, ...], int]:
    """The bars of a part and its length in frames."""
    measures = list(part.getElementsByClass("Measure"))
    if not measures or measures[0].timeSignature is None:
        raise Rejection("missing metre", "the first bar has no time signature")
    ends = [measure.offset + measure.duration.quarterLength for measure in measures]
    edges = [_frames(measure.offset, "a bar line") for measure in measures]
    edges.append(_frames(max(ends), "the end"))
    metres, metre = [], (4, 4)
    for measure in measures:
        if measure.timeSignature is not None:
            metre = (measure.timeSignature.numerator, measure.timeSignature.denominator)
            if SIXTEENTHS_PER_WHOLE % metre[1]:
                raise Rejection("unknown metre", f"{metre[0]}/{metre[1]}")
        metres.append(metre)
    return place_bars(edges, metres), edges[-1]


def place_bars(edges: Sequence[int], metres: Sequence[tuple[int, int]]) -> tuple[Bar, ...]:
    """Bars from the printed bar lines, with where in its metre each bar starts.

    A short bar is one of four things. It goes on where a short bar before it broke off (a bar
    split by a repeat sign or a fermata). Or another short bar follows that completes it, and it
    starts on the downbeat. Otherwise, a first bar, and any bar shorter than half its metre but
    the last, is an upbeat to the next; and what remains, such as a last bar, starts on the
    downbeat and breaks off. A bar longer than its metre gets the bar lines that it lacks.

    Args:
      edges: the frame of each printed bar line, and the end of the last bar.
      metres: numerator and denominator in each bar.
    """
    bars: list[Bar] = []
    lengths = [end - start for start, end in itertools.pairwise(edges)]
    reached = 0  # how far into its metre the bar before came, 0 for a whole one
    for i, (start, length, metre) in enumerate(zip(edges, lengths, metres, strict=False)):
        whole = Bar(start, *metre).length
        completed = i + 1 < len(lengths) and length + lengths[i + 1] == whole
        offset = 0
        if length < whole:
            if reached > 0 and reached + length <= whole:
                offset = reached
            elif not completed and (i == 0 or (2 * length < whole and i + 1 < len(lengths))):
                offset = whole - length
        bars.extend(Bar(start + done, *metre, offset) for done in range(0, length, whole))
        reached = (offset + length) % whole
    return tuple(bars)


def cells_of(part: Any, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch int16[T], struck bool[T] and fermata bool[T] of one part."""
    pitch = np.full(frames, REST, np.int16)
    struck, fermata = np.zeros(frames, bool), np.zeros(frames, bool)
    for measure in part.getElementsByClass("Measure"):
        where = f"{_prefix(part)}bar {measure.measureNumberWithSuffix()}"
        if measure.hasVoices():
            raise Rejection("several voices in a part", where)
        for note in measure.notesAndRests:
            if note.isRest or note.quarterLength == 0:  # a grace note, or the name of a chord
                continue
            if note.isChord:
                raise Rejection("chords in a part", where)
            if not note.isNote or note.pitch.ps != note.pitch.midi:  # the latter is rounded, cut
                raise Rejection("unknown pitch", where)
            start = _frames(measure.offset + note.offset, where)
            end = start + _frames(note.quarterLength, where)
            if end > frames or (pitch[start:end] != REST).any():
                raise Rejection("uneven parts", where)
            tied = note.tie is not None and note.tie.type in ("stop", "continue")
            pitch[start:end] = note.pitch.midi
            # A tie that nothing precedes is a slip of the encoding: the note is struck.
            struck[start] = not (tied and start > 0 and pitch[start - 1] == note.pitch.midi)
            if any("Fermata" in mark.classes for mark in note.expressions):
                fermata[np.flatnonzero(struck[:start + 1])[-1]] = True
    if not struck.any():
        raise Rejection("silent part", str(part.partName))
    return pitch, struck, fermata


def _prefix(part: Any) -> str:
    """How a place in a part begins to be named."""
    return f"{part.partName}, " if part.partName else ""


def key_of(part: Any) -> tuple[int, str]:
    """Sharps of the opening key signature and the mode, as far as they are stated."""
    return next(((sharps, mode) for _, sharps, mode in keys_of(part)), (0, ""))


def keys_of(part: Any) -> list[tuple[int, int, str]]:
    """The key signatures of a part: the frame where each stands, its sharps, and its mode, "" where
    that is not stated."""
    found = []
    for signature in part.recurse().getElementsByClass("KeySignature"):
        if signature.sharps is None:  # there are signatures of other kinds
            continue
        mode = getattr(signature, "mode", None)
        found.append((int(FRAMES_PER_QUARTER * signature.getOffsetInHierarchy(part)),
                      signature.sharps, mode if mode in ("major", "minor") else ""))
    return found
