"""What is asked of the notes to be composed: compiled to arrays, or found to contradict itself."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from lmjax.music.chorale import REST, SIXTEENTHS_PER_WHOLE, VOICES, Bar
from lmjax.music.spelling import NAMES, name_of
from lmjax.requests.feasible import first_impossible
from lmjax.requests.keep import Kept, Ranges
from lmjax.requests.request import SILENCE, Together, held
from lmjax.requests.roman import Cadence, Harmony

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
BASS = len(VOICES) - 1
PITCHES = np.arange(SILENCE)


class AskingError(ValueError):
    """What cannot be asked, in one sentence: where, of which voice, and why."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Wanted:
    """A set of pitches of which voices have some or not more than one, in some frames."""

    frames: slice
    pitches: np.ndarray
    least: bool
    most: bool
    why: str


class _Limit(NamedTuple):
    """Why some cells have some pitches only, and whether a chord is the reason."""

    why: str
    cells: np.ndarray
    of_chord: bool


class Demands:
    """A piece and what is asked of the notes that are to be composed, so far.

    Each of its methods asks for one thing more, and raises `AskingError` where that cannot be
    together with what is given and what was asked before.
    """

    def __init__(self, kept: Kept, ranges: Ranges) -> None:
        self.kept = kept
        shape = kept.known.shape
        self.allowed = (np.ones((*shape, SILENCE + 1), bool) if kept.allowed is None
                        else kept.allowed.copy())
        self.attack = np.zeros(shape, np.int8) if kept.attack is None else kept.attack.copy()
        self.order = np.zeros(len(kept.known), bool)
        self.wanted: list[_Wanted] = []
        # Why, and of which cells: of their pitches, some for a chord; and of where notes begin.
        self._pitched: list[_Limit] = []
        self._begun: list[tuple[str, np.ndarray]] = []
        low, high = np.array(ranges).T[..., None]
        self._singable = np.pad((low <= PITCHES) & (high >= PITCHES), ((0, 0), (0, 1)),
                                constant_values=True)

    # Where.

    def frame(self, bar: int, beat: float) -> int:
        """The frame of a beat of a bar, beats counted from 1 in units of the metre's denominator.

        Raises:
          AskingError: if there is none.
        """
        spans = [(start, end) for number, start, end in self.kept.numbers if number == bar]
        for start, end in spans:
            here = self._bar(start)
            place = (beat - 1) * self.beat(start)
            frame = here.start + place - here.offset
            if start <= frame < end and frame == int(frame):
                return int(frame)
        if not spans:
            numbers = [number for number, _, _ in self.kept.numbers]
            raise AskingError(f"there is no bar {bar}, only {min(numbers)} to {max(numbers)}")
        raise AskingError(f"there is no beat {beat:g} in bar {bar}")

    def frames(self, bar: int, beat: float, beats: float) -> slice:
        """The frames of so many beats from one on.

        Raises:
          AskingError: if they are not whole sixteenths, or the piece ends before.
        """
        start = self.frame(bar, beat)
        length = beats * self.beat(start)
        if length < 1 or length != int(length):
            raise AskingError(f"{beats:g} beats from beat {beat:g} of bar {bar} are no whole "
                              f"number of sixteenths")
        if start + length > len(self.kept.known):
            raise AskingError(f"{beats:g} beats from beat {beat:g} of bar {bar} go past the end")
        return slice(start, start + int(length))

    def bars(self, first: int, last: int) -> slice:
        """The frames of some bars.

        Raises:
          AskingError: if there are no such bars.
        """
        numbers = {number for number, _, _ in self.kept.numbers}
        if first > last or not {first, last} <= numbers:
            raise AskingError(f"there are no bars {first}-{last}, only {min(numbers)} to "
                              f"{max(numbers)}")
        spans = [span for number, *span in self.kept.numbers if first <= number <= last]
        return slice(spans[0][0], spans[-1][1])

    def place(self, frame: int) -> str:
        """Where a frame is, such as "bar 4, beat 2.5"."""
        return self.kept.place(frame)

    def beat(self, frame: int) -> int:
        """The sixteenths of a beat, which is a unit of the metre's denominator."""
        return SIXTEENTHS_PER_WHOLE // self._bar(frame).denominator

    def cells(self, voices: Iterable[str] = (), frames: slice = slice(None)) -> np.ndarray:
        """bool[T, 4]: some frames of some voices; of all if none is named.

        Raises:
          AskingError: if there is no such voice.
        """
        chosen = np.zeros(self.kept.known.shape, bool)
        for name in tuple(voices) or VOICES:
            if name not in VOICES:
                raise AskingError(f"there is no voice {name!r}, only {', '.join(VOICES)}")
            chosen[frames, VOICES.index(name)] = True
        return chosen

    def _bar(self, frame: int) -> Bar:
        return [bar for bar in self.kept.score.bars if bar.start <= frame][-1]

    # What.

    def only(self, cells: np.ndarray, pitches: np.ndarray, why: str, given: bool = False,
             of_chord: bool = False) -> None:
        """Some cells bool[T, 4] have pitches bool[129] of a set, silence being its last.

        Args:
          why: what the set is, as in "the alto can sing nothing that is WHY".
          given: whether given notes have to be of the set as well.
          of_chord: whether a chord needs it, which is named otherwise if it cannot be.
        """
        known = self.kept.known
        pitch = self.kept.score.pitch
        wrong = cells & known & ~pitches[pitch]
        if given and wrong.any():
            frame, voice = np.argwhere(wrong)[0]
            raise AskingError(f"{self.place(frame)}: the {VOICES[voice]} has "
                              f"{name_of(pitch[frame, voice])}, which is not {why}")
        self.allowed = self.allowed & (pitches | ~(cells & ~known)[..., None])
        self._pitched.append(_Limit(why, cells, of_chord))
        self._check()

    def sing(self, voice: str, pitches: np.ndarray, name: str) -> None:
        """Raises AskingError unless a voice can sing some pitch of a set bool[129], its range."""
        row = int(np.argmax(self.cells([voice])[0]))
        if not (self._singable[row] & pitches)[:SILENCE].any():
            low, high = np.flatnonzero(self._singable[row, :SILENCE])[[0, -1]]
            raise AskingError(f"the {voice} can sing nothing of {name}, only from {name_of(low)} "
                              f"to {name_of(high)}")

    def pin(self, voice: str, frames: slice, pitch: int) -> None:
        """One note, struck at the first of some frames and held to their end; or `REST`."""
        cells = self.cells([voice], frames)
        self.only(cells, np.arange(SILENCE + 1) == pitch % (SILENCE + 1), name_of(pitch), True)
        if pitch != REST:
            first = (np.arange(len(cells)) == frames.start)[:, None]
            wrong = cells & self.kept.known & (self.kept.score.struck != first)
            if wrong.any():
                frame = int(np.argwhere(wrong)[0][0])
                raise AskingError(f"{self.place(frame)}: the {voice} has {name_of(pitch)} already, "
                                  f"but {'struck anew' if frame > frames.start else 'held over'} "
                                  f"there")
            self._begin(self.cells([voice], slice(frames.start, frames.start + 1)), True,
                        f"pinned to begin there ({name_of(pitch)})")
            self._begin(self.cells([voice], slice(frames.start + 1, frames.stop)), False,
                        f"held there ({name_of(pitch)})")

    def shortest(self, sixteenths: int, voices: Sequence[str] = ()) -> None:
        """No note begins off a grid of so many sixteenths, counted from bar lines, and no rest."""
        off = np.zeros(len(self.kept.known), bool)
        for frame in range(len(off)):
            bar = self._bar(frame)
            off[frame] = (frame - bar.start + bar.offset) % sixteenths != 0
        off[0] = False
        cells = self.cells(voices)
        self._begin(cells & off[:, None], False,
                    f"of a note of {sixteenths} sixteenths or longer")

    def _begin(self, cells: np.ndarray, begins: bool, why: str) -> None:
        """A note has to begin in some cells, or may not."""
        wanted = np.int8(1 if begins else -1)
        free = cells & ~self.kept.known
        clash = free & (self.attack == -wanted)
        if clash.any():
            frame, voice = np.argwhere(clash)[0]
            others = " and ".join(why for why, cells in self._begun if cells[frame, voice])
            raise AskingError(f"{self.place(frame)}: no note of the {VOICES[voice]} can be {why} "
                              f"and {others}")
        self.attack = np.where(free, wanted, self.attack)
        self._begun.append((why, cells))
        self._check()

    def ordered(self) -> None:
        """No voice is higher than one above it."""
        self.order[:] = True

    def once(self, frames: slice, tone: int) -> None:
        """Those of some frames in which a voice is composed have a pitch class once at most."""
        open_frames = np.arange(len(self.kept.known))[frames][~self.kept.known[frames].all(axis=1)]
        for run in np.split(open_frames, np.flatnonzero(np.diff(open_frames) > 1) + 1):
            if len(run):
                self.wanted.append(_Wanted(
                    slice(int(run[0]), int(run[-1]) + 1), _classes([tone])[:-1], False, True,
                    f"no more than one {NAMES[tone]}"))

    def chord(self, frames: slice, harmony: Harmony, soprano: int | None = None) -> None:
        """Some frames are of a chord: its needed tones sound when it begins, and it has its bass.

        Given notes may be foreign to it, but for the bass.

        Args:
          soprano: the pitch class of the soprano, given or not, when it begins.
        """
        name, first = harmony.name, slice(frames.start, frames.start + 1)
        tones = f"of {name} ({', '.join(NAMES[tone] for tone in harmony.tones)})"
        self.only(self.cells(frames=frames), _classes(harmony.tones), tones, of_chord=True)
        if harmony.bass is not None:
            self.only(self.cells([VOICES[BASS]], frames), _classes([harmony.bass]),
                      f"the bass of {name} ({NAMES[harmony.bass]})", given=True, of_chord=True)
        if soprano is not None:
            self.only(self.cells([VOICES[0]], first), _classes([soprano]),
                      f"the soprano of {name} ({NAMES[soprano]})", given=True, of_chord=True)
        for tone in harmony.needed:
            self.wanted.append(_Wanted(first, _classes([tone])[:-1], True, False,
                                       f"the {NAMES[tone]} of {name}"))
        for tone in harmony.once:
            self.wanted.append(_Wanted(frames, _classes([tone])[:-1], False, True,
                                       f"no more than one {NAMES[tone]} in {name}"))

    def cadence(self, arrival: slice, cadence: Cadence) -> None:
        """A cadence whose last chord is in some frames, and the others on the beats before."""
        beat = self.beat(arrival.start)
        first = arrival.start - beat * (len(cadence.chords) - 1)
        if first < 0:
            raise AskingError(f"a cadence that arrives at {self.place(arrival.start)} would begin "
                              f"before the piece")
        for number, (chord, top) in enumerate(zip(cadence.chords, cadence.soprano, strict=True)):
            start = first + number * beat
            last = number == len(cadence.chords) - 1
            self.chord(arrival if last else slice(start, start + beat), chord, top)

    def finished(self) -> Kept:
        """The piece with all that is asked of it.

        Raises:
          AskingError: if the voices cannot be together what they have to be.
        """
        together = self._together()
        allowed = self._spread()
        if together is not None:
            self._check_together(together, allowed & (self._singable | self.kept.known[..., None]))
        return dataclasses.replace(
            self.kept, allowed=None if allowed.all() else allowed,
            attack=self.attack if self.attack.any() else None, together=together)

    # Whether.

    @property
    def _held(self) -> np.ndarray:
        score = self.kept.score
        return held(self.kept.known, score.pitch, score.struck, self.attack)

    def _spread(self) -> np.ndarray:
        """What is allowed, where notes that go on are those which began."""
        known, allowed = self.kept.known, self.allowed.copy()
        given = np.arange(SILENCE + 1) == self.kept.score.pitch[..., None] % (SILENCE + 1)
        allowed[known] = given[known]
        held = self._held
        allowed[held, SILENCE] = False  # so that what goes on does not begin as silence either
        for frame in range(1, len(known)):
            allowed[frame, held[frame]] &= allowed[frame - 1, held[frame]]
        for frame in range(len(known) - 1, 0, -1):
            allowed[frame - 1, held[frame]] &= allowed[frame, held[frame]]
        return allowed

    def _check(self) -> None:
        """Raises AskingError if nothing is left for a cell."""
        allowed = self._spread() & self._singable
        nothing = ~self.kept.known & ~allowed.any(axis=-1)
        if nothing.any():
            frame, voice = np.argwhere(nothing)[0]
            end, reasons = frame + 1, [(one.why, one.cells) for one in self._pitched]
            if (self.allowed & self._singable)[frame, voice].any():
                # By itself it could, but not as a part of the note that it is held by.
                end += int(np.argmin(np.append(self._held[end:, voice], False)))
                reasons += self._begun
            why = dict.fromkeys(why for why, cells in reasons if cells[frame:end, voice].any())
            raise AskingError(f"{self.place(frame)}: the {VOICES[voice]} can sing nothing that is "
                              f"{' and '.join(why)} and in the range of the {VOICES[voice]}")

    def _together(self) -> Together | None:
        """What was asked of voices together, the same sets of a frame joined."""
        if not self.wanted and not self.order.any():
            return None
        rows: list[dict[bytes, list[bool]]] = [{} for _ in self.order]
        for wanted in self.wanted:
            for row in rows[wanted.frames]:
                asked = row.setdefault(wanted.pitches.tobytes(), [False, False])
                asked[0] |= wanted.least
                asked[1] |= wanted.most
        together = Together.open(len(rows), max(map(len, rows)))
        together = together._replace(order=self.order, groups=together.groups.copy(),
                                     least=together.least.copy(), most=together.most.copy())
        for frame, row in enumerate(rows):
            for group, (pitches, (least, most)) in enumerate(row.items()):
                together.groups[frame, group] = np.frombuffer(pitches, bool)
                together.least[frame, group], together.most[frame, group] = least, most
        return together

    def _check_together(self, together: Together, allowed: np.ndarray) -> None:
        """Raises AskingError if no music of what is allowed holds what is asked of voices
        together."""
        held = self._held
        frame = first_impossible(allowed, held, together)
        if frame is None:
            return
        # Notes that sound there may have begun where more was asked of them.
        begun = frame - int(np.argmin(held[frame::-1].any(axis=1)))
        why = list(dict.fromkeys(wanted.why for wanted in self.wanted if
                                 wanted.frames.start <= frame and wanted.frames.stop > begun))
        why += ["voices in order"] if together.order[frame] else []
        over = ", or held over from before" if begun < frame else ""
        limits = dict.fromkeys(one.why for one in self._pitched
                               if not one.of_chord and one.cells[frame].any())
        allowed_by = f" ({' and '.join(limits)})" if limits else ""
        raise AskingError(f"{self.place(frame)}: no chord has {', '.join(why)} with the notes that "
                          f"are given or allowed there{allowed_by}{over}")


