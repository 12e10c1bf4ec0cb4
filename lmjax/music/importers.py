"""A musician's file as voices on the grid: whatever music21 reads.

Nothing is guessed that could be wrong in silence: what does not fit is told in one sentence, with
where it stands and what would help.
"""

import copy
import dataclasses
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Bar, Chorale
from lmjax.music.key import estimate_key
from lmjax.music.marks import Marks, chord_symbols, figured_bass
from lmjax.music.parse import FAR_KEY, MIDI, MOST_SHARPS, ImportingError, parse, unpacked
from lmjax.music.rhythm import LONGEST_BAR
from lmjax.music.score import Rejection, bars_of, cells_of, key_of, keys_of

# What would help, by the reason of a rejection.
REMEDIES = {
    "off-grid notes": "write it in sixteenths or longer, without tuplets",
    "several voices in a part": "give each voice a staff of its own",
    "chords in a part": "give each voice a staff of its own",
    "grace notes": "leave them out, or write them with a length of their own",
    "uneven parts": "make all parts equally long, each bar full",
    "missing metre": "give it a time signature",
    "silent part": "leave out the part, or write its notes",
    "unknown metre": "write it in whole notes, halves, quarters, eighths or sixteenths",
    "unknown pitch": "write semitones, of MIDI pitches 0 to 127",
}
LONGEST_NAME = 60  # characters of a title or of a part's name


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One voice as it was read.

    Attributes:
      name: as the file has it, "" if it has none.
      pitch: int16[T], MIDI pitch, `REST` for silence.
      struck, fermata: bool[T], as of a `Chorale`.
      source: the part of the music21 score; None if it shares its staff with another voice.
    """

    name: str
    pitch: np.ndarray
    struck: np.ndarray
    fermata: np.ndarray
    source: Any = None


@dataclasses.dataclass(frozen=True, eq=False)
class Tune:
    """What a file holds.

    Attributes:
      title: of the piece, or the file's name.
      parts: one to four.
      bars: of all.
      sharps: of the opening key signature or, where there is none, as estimated from the notes.
      mode: "major", "minor" or "" where the signature does not say.
      numbers: of each printed bar its number, and its first frame and its end.
      score: of music21.
      symbols: chord symbols over the staves, with the frames where they stand.
      figures: figured bass, likewise.
      keys: later key signatures: the frame where each stands, its sharps, and its mode, "" where
        it does not say.
    """

    title: str
    parts: tuple[Part, ...]
    bars: tuple[Bar, ...]
    sharps: int
    mode: str
    numbers: tuple[tuple[int, int, int], ...] = ()
    score: Any = None
    symbols: Marks = ()
    figures: Marks = ()
    keys: tuple[tuple[int, int, str], ...] = ()

    def __len__(self) -> int:
        """Sixteenths."""
        return len(self.parts[0].pitch)


class Source(NamedTuple):
    """A file in a longer piece.

    Attributes:
      tune: what was read.
      voices: the index of each voice that is given to its part.
      start: the frame of the piece at which the file begins.
    """

    tune: Tune
    voices: Mapping[int, Part]
    start: int = 0


def read_tune(path: str | os.PathLike[str]) -> Tune:
    """Reads a file of one to four voices.

    Two voices that share a staff are told apart. Signs of ornaments are left out, repeats are not
    expanded.

    Raises:
      ImportingError: if it cannot be used.
      OSError: if it cannot be read.
    """
    path = Path(path)
    content = path.read_bytes()
    if not content.strip():
        raise ImportingError(f"{path} is empty")
    score = parse(path, content)
    parts = list(score.parts)
    if content.startswith(MIDI):
        _lengthen(parts)
    shared = any(measure.hasVoices() for part in parts
                 for measure in part.getElementsByClass("Measure"))
    if shared:
        parts = [voice for part in parts for voice in part.voicesToParts().parts]
    parts = [part for part in parts if part.recurse().notes]
    if not parts:
        raise ImportingError(f"{path} holds no notes")
    if len(parts) > len(VOICES):
        raise ImportingError(f"{path} has {len(parts)} parts, and a chorale has {len(VOICES)} "
                             f"voices; leave only those that are to be sung")
    try:
        bars, frames = bars_of(parts[0])
        if not shared:  # in one staff, a voice may begin late and end early
            _check_bars(parts)
        _check_graces(parts)
        cells = [cells_of(part, frames) for part in parts]
        keys = [signature for part in parts
                for signature in part.recurse().getElementsByClass("KeySignature")]
        sharps, mode = (key_of(parts[0]) if keys else
                        estimate_key(np.stack([pitch for pitch, _, _ in cells], axis=1)))
    except Rejection as rejection:
        remedy = REMEDIES.get(rejection.reason)
        raise ImportingError(f"{path}: {rejection.reason} ({rejection.detail})"
                             + (f"; {remedy}" if remedy else "")) from rejection
    for bar in bars:
        if bar.length > LONGEST_BAR:
            raise ImportingError(f"{path}: a bar of {bar.metre} is longer than three whole notes, "
                                 f"the longest that is known here")
    if any(abs(signature.sharps or 0) > MOST_SHARPS for signature in keys):
        raise ImportingError(f"{path}: {FAR_KEY}")
    title = score.metadata.bestTitle if score.metadata is not None else None
    measures = list(parts[0].getElementsByClass("Measure"))
    edges = [int(measure.offset * FRAMES_PER_QUARTER) for measure in measures] + [frames]
    # Some readers count whole bars from 0, which is the number of an anacrusis.
    more = int(measures[0].number == 0 and bars[0].offset == 0)
    numbers = tuple((measure.number + more, start, end) for measure, (start, end) in zip(
        measures, itertools.pairwise(edges), strict=True) if start < end)
    try:
        figures = figured_bass(unpacked(content), edges[:-1])
    except (ValueError, ArithmeticError) as error:
        raise ImportingError(f"{path} has a figured bass that cannot be read "
                             f"({_in_a_line(str(error))}); leave it out, or save the file as "
                             f"MusicXML from a notation editor") from error
    return Tune(_in_a_line(title) or path.stem, tuple(
        Part(_in_a_line(part.partName), *arrays, None if shared else part)
        for part, arrays in zip(parts, cells, strict=True)), bars, sharps, mode, numbers, score,
        chord_symbols(score), figures, tuple(key for key in keys_of(parts[0]) if key[0] > 0))


def _in_a_line(name: str | None) -> str:
    """A name as it can stand in a sentence."""
    shown = "".join(character if character.isprintable() else " " for character in name or "")
    return " ".join(shown.split())[:LONGEST_NAME]


def _lengthen(parts: Sequence[Any]) -> None:
    """Ends all parts with the longest: MIDI does not tell of the rests that one ends with."""
    from music21 import note, stream

    bars = [list(part.getElementsByClass("Measure")) for part in parts]
    longest = max(bars, key=len, default=[])
    for part, own in zip(parts, bars, strict=True):
        for measure in longest[len(own):]:
            rests = stream.Measure(number=measure.number)
            rests.timeSignature = copy.deepcopy(measure.timeSignature)
            rests.append(note.Rest(quarterLength=measure.duration.quarterLength))
            part.insert(measure.offset, rests)


def _check_graces(parts: Sequence[Any]) -> None:
    """Raises Rejection if there are grace notes."""
    for part in parts:
        for note in part.recurse().notes:
            if note.duration.isGrace:
                where = f"{_in_a_line(part.partName)} bar {note.measureNumber}".strip()
                raise Rejection("grace notes", where)


def _check_bars(parts: Sequence[Any]) -> None:
    """Raises Rejection if one part has other bars than another."""
    first, whole = _in_a_line(parts[0].partName) or "the first", float(parts[0].highestTime)
    for part in parts[1:]:
        name = _in_a_line(part.partName) or "another"
        if part.highestTime != whole:
            raise Rejection("uneven parts", f"{first} ends after {whole:g} quarters, {name} after "
                                            f"{float(part.highestTime):g}")
        if bars_of(part) != bars_of(parts[0]):
            raise Rejection("uneven parts", f"{name} has other bars than {first}")


def chorale_of(tune: Tune, voices: Mapping[int, Part]) -> Chorale:
    """A file as a chorale.

    Args:
      tune: what was read.
      voices: the index of a voice to its part, as of `voices_of`; the others rest.
    """
    pitch = np.full((len(tune), len(VOICES)), REST)
    struck, fermata = np.zeros((2, *pitch.shape), bool)
    for voice, part in voices.items():
        pitch[:, voice] = part.pitch
        struck[:, voice], fermata[:, voice] = part.struck, part.fermata
    return Chorale(pitch, struck, fermata, tune.bars, tune.sharps, tune.mode, tune.title)


def voices_of(tune: Tune, names: tuple[str, ...] = ()) -> dict[int, Part]:
    """Which part is which voice: the index of the voice, 0 for the soprano, to its part.

    Args:
      tune: what was read.
      names: of the voices that are wanted, in the order of the parts where these do not bear
        names of voices. Without any, parts that bear such names, or four parts by height, or a
        single part as the soprano.

    Raises:
      ImportingError: if they cannot be told.
    """
    for name in names:
        if name not in VOICES:
            raise ImportingError(f"there is no voice {name!r}, only {', '.join(VOICES)}")
    if len(set(names)) < len(names):
        raise ImportingError(f"a voice is named twice in {', '.join(names)}")
    called = [part.name.lower().strip() for part in tune.parts]
    if all(name in VOICES for name in called) and len(set(called)) == len(called):
        found = {VOICES.index(name): part for name, part in zip(called, tune.parts, strict=True)}
    elif len(tune.parts) == len(VOICES):
        by_height = sorted(tune.parts, key=lambda part: -part.pitch[part.pitch != REST].mean())
        found = dict(enumerate(by_height))
    elif len(tune.parts) == len(names):
        found = {VOICES.index(name): part for name, part in zip(names, tune.parts, strict=True)}
    elif len(tune.parts) == 1 and not names:
        found = {0: tune.parts[0]}
    else:
        parts = ", ".join(part.name or "one without a name" for part in tune.parts)
        raise ImportingError(f"it is not clear which voices the {len(tune.parts)} parts are "
                             f"({parts}); name one for each, such as --voices=soprano,bass")
    missing = [name for name in names if VOICES.index(name) not in found]
    if missing:
        raise ImportingError(f"there is no part for the {missing[0]}, only for the "
                             f"{', '.join(VOICES[voice] for voice in sorted(found))}")
    if not names:
        return found
    return {voice: part for voice, part in found.items() if VOICES[voice] in names}
