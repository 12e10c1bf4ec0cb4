"""The form of a chorale to be composed: metre, length, key, upbeat and fermatas."""

import dataclasses
import re
from typing import NamedTuple

import numpy as np

from lmjax.music import rhythm
from lmjax.music.chorale import (
    FRAMES_PER_QUARTER,
    REST,
    SIXTEENTHS_PER_WHOLE,
    VOICES,
    Bar,
    Chorale,
)
from lmjax.music.key import estimate_key

LONGEST = 4096  # sixteenths; no chorale of Bach's has 800
DENOMINATORS = (1, 2, 4, 8, 16)
STEPS = "FCGDAEB"  # along the line of fifths; C major has no sharps, nor has A minor


class Fermata(NamedTuple):
    """A chord under a fermata.

    Attributes:
      bar: in which it begins, counted from 1; bar 0 is the anacrusis.
      beat: on which it begins, counted from 1 in units of the metre's denominator; those of an
        anacrusis are the last of its bar.
      beats: how many it lasts.
    """

    bar: int
    beat: int
    beats: int = 1


@dataclasses.dataclass(frozen=True)
class Form:
    """What is settled of a chorale before its first note.

    Attributes:
      metre: such as "4/4".
      bars: how many full bars. With an anacrusis the last bar is shortened by as much, as in
        hymns, so that the whole still lasts so many full bars.
      key: such as "G major", "f# minor", "Bb major"; None leaves it open.
      anacrusis: sixteenths before the first bar line.
      fermatas: a `Fermata` each, or just its (bar, beat) or (bar, beat, beats); phrases end with
        them. None leaves them open, () asks for none.
      frames: sixteenths in all where the last bar is not to end as above (see `with_frames`).

    Raises:
      ValueError: naming the field that cannot be and what it can be.
    """

    metre: str = "4/4"
    bars: int = 8
    key: str | None = "C major"
    anacrusis: int = 0
    fermatas: tuple[tuple[int, ...], ...] | None = None
    frames: int | None = None

    def __post_init__(self) -> None:
        bar = parse_metre(self.metre).length
        if self.bars < 1:
            raise ValueError(f"a form has at least 1 bar, not {self.bars}")
        if not 0 <= self.anacrusis < bar:
            raise ValueError(f"an anacrusis in {self.metre} lasts 0 to {bar - 1} sixteenths, "
                             f"not {self.anacrusis}")
        if len(self) % FRAMES_PER_QUARTER:
            raise ValueError(f"a form lasts a whole number of quarter beats, but {len(self)} "
                             f"sixteenths are {len(self) / FRAMES_PER_QUARTER:g}")
        if len(self) > LONGEST:
            raise ValueError(f"a form lasts at most {LONGEST} sixteenths, not {len(self)}; ask for "
                             f"fewer bars")
        if self.frames is not None and _bars(self.frames, self.anacrusis, bar) != self.bars:
            raise ValueError(f"{self.frames} sixteenths are not {self.bars} bars of {self.metre}")
        if self.key is not None:
            _parse_key(self.key)
        if self.fermatas is not None:
            object.__setattr__(self, "fermatas", tuple(map(_fermata, self.fermatas)))
            self.fermata_spans()

    def __len__(self) -> int:
        """Sixteenths in all."""
        return self.bars * parse_metre(self.metre).length if self.frames is None else self.frames

    @classmethod
    def with_frames(cls, frames: int, metre: str = "4/4", key: str | None = "C major",
                    anacrusis: int = 0,
                    fermatas: tuple[tuple[int, ...], ...] | None = None) -> "Form":
        """The form of a given length in sixteenths; its last bar is cut where the length ends.

        Raises:
          ValueError: if the length is not a whole, positive number of quarter beats.
        """
        if frames < 1 or frames % FRAMES_PER_QUARTER:
            raise ValueError(f"a length is a positive multiple of {FRAMES_PER_QUARTER} sixteenths "
                             f"(whole quarter beats), not {frames}")
        bars = _bars(frames, anacrusis, parse_metre(metre).length)
        return cls(metre, bars, key, anacrusis, fermatas, frames)

    @classmethod
    def of(cls, chorale: Chorale) -> "Form":
        """The form of a chorale.

        Raises:
          ValueError: if its metre changes, a bar inside it is irregular, or a fermata is not on
            whole beats.
        """
        first, frames = chorale.bars[0], len(chorale)
        anacrusis = -first.offset % first.length
        for bar in chorale.bars:
            if bar.metre != first.metre:
                raise ValueError(f"the metre changes from {first.metre} to {bar.metre}")
            if (bar.start - anacrusis - bar.offset) % first.length:
                raise ValueError(f"the bar at sixteenth {bar.start} breaks the metre")
        edges = np.flatnonzero(np.diff(rhythm.fermata_frames(chorale), prepend=False, append=False))
        key = key_name(chorale.sharps, chorale.mode) if chorale.mode else None
        fermatas = tuple(fermata_at(first, anacrusis, start, end)
                         for start, end in edges.reshape(-1, 2).tolist())
        form = cls.with_frames(frames, first.metre, key, anacrusis, fermatas)
        return dataclasses.replace(form, frames=None) if frames % first.length == 0 else form

    @property
    def sharps(self) -> int | None:
        """Sharps of the key signature, flats negative; None if the key is open."""
        return None if self.key is None else _parse_key(self.key)[0]

    @property
    def mode(self) -> str:
        """"major", "minor", or "" if the key is open."""
        return "" if self.key is None else _parse_key(self.key)[1]

    def layout(self) -> tuple[int, tuple[Bar, ...]]:
        """The number of sixteenths and the bars, an anacrusis included."""
        first = parse_metre(self.metre)
        upbeat = [first._replace(offset=first.length - self.anacrusis)] if self.anacrusis else []
        starts = range(self.anacrusis, len(self), first.length)
        return len(self), (*upbeat, *(first._replace(start=start) for start in starts))

    def fermata_spans(self) -> list[tuple[int, int]]:
        """The chords under fermatas as (first frame, end)."""
        bar = parse_metre(self.metre)
        beat = SIXTEENTHS_PER_WHOLE // bar.denominator
        spans = []
        for number, count, beats in map(_fermata, self.fermatas or ()):
            start = self.anacrusis + (number - 1) * bar.length + (count - 1) * beat
            if not (0 <= number <= self.bars and 1 <= count <= bar.numerator
                    and 0 <= start <= len(self) - beat):
                raise ValueError(f"there is no beat {count} in bar {number} of {self.bars} bars "
                                 f"of {self.metre} to put a fermata on")
            if not 1 <= beats <= (len(self) - start) // beat:
                raise ValueError(f"a fermata on beat {count} of bar {number} cannot last {beats} "
                                 f"beats, only 1 to {(len(self) - start) // beat}")
            spans.append((start, start + beats * beat))
        return spans

    def fermata_frames(self) -> np.ndarray:
        """bool[T], the frames of the chords under fermatas."""
        frames = np.zeros(len(self), bool)
        for start, end in self.fermata_spans():
            frames[start:end] = True
        return frames

    def tracks(self) -> np.ndarray:
        """The conditioning tracks of this form, int32[T, C]."""
        frames, bars = self.layout()
        fermata = None if self.fermatas is None else self.fermata_frames()
        return rhythm.tracks(frames, bars, self.sharps, self.mode, fermata)

    def chorale(self, pitch: np.ndarray, struck: np.ndarray, title: str = "") -> Chorale:
        """The chorale of some notes in this form; an open key is estimated from the notes.

        Every voice gets a fermata on the note that sounds at the end of each chord under one.

        Args:
          pitch: int[T, 4], MIDI pitch or `REST`.
          struck: bool[T, 4].
          title: of the chorale.

        Raises:
          ValueError: if there are more or fewer frames than the form has.
        """
        frames, bars = self.layout()
        if len(pitch) != frames:
            raise ValueError(f"the form lasts {frames} sixteenths, the notes {len(pitch)}")
        fermata = np.zeros((frames, len(VOICES)), bool)
        for _, end in self.fermata_spans():
            for voice in np.flatnonzero(np.asarray(pitch)[end - 1] != REST):
                fermata[np.flatnonzero(struck[:end, voice])[-1], voice] = True
        sharps, mode = estimate_key(pitch) if self.key is None else _parse_key(self.key)
        return Chorale(pitch, struck, fermata, bars, sharps, mode, title)