def _classes(classes: Iterable[int]) -> np.ndarray:
    """bool[129]: the pitches of some pitch classes, and no silence."""
    return np.append(np.isin(PITCHES % 12, list(classes)), False)


def pitch_class(name: str) -> int:
    """The pitch class of a name such as "F#", "Bb" or "B-".

    Raises:
      AskingError: if it is none.
    """
    return _above_c(name) % 12


def midi(name: str) -> int:
    """The MIDI pitch of a name with an octave, such as "F#4"; C4 is the middle C.

    Raises:
      AskingError: if it is none.
    """
    if not name[-1:].isdigit():
        raise AskingError(f"a pitch is named like F#4 or Bb3 (C4 is the middle C), not {name!r}")
    pitch = 12 * (int(name[-1:]) + 1) + _above_c(name[:-1])
    if pitch >= SILENCE:
        raise AskingError(f"{name} is higher than any pitch of MIDI, of which G9 is the highest")
    return pitch


def _above_c(name: str) -> int:
    """How many semitones a note lies above the C of its octave: -1 for Cb."""
    step, sign = name[:1].upper(), name[1:]
    if step not in STEPS or set(sign) - set("#b-") or len(set(sign)) > 1:
        raise AskingError(f"a note is named like F#, Bb or C, not {name!r}")
    return STEPS[step] + sign.count("#") - len(sign.replace("#", ""))
