"""Whether a chorale is a whole: where it ends, and what its fermatas stand on.

A *root-position triad* is counted on one frame: three or more voices sound, and above the lowest
of them there is nothing but its octaves, a major or a minor third and a perfect fifth. The third
must be there; the fifth may be missing, as it often is at Bach's cadences. Open fifths and bare
octaves are not counted, nor diminished triads and seventh chords. The lowest note that sounds is
the root, whichever voice sings it.

The *tonic* is that of the opening key signature. In a major key its chord is the major triad; in
minor, the minor triad or, by a Picardy third, the major. Where the mode is not known, both the
major key of the signature and its relative minor are accepted. Keys are read as they are signed
today, but many minor ones of the time have a flat less or a sharp more (G minor with one flat), and
modal tunes end elsewhere: one in five of Bach's chorales ends on another note than this tonic.
"""

from collections.abc import Iterable

import numpy as np

from lmjax.metrics import tables
from lmjax.metrics.tables import Interval, Row
from lmjax.music.chorale import REST, VOICES, Chorale

MINOR_THIRD, MAJOR_THIRD, FIFTH = 3, 4, 7  # semitones
LEADING = 11  # from the root up to the note below it

ROWS = {
    "triad": Row("pieces that end on a root-position triad, %", 100, 1),
    "tonic": Row("pieces that end on the signature's tonic, %", 100, 1),
    "strong": Row("pieces whose last chord arrives on a strong beat, %", 100, 1),
    "fermata_triads": Row("fermatas on a root-position triad, %", 100, 1),
    "authentic": Row("fermatas with an authentic cadence, %", 100, 1),
    "fourths": Row("fermatas whose bass falls a fourth (plagal, half), %", 100, 1),
}


def table(chorales: Iterable[Chorale], seed: int = 0, draws: int = 1000) -> dict[str, Interval]:
    """The rows of `ROWS` for some chorales: label -> (value, low, high), see `tables.ratios`.

    Raises:
      ValueError: if there are no chorales.
    """
    counts = [count(chorale) for chorale in chorales]
    if not counts:
        raise ValueError("a table of wholeness needs at least one chorale")
    return tables.ratios(counts, ROWS, seed, draws)


def count(chorale: Chorale) -> tables.Counts:
    """The numerator and the denominator of every ratio of `ROWS` for one chorale.

    - triad: whether the last frame in which a voice sounds is a root-position triad;
    - tonic: whether that triad is the tonic's;
    - strong: whether the last bass note arrives on a strong beat (see `arrival`, `is_strong`);
    - fermata triads: the fermatas whose last frame is a root-position triad, over all fermatas;
    - authentic: those of them whose root the bass reaches from the fifth above or the fourth below
      it, from a chord with the leading note to that root (V-I), over all fermatas;
    - fourths: those whose root it reaches from the fourth above or the fifth below, such as IV-I,
      and I-V, over all fermatas.
    """
    sounding = np.flatnonzero((chorale.pitch != REST).any(1))
    triad = tonic = strong = False
    if len(sounding):
        end = int(sounding[-1])
        triad = is_triad(chorale.pitch[end])
        tonic = triad and _is_tonic(chorale.pitch[end], chorale.sharps, chorale.mode)
        strong = is_strong(chorale, arrival(chorale.pitch, end))
    moments = fermata_moments(chorale)
    closes = [end - 1 for _, end in moments if is_triad(chorale.pitch[end - 1])]
    approaches = [approach(chorale.pitch, frame) for frame in closes]
    return {
        "triad": (triad, 1), "tonic": (tonic, 1), "strong": (strong, 1),
        "fermata_triads": (len(closes), len(moments)),
        "authentic": (approaches.count("authentic"), len(moments)),
        "fourths": (approaches.count("fourth"), len(moments)),
    }


def fermata_moments(chorale: Chorale) -> list[tuple[int, int]]:
    """The moments under a fermata in order, as (first frame, end).

    Notes under a fermata that sound together are one moment, of the frames in which they all do:
    the last chord, where the bass walked to it under a long note of the melody.
    """
    notes = sorted((start, end) for voice in range(len(VOICES))
                   for start, end, _ in chorale.notes(voice) if chorale.fermata[start, voice])
    moments: list[tuple[int, int]] = []
    for start, end in notes:
        if moments and start < moments[-1][1]:
            moments[-1] = start, min(end, moments[-1][1])
        else:
            moments.append((start, end))
    return moments


def is_triad(frame: np.ndarray) -> bool:
    """Whether pitches int[4] are a root-position triad, as the module defines it."""
    sounding = frame[frame != REST]
    if len(sounding) < 3:
        return False
    above = {int(note) for note in (sounding - sounding.min()) % 12}
    return any(third in above and above <= {0, third, FIFTH}
               for third in (MINOR_THIRD, MAJOR_THIRD))


def _is_tonic(frame: np.ndarray, sharps: int, mode: str) -> bool:
    """Whether a root-position triad int[4] is the tonic's."""
    sounding = frame[frame != REST]
    root = sounding.min()
    degree = (root - 7 * sharps) % 12  # above the major key's tonic
    is_major = MAJOR_THIRD in (sounding - root) % 12
    return (mode != "minor" and degree == 0 and is_major) or (mode != "major" and degree == 9)


def arrival(pitch: np.ndarray, frame: int) -> int:
    """The frame from which the bass stays until `frame` on what it sounds there, octaves alike.

    The bass is the lowest voice that sounds; so an octave leap is no new arrival, and a suspension
    above it does not put it off.
    """
    bass = _bass(pitch[:frame + 1])
    other = np.flatnonzero(bass != bass[-1])
    return int(other[-1]) + 1 if len(other) else 0


def is_strong(chorale: Chorale, frame: int) -> bool:
    """Whether a frame is the first of a bar or, if the bar has an even four or more, of its half.

    So the third beat of 4/4 is strong, and the fourth of 6/8; in 2/4 and 3/4 only the first.
    """
    bar = [bar for bar in chorale.bars if bar.start <= frame][-1]
    position = frame - bar.start + bar.offset
    halves = bar.numerator % 2 == 0 and bar.numerator >= 4
    return position == 0 or (halves and 2 * position == bar.length)


def approach(pitch: np.ndarray, frame: int) -> str:
    """How the bass reaches the root that it sounds at a frame: "authentic", "fourth" or ""."""
    before = arrival(pitch, frame) - 1
    if before < 0 or (pitch[before] == REST).all():
        return ""
    root = _bass(pitch[frame:frame + 1])[0]
    step = (_bass(pitch[before:before + 1])[0] - root) % 12
    chord = pitch[before][pitch[before] != REST]
    if step == FIFTH and LEADING in (chord - root) % 12:
        return "authentic"
    return "fourth" if step == 12 - FIFTH else ""


def _bass(pitch: np.ndarray) -> np.ndarray:
    """The pitch class of the lowest voice that sounds in each frame of int[T, 4], -1 in silence."""
    lowest = np.where(pitch == REST, np.iinfo(pitch.dtype).max, pitch).min(1)
    return np.where((pitch == REST).all(1), REST, lowest % 12)