def fermata_at(bar: Bar, anacrusis: int, start: int, end: int) -> Fermata:
    """The fermata on the chord from one frame to another, in bars like this after an anacrusis.

    Raises:
      ValueError: if they are not on beats.
    """
    beat = SIXTEENTHS_PER_WHOLE // bar.denominator
    number, place = divmod(start - anacrusis, bar.length)
    if place % beat or (end - start) % beat:
        raise ValueError(f"the fermata from sixteenth {start} to {end} is not on whole beats")
    return Fermata(number + 1, 1 + place // beat, (end - start) // beat)


def _fermata(fermata: tuple[int, ...]) -> Fermata:
    """A fermata in full.

    Raises:
      ValueError: if there are too few or too many numbers.
    """
    if not 2 <= len(fermata) <= 3:
        raise ValueError(f"a fermata is (bar, beat) or (bar, beat, beats), not {fermata}")
    return Fermata(*map(int, fermata))


def _bars(frames: int, anacrusis: int, bar: int) -> int:
    """How many bars, the last perhaps cut, follow the anacrusis of a form."""
    return -(-(frames - anacrusis) // bar)


def parse_metre(metre: str) -> Bar:
    """The first full bar of a metre such as "3/4"."""
    parts = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", metre)
    numerator, denominator = map(int, parts.groups()) if parts else (0, 0)
    if numerator < 1 or denominator not in DENOMINATORS:
        raise ValueError(f"a metre is written like 3/4, its lower number one of "
                         f"{', '.join(map(str, DENOMINATORS))}, not {metre!r}")
    bar = Bar(0, numerator, denominator)
    if bar.length > rhythm.LONGEST_BAR:
        raise ValueError(f"a bar of {metre} lasts {bar.length} sixteenths, and the longest "
                         f"allowed is {rhythm.LONGEST_BAR}")
    return bar


def _parse_key(key: str) -> tuple[int, str]:
    """Sharps and mode of a key such as "f# minor" or "Bb major" ("B- major" is the same)."""
    parts = re.fullmatch(r"\s*([A-Ga-g])([#b-]?)\s+(major|minor)\s*", key)
    if not parts:
        raise ValueError(f"a key is written like 'G major', 'f# minor' or 'Bb major', not {key!r}")
    step, accidental, mode = parts.groups()
    alter = {"": 0, "#": 1, "b": -1, "-": -1}[accidental]
    sharps = STEPS.index(step.upper()) + 7 * alter - (1 if mode == "major" else 4)
    if abs(sharps) > 7:
        raise ValueError(f"{key!r} needs {abs(sharps)} {'sharps' if sharps > 0 else 'flats'}, and "
                         f"a key signature has at most 7")
    return sharps, mode


def key_name(sharps: int, mode: str) -> str:
    """The key of a signature and a mode, such as "Bb major"."""
    alter, step = divmod(sharps + (1 if mode == "major" else 4), 7)
    return f"{STEPS[step]}{'b' * -alter}{'#' * alter} {mode}"
