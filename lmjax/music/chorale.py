"""The record of a chorale: what every other part of the project reads and writes.

Time is counted in frames of one sixteenth note. Voices stand in the order soprano, alto,
tenor, bass. A pitch is a MIDI number; `REST` marks silence.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

VOICES = ("soprano", "alto", "tenor", "bass")
REST = -1
HIGHEST_PITCH = 127  # of MIDI
FRAMES_PER_QUARTER = 4
SIXTEENTHS_PER_WHOLE = 16

# The paper's voice ranges, inclusive: C4-G5, F3-D5, C3-A4, C2-E4.
PAPER_RANGES = ((60, 79), (53, 74), (48, 69), (36, 64))


class Bar(NamedTuple):
    """One bar: the frame it starts on, its metre, and where in the metre it starts.

    `offset` is 0 for a whole bar. An anacrusis of one quarter in 4/4 has offset 12: it sounds
    the last quarter of a bar whose first three are missing.
    """

    start: int
    numerator: int
    denominator: int
    offset: int = 0

    @property
    def length(self) -> int:
        """Sixteenths in a full bar of this metre."""
        return SIXTEENTHS_PER_WHOLE * self.numerator // self.denominator

    @property
    def metre(self) -> str:
        """The metre as it is written, such as "3/4"."""
        return f"{self.numerator}/{self.denominator}"


@dataclasses.dataclass(frozen=True, eq=False)
class Chorale:
    """A four-part chorale on the sixteenth grid.

    Attributes:
      pitch: int16[T, 4], MIDI pitch of what sounds in each cell, `REST` for silence.
      struck: bool[T, 4], whether the note is struck in this cell (else it is held over).
        A rest is never struck.
      fermata: bool[T, 4], set where a note that bears a fermata is struck.
      bars: every bar in order, the first at frame 0.
      sharps: sharps of the opening key signature, flats negative.
      mode: "major", "minor", or "" where the source does not say.
      title: the hymn's title, "" if unknown.
      bwv: the number of the work, such as "66.6", "" if it has none.

    Raises:
      ValueError: if the arrays disagree with each other or with the rules above.
    """

    pitch: np.ndarray
    struck: np.ndarray
    fermata: np.ndarray
    bars: tuple[Bar, ...]
    sharps: int = 0
    mode: str = ""
    title: str = ""
    bwv: str = ""

    def __post_init__(self) -> None:
        shape = np.shape(self.pitch)
        if len(shape) != 2 or shape[0] == 0 or shape[1] != len(VOICES):
            raise ValueError(f"a chorale's pitches have shape [frames, 4], not {shape}")
        for name, dtype in (("pitch", np.int16), ("struck", np.bool_), ("fermata", np.bool_)):
            array = np.array(getattr(self, name), dtype)
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, pitch has {shape}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "bars", tuple(Bar(*bar) for bar in self.bars))
        sounding = self.pitch != REST
        if (self.struck & ~sounding).any():
            raise ValueError("a rest cannot be struck")
        changed = np.concatenate([sounding[:1], self.pitch[1:] != self.pitch[:-1]]) & sounding
        if (changed & ~self.struck).any():
            frame, voice = np.argwhere(changed & ~self.struck)[0]
            raise ValueError(
                f"{VOICES[voice]} changes pitch at frame {frame} without being struck")
        if (self.fermata & ~self.struck).any():
            raise ValueError("a fermata stands on a note where the note is struck")
        starts = [bar.start for bar in self.bars]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= shape[0]:
            raise ValueError("bars must start at frame 0, in order, inside the chorale")

    def __len__(self) -> int:
        return len(self.pitch)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Chorale):
            return NotImplemented
        return self.same_notes(other) and all(
            getattr(self, name) == getattr(other, name)
            for name in ("bars", "sharps", "mode", "title", "bwv"))

    def same_notes(self, other: "Chorale") -> bool:
        """Whether both have the same pitches, re-attacks and fermatas."""
        return all(np.array_equal(getattr(self, name), getattr(other, name))
                   for name in ("pitch", "struck", "fermata"))

    def numbers(self) -> list[int]:
        """The number of each bar as it is printed: an upbeat shares that of the bar which it
        completes, and before the first it is 0."""
        return [int(number) for number in np.cumsum([bar.offset == 0 for bar in self.bars])]

    def notes(self, voice: int) -> list[tuple[int, int, int]]:
        """The notes and rests of one voice as (start, end, pitch), in frames; rests included."""
        pitch, struck = self.pitch[:, voice], self.struck[:, voice]
        begins = np.flatnonzero(struck | np.r_[True, pitch[1:] != pitch[:-1]])
        ends = np.r_[begins[1:], len(self)]
        return [(int(a), int(b), int(pitch[a])) for a, b in zip(begins, ends, strict=True)]

