"""A musician's file as voices on the grid: whatever music21 reads.

Nothing is guessed that could be wrong in silence: what does not fit is told in one sentence, with
where it stands and what would help.
"""

import contextlib
import dataclasses
import io
import itertools
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Bar
from lmjax.music.key import estimate_key
from lmjax.music.rhythm import LONGEST_BAR
from lmjax.music.score import Rejection, bars_of, cells_of, key_of

# What would help, by the reason of a rejection.
REMEDIES = {
    "off-grid notes": "write it in sixteenths or longer, without tuplets",
    "several voices in a part": "give each voice a staff of its own",
    "chords in a part": "give each voice a staff of its own",
    "uneven parts": "make all parts equally long, each bar full",
    "missing metre": "give it a time signature",
    "silent part": "leave out the part, or write its notes",
    "unknown metre": "write it in whole notes, halves, quarters, eighths or sixteenths",
    "unknown pitch": "write semitones, of MIDI pitches 0 to 127",
}

LONGEST_TUNE = 1024  # quarters; no chorale of Bach's is longer than 200
LONG_BAR = "a bar may be three whole notes long at most"
MOST_SHARPS = 7  # or flats
FAR_KEY = "a key signature has seven sharps or flats at most"
MIDI = b"MThd"
FAR_FIFTHS = re.compile(rb"<fifths[^>]*>\s*-?\d{2,}")
SHORT_BEATS = re.compile(rb"\xff\x58\x04.[\x05-\xff]", re.DOTALL)
LONG_METRE = re.compile(rb"(?:<beats[^>]*>\s*|\*M|(?:^|\[)M:\s*)([\d+ ]*\d{3,})", re.M)
# Of ABC the fields, comments, texts over notes and signs.
NO_ABC_NOTES = re.compile(r"^[A-Za-z+]:.*|%.*|\[[A-Za-z]:[^\]]*\]|\"[^\"]*\"|![^!\n]*!", re.M)


