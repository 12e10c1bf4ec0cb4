"""What the grade looks at in a chorale: histograms of its notes, chords, steps and repeats."""

import dataclasses
import itertools
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from lmjax.metrics.repeats import repeated_lengths
from lmjax.music.chorale import REST, VOICES, Chorale
from lmjax.music.chords import chord_kind
from lmjax.music.key import AARDEN, estimate_key
from lmjax.music.spelling import fifths

Histogram = Counter[Any]  # by category, of whatever type it is
Notes = list[tuple[int, int, int]]  # start, end, pitch, as of `Chorale.notes`

INTERVALS = tuple(f"{voice}_interval" for voice in VOICES)
UPPER, LOWER = np.triu_indices(len(VOICES), k=1)
HOLD = -2  # beside pitches and REST, in the line of a voice


class Features(NamedTuple):
    """What is counted in a chorale.

    Attributes:
      mode: "major" or "minor", estimated from the notes.
      histograms: counts by category, by the name of the term of the grade.
      parallels: the parallel "fifth"s and "octave"s.
      notes: how many notes are struck.
    """

    mode: str
    histograms: dict[str, Histogram]
    parallels: Counter[str]
    notes: int


def features(chorale: Chorale) -> Features:
    """Counts what the grade looks at.

    The key is estimated as music21 does, and decides the spelling, so that nothing but the notes
    matters. The categories of each histogram:

    - note: a place on the line of fifths, counted from the key signature's, which is a degree of
      the key and its accidental; or "rest". Counted once a sixteenth.
    - rhythm: the sixteenths that a note or a rest lasts.
    - harmonic_quality: the kind of the chord at each frame where a note or rest begins.
    - soprano_interval, ...: from a note to the next, none across rests, the voice's first left
      out: its semitones and its steps on the line of fifths, which are its name and direction.
    - repeated_sequence: lengths in sixteenths, weighted by occurrences, of what returns in a
      voice (see `repeated_lengths`). A voice is a line of pitches, where notes begin, and holds.
    """
    sharps, mode = estimate_key(chorale.pitch, AARDEN)
    sounding = chorale.pitch != REST
    names = np.where(sounding, fifths(chorale.pitch, sharps) - sharps, 0)
    voices = [chorale.notes(voice) for voice in range(len(VOICES))]
    histograms: dict[str, Histogram] = {
        "note": Counter(names[sounding].tolist()),
        "rhythm": Counter(end - start for notes in voices for start, end, _ in notes),
        "harmonic_quality": _chords(chorale.pitch, voices, sharps),
        **{term: _intervals(notes, names[:, voice])
           for voice, (term, notes) in enumerate(zip(INTERVALS, voices, strict=True))},
        "repeated_sequence": sum((_repeats(notes) for notes in voices), Counter())}
    rests = int((~sounding).sum())
    if rests:
        histograms["note"]["rest"] = rests
    return Features(mode, histograms, parallels(chorale), int(chorale.struck.sum()))


def merge_repeats(chorale: Chorale) -> Chorale:
    """The chorale with notes of the same pitch that follow each other merged into one.

    A merged note bears a fermata if one of its notes did.
    """
    pitch = chorale.pitch
    struck = np.concatenate([[[True] * len(VOICES)], pitch[1:] != pitch[:-1]]) & (pitch != REST)
    frames, voices = np.nonzero(chorale.fermata)
    fermata = np.zeros_like(struck)
    fermata[_begun(struck)[frames, voices], voices] = True
    return dataclasses.replace(chorale, struck=struck, fermata=fermata)


def parallels(chorale: Chorale) -> Counter[str]:
    """Parallel fifths and octaves, over all six pairs of voices.

    Two voices that sound a fifth (an octave or unison), compounds included, and move at once to
    notes that are again a fifth (an octave or unison) apart, be it in contrary motion; unless one
    of the notes that they leave bears a fermata.
    """
    pitch = chorale.pitch.astype(int)
    halted = np.take_along_axis(chorale.fermata, _begun(chorale.struck), axis=0)
    moves = ((pitch[1:] != pitch[:-1]) & (pitch[1:] != REST) & (pitch[:-1] != REST)
             & ~halted[:-1])
    kind = np.abs(pitch[:, UPPER] - pitch[:, LOWER]) % 12
    kept = moves[:, UPPER] & moves[:, LOWER] & (kind[1:] == kind[:-1])
    return Counter({"fifth": int((kept & (kind[1:] == 7)).sum()),
                    "octave": int((kept & (kind[1:] == 0)).sum())})


def _begun(struck: np.ndarray) -> np.ndarray:
    """int[T, V]: the frame where the latest note of each voice was struck, 0 before the first."""
    frames = np.arange(len(struck))[:, None]
    return np.maximum.accumulate(np.where(struck, frames, 0), axis=0)


def _chords(pitch: np.ndarray, voices: list[Notes], sharps: int) -> Histogram:
    """The kinds of the chords at the frames where any note or rest begins."""
    begins = sorted({start for notes in voices for start, _, _ in notes})
    sounding = ([midi for midi in pitch[frame].tolist() if midi != REST] for frame in begins)
    return Counter(chord_kind(chord, sharps) for chord in sounding if chord)


def _intervals(notes: Notes, names: np.ndarray) -> Histogram:
    """The intervals of a voice, without the first, as semitones and steps of a fifth."""
    found = [(after - before, int(names[at] - names[start]))
             for (start, _, before), (at, _, after) in itertools.pairwise(notes)
             if REST not in (before, after)]
    return Counter(found[1:])


def _repeats(notes: Notes) -> Histogram:
    """The lengths of what returns in a voice."""
    line = np.full(notes[-1][1], HOLD)
    for start, _, pitch in notes:
        line[start] = pitch  # in one piece a pitch has one name
    onsets = np.array([start for start, _, pitch in notes if pitch != REST], int)
    return Counter(repeated_lengths(line, onsets))
