"""Requests to keep some voices of a piece and to compose the others."""

import dataclasses
import itertools
import os
from collections.abc import Sequence

import numpy as np

from lmjax.music import rhythm
from lmjax.music.chorale import REST, SIXTEENTHS_PER_WHOLE, VOICES, Chorale
from lmjax.music.importers import ImportingError, Source, Tune, chorale_of, read_tune, voices_of
from lmjax.music.marks import Marks
from lmjax.music.spelling import name_of
from lmjax.music.transpose import interval, transpositions
from lmjax.requests.form import Form
from lmjax.requests.request import NO_WISHES, SILENCE, Request, Together, Wishes

Ranges = Sequence[tuple[int, int]]


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A piece of which some cells stand.

    Attributes:
      score: the piece, silent where it is to be composed.
      known: bool[T, 4], the cells that stand.
      fermata: bool[T], the frames in which a note under a fermata sounds.
      unsettled: bool[T], the other frames in which one may sound; None for none.
      allowed, attack, together: what may be composed, as in a `Request`; None for anything.
      numbers: of each printed bar its number, its first frame and its end; 0 is an anacrusis.
      symbols, figures: harmony that is written over and under it, by frame.
      near: as long a piece, which what is composed is to be near to; None if there is none.
      wishes: for it.
      sources: the files that it is made of.
    """

    score: Chorale
    known: np.ndarray
    fermata: np.ndarray
    allowed: np.ndarray | None = None
    attack: np.ndarray | None = None
    together: Together | None = None
    numbers: tuple[tuple[int, int, int], ...] = ()
    unsettled: np.ndarray | None = None
    symbols: Marks = ()
    figures: Marks = ()
    near: Chorale | None = None
    wishes: Wishes = NO_WISHES
    sources: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        if not self.numbers:
            object.__setattr__(self, "numbers", numbered(self.score))

    @classmethod
    def blank(cls, form: Form) -> "Kept":
        """A piece in a form whose key is given, of which no note is.

        Raises:
          ValueError: if the key is open.
        """
        if form.key is None:
            raise ValueError("the form has an open key; say which, such as key='G major'")
        silence = np.full((len(form), len(VOICES)), REST, np.int16)
        nothing = np.zeros(silence.shape, bool)
        return cls(form.chorale(silence, nothing), nothing, form.fermata_frames())

    def place(self, frame: int) -> str:
        """Where a frame is, such as "bar 4, beat 2.5"."""
        bar = [bar for bar in self.score.bars if bar.start <= frame][-1]
        number = next(number for number, start, end in self.numbers if start <= frame < end)
        beat = (frame - bar.start + bar.offset) * bar.denominator / SIXTEENTHS_PER_WHOLE
        return f"bar {number}, beat {1 + beat:g}"

    @property
    def request(self) -> Request:
        """What samplers are told."""
        score = self.score
        # A file without any fermata hardly says that there be none.
        fermata = self.fermata if self.fermata.any() else None
        tracks = rhythm.tracks(len(score), score.bars, score.sharps, self.mode, fermata)
        for source in self.sources:
            self._tell_keys(tracks, source)
        if fermata is None:
            tracks[self._close(), rhythm.FERMATA] = 2  # one at the end can be taken for granted
        if self.unsettled is not None:
            tracks[self.unsettled & ~self.fermata, rhythm.FERMATA] = 0
        near = None if self.near is None else (self.near.pitch, self.near.struck)
        return Request(tracks, self.known, np.where(self.known, score.pitch, REST),
                       self.known & score.struck, self.allowed, self.attack, self.together, near,
                       self.wishes)

    @property
    def mode(self) -> str:
        """"major" or "minor": as the opening signature says, or else by the tonic on which the
        lowest given voice ends; "" if it is on neither."""
        last = self.score.pitch[-1][self.score.pitch[-1] != REST]
        major = rhythm.key_index(self.score.sharps) - 1
        tonics = {major: "major", (major - 3) % 12: "minor"}
        return self.score.mode or (tonics.get(last.min() % 12, "") if len(last) else "")

    def _tell_keys(self, tracks: np.ndarray, source: Source) -> None:
        """Tells the tracks of the key signatures of a file; one without a mode goes on in that of
        the one before."""
        tune, mode = source.tune, self.mode
        opening = [(0, tune.sharps, tune.mode)] if source.start else []
        for frame, sharps, stated in (*opening, *tune.keys):
            mode = stated or mode
            tracks[source.start + frame:, rhythm.KEY] = rhythm.key_index(sharps)
            tracks[source.start + frame:, rhythm.MODE] = rhythm.MODES[mode]

    def _close(self) -> np.ndarray:
        """bool[T]: the frames of the last note, where it stands."""
        voices = self.known[-1]
        since = np.cumsum(self.score.struck[:, voices].any(1))
        return (since == since[-1]) & (self.score.pitch[:, voices] != REST).any(1)

    def chorale(self, pitch: np.ndarray, struck: np.ndarray, title: str = "") -> Chorale:
        """The piece with the notes int[T, 4] that were composed; what was given is as it was.

        Where nothing stood there is a fermata where there is to be one, and in place of other notes
        where they had one: on what sounds at the end of it.
        """
        pitch = np.where(self.known, self.score.pitch, pitch).astype(np.int16)
        changed = np.diff(pitch, axis=0, prepend=np.int16(REST)) != 0
        struck = np.where(self.known, self.score.struck, struck) | changed
        struck &= pitch != REST
        fermata = self.score.fermata & self.known
        edges = np.flatnonzero(np.diff(self.fermata, prepend=False, append=False))
        for start, end in edges.reshape(-1, 2).tolist():
            new = ~self.known[start:end].any(axis=0) & (
                self.score.pitch[start:end] == REST).all(axis=0)
            marked = new | self.score.fermata[start:end].any(axis=0)
            for voice in np.flatnonzero((pitch[end - 1] != REST) & ~self.known[end - 1]):
                before = np.flatnonzero(self.score.struck[:end, voice])
                if marked[voice] or self.score.fermata[before[-1:], voice].any():
                    fermata[np.flatnonzero(struck[:end, voice])[-1], voice] = True
        return dataclasses.replace(self.score, pitch=pitch, struck=struck, fermata=fermata,
                                   title=title or self.score.title)


def keep(tune: str | os.PathLike[str] | Tune | Chorale, voices: Sequence[str] = (),
         ranges: Ranges | None = None) -> Kept:
    """Keeps voices of a piece, in its own key, metre, length and fermatas.

    Args:
      tune: a file of any format that music21 reads, what was read of one, or a chorale.
      voices: of "soprano", "alto", "tenor", "bass", those that are kept; where the parts of a file
        bear no such names, in their order. Without any, all that the file has.
      ranges: the lowest and the highest pitch of each voice that can be sung.

    Raises:
      ImportingError: if the file cannot be used, or a voice is outside its range.
      OSError: if it cannot be read.
    """
    symbols: Marks = ()
    figures: Marks = ()
    sources: tuple[Source, ...] = ()
    if isinstance(tune, Chorale):
        parts = {VOICES.index(name): tune for name in voices or VOICES if name in VOICES}
        if len(parts) < len(voices):
            raise ImportingError(f"voices are {', '.join(VOICES)}, and not {', '.join(voices)}")
        known = np.zeros(tune.pitch.shape, bool)
        known[:, list(parts)] = True
        whole, numbers = tune, numbered(tune)
    else:
        read = tune if isinstance(tune, Tune) else read_tune(tune)
        found = voices_of(read, tuple(voices))
        whole, numbers = chorale_of(read, found), read.numbers
        symbols, figures = read.symbols, read.figures
        sources = (Source(read, found),)
        known = np.zeros(whole.pitch.shape, bool)
        known[:, list(found)] = True
    pitch = np.where(known, whole.pitch, REST)
    score = Chorale(pitch, whole.struck & known, whole.fermata & known, whole.bars, whole.sharps,
                    whole.mode, whole.title)
    kept = Kept(score, known, rhythm.fermata_frames(score), numbers=numbers,
                symbols=symbols, figures=figures, sources=sources)
    if ranges is not None:
        check_ranges(kept, ranges)
    return kept


def numbered(chorale: Chorale) -> tuple[tuple[int, int, int], ...]:
    """The bars of a chorale as they are numbered in print, see `Kept`."""
    edges = [*(bar.start for bar in chorale.bars), len(chorale)]
    return tuple(zip(chorale.numbers(), edges[:-1], edges[1:], strict=True))


def free(tune: Tune, bars: tuple[int, int], voices: Sequence[str] = (),
         ranges: Ranges | None = None) -> Kept:
    """Keeps all of a piece but some bars of some voices.

    A note that begins before those bars is kept as long as it sounds in them; and where one sounds
    on after them, they end on its pitch.

    Args:
      tune: a file of four voices, as it was read.
      bars: the first and the last, as they are numbered in the file; an anacrusis is bar 0.
      voices: those that are composed anew; all if not given.
      ranges: the lowest and the highest pitch of each voice that can be sung.

    Raises:
      ImportingError: if the piece has other voices or no such bars, or a voice leaves its range.
    """
    whole = keep(tune, ranges=ranges)
    if not whole.known.all():
        raise ImportingError(f"{tune.title} has {len(tune.parts)} voices, and all four are needed "
                             f"to rewrite some of it; harmonize it first")
    for name in voices:
        if name not in VOICES:
            raise ImportingError(f"there is no voice {name!r}, only {', '.join(VOICES)}")
    first, last = bars
    spans = [(start, end) for number, start, end in tune.numbers if first <= number <= last]
    numbers = [number for number, _, _ in tune.numbers]
    if first > last or first not in numbers or last not in numbers:
        raise ImportingError(f"there are no bars {first}-{last} in {tune.title}, only "
                             f"{min(numbers)} to {max(numbers)}")
    if any(end != start for (_, end), (start, _) in itertools.pairwise(spans)):
        raise ImportingError(f"bars {first}-{last} of {tune.title} are not in one place; number "
                             f"its bars anew")
    drawn = {bar.start: bar for bar in tune.bars}
    for number, start, end in tune.numbers:
        if end - start > drawn[start].length:  # it could not be written again as it was
            raise ImportingError(f"bar {number} of {tune.title} is longer than {drawn[start].metre}"
                                 f"; draw the bar lines that it lacks")
    start, end = spans[0][0], spans[-1][1]
    score, known = whole.score, np.ones(whole.known.shape, bool)
    held = (score.pitch != REST) & ~score.struck
    allowed = np.ones((*known.shape, SILENCE + 1), bool)
    for voice in map(VOICES.index, voices or VOICES):
        begins = start + int(np.argmin(np.append(held[start:end, voice], False)))
        known[begins:end, voice] = False
        if end < len(score) and held[end, voice]:
            allowed[end - 1, voice] = np.arange(SILENCE + 1) == score.pitch[end, voice]
    if known.all():
        raise ImportingError(f"every note of bars {first}-{last} is held over from before them")
    return dataclasses.replace(whole, known=known, allowed=allowed)


def check_ranges(kept: Kept, ranges: Ranges) -> None:
    """Raises ImportingError if a given voice leaves its range: where, and which transposition would
    fit."""
    pitch, (low, high) = kept.score.pitch, np.array(ranges).T
    sounding = pitch != REST
    outside = sounding & ((pitch < low) | (pitch > high))
    if not outside.any():
        return
    frame, voice = np.argwhere(outside)[0]
    fits = min(transpositions(pitch, ranges), key=abs, default=None)
    advice = ("no transposition fits: it is wider than the range" if fits is None else
              f"transposed {'up' if fits > 0 else 'down'} by {interval(fits)} it fits")
    raise ImportingError(f"{kept.place(frame)}: the {VOICES[voice]} sings "
                         f"{name_of(pitch[frame, voice])}, and its range is {name_of(low[voice])} "
                         f"to {name_of(high[voice])}; {advice}")