class ImportingError(ValueError):
    """A file that cannot be used, in one sentence: what is wrong, where, and what would help."""


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
    """

    title: str
    parts: tuple[Part, ...]
    bars: tuple[Bar, ...]
    sharps: int
    mode: str
    numbers: tuple[tuple[int, int, int], ...] = ()
    score: Any = None

    def __len__(self) -> int:
        """Sixteenths."""
        return len(self.parts[0].pitch)


def read_tune(path: str | os.PathLike[str]) -> Tune:
    """Reads a file of one to four voices.

    Two voices that share a staff are told apart. Grace notes and ornaments are left out, repeats
    are not expanded.

    Raises:
      ImportingError: if it cannot be used.
      OSError: if it cannot be read.
    """
    path = Path(path)
    content = path.read_bytes()
    if not content.strip():
        raise ImportingError(f"{path} is empty")
    score = _parsed(path, content)
    _check_length(path, score.highestTime)
    for part in list(score.parts):
        # Some readers leave it to others to draw bar lines.
        if not part.getElementsByClass("Measure"):
            score.replace(part, part.makeMeasures())
    parts = list(score.parts)
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
        longest = max(parts, key=lambda part: part.highestTime)
        bars, frames = bars_of(longest)
        # MIDI tells of notes alone, so a voice that ends with a rest ends early.
        if not shared and not content.startswith(MIDI):
            for part in parts:
                if part.highestTime < longest.highestTime:
                    raise Rejection("uneven parts", f"{part.partName or 'one'} ends at quarter "
                                                    f"{float(part.highestTime):g} of "
                                                    f"{float(longest.highestTime):g}")
        cells = [cells_of(part, frames) for part in parts]
        sharps, mode = (key_of(parts[0]) if parts[0].recurse().getElementsByClass("KeySignature")
                        else estimate_key(np.stack([pitch for pitch, _, _ in cells], axis=1)))
    except Rejection as rejection:
        remedy = REMEDIES.get(rejection.reason)
        raise ImportingError(f"{path}: {rejection.reason} ({rejection.detail})"
                             + (f"; {remedy}" if remedy else "")) from rejection
    for bar in bars:
        if bar.length > LONGEST_BAR:
            raise ImportingError(f"{path}: a bar of {bar.metre} is longer than three whole notes, "
                                 f"the longest that is known here")
    title = score.metadata.bestTitle if score.metadata is not None else None
    if abs(sharps) > MOST_SHARPS:
        raise ImportingError(f"{path}: {FAR_KEY}")
    measures = list(longest.getElementsByClass("Measure"))
    edges = [int(measure.offset * FRAMES_PER_QUARTER) for measure in measures] + [frames]
    numbers = tuple((measure.number, *span) for measure, span in zip(
        measures, itertools.pairwise(edges), strict=True))
    return Tune(title or path.stem, tuple(
        Part(str(part.partName or ""), *arrays, None if shared else part)
        for part, arrays in zip(parts, cells, strict=True)), bars, sharps, mode, numbers, score)


def _parsed(path: Path, content: bytes) -> Any:
    """A file as a music21 score with parts, at the pitch at which they sound."""
    from music21 import converter, stream

    warned = io.StringIO()
    try:
        _check_content(path, content)
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(warned):
            # Past music21's own pickles, which can be stale.
            score = converter.parse(path, forceSource=True, storePickle=False)
            if not isinstance(score, stream.Opus):
                score.toSoundingPitch(inPlace=True)
    except ImportingError:
        raise
    except Exception as error:  # its readers raise whatever they stumble over
        raise _unreadable(path, str(error) or type(error).__name__) from error
    # What it cannot read of Humdrum it leaves out.
    left_out = re.search(r"Error in parsing event (.*)", warned.getvalue())
    if left_out:
        raise _unreadable(path, left_out[1])
    if isinstance(score, stream.Opus):
        raise ImportingError(f"{path} holds {len(score.scores)} pieces; leave only one")
    if not isinstance(score, stream.Score):
        whole = stream.Score()
        whole.insert(0, score)
        score = whole
    return score


def _unreadable(path: Path, why: str) -> ImportingError:
    return ImportingError(f"{path} cannot be read as music ({' '.join(why.split())[:200]}); save "
                          f"it as MusicXML from a notation editor")


def _check_content(path: Path, content: bytes) -> None:
    """Finds what music21 would leave out in silence, or would take hours to read.

    Raises:
      ImportingError: if there is any.
      Exception: of any kind if the file is broken.
    """
    from music21 import abcFormat, midi

    suffix = path.suffix.lower()
    metre = LONG_METRE.search(content)
    if metre:
        raise ImportingError(f"{path} has a metre of {metre[1].decode()[:20]} beats; {LONG_BAR}")
    if FAR_FIFTHS.search(content):
        raise ImportingError(f"{path}: {FAR_KEY}")
    if content.startswith(MIDI):
        if SHORT_BEATS.search(content):
            raise ImportingError(f"{path} has beats shorter than sixteenths")
        file = midi.MidiFile()
        file.readstr(content)
        for track in file.tracks:
            ticks = sum(event.time for event in track.events if event.isDeltaTime())
            _check_length(path, ticks / file.ticksPerQuarterNote)
    elif suffix == ".krn" and not re.search(rb"^\*-[\s*-]*(^!.*\s*)*\Z", content, re.M):
        raise ImportingError(f"{path} is cut off: the line of *- that ends Humdrum is missing")
    elif suffix == ".abc":
        text = content.decode()
        named = re.search(r"(?:^|\[)V:\s*([^\d\s]\S*)", text, re.M)
        if named:
            raise ImportingError(f"{path} calls a voice {named[1][:20]}; number the voices, as in "
                                 f"V:1")
        unread = re.search("[HXZx]", NO_ABC_NOTES.sub("", text))
        if unread:
            raise ImportingError(f"{path} has {unread[0]}, which would be left out; write "
                                 f"!fermata! for H, and z with its length for a rest")
        for voice in abcFormat.ABCFile().readstr(text).splitByVoice():
            for bar in voice.splitByMeasure() if voice.definesMeasures() else ():
                notes = [one for one in bar.tokens if isinstance(one, abcFormat.ABCNote)]
                if sum(note.quarterLength for note in notes) * FRAMES_PER_QUARTER > LONGEST_BAR:
                    raise ImportingError(f"{path}: a bar line is missing; {LONG_BAR}")


def _check_length(path: Path, quarters: float) -> None:
    """Raises ImportingError if music is too long to be read."""
    if quarters > LONGEST_TUNE:
        raise ImportingError(f"{path} is {float(quarters):.0f} quarters long, and no more than "
                             f"{LONGEST_TUNE} can be read; cut it into pieces")


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
