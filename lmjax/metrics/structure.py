"""Repeated motives: how alike the bars of a piece are, in melody and in harmony.

A piece is cut into its whole bars; an upbeat and what is left at the end are passed over. Passages
of one or more bars are compared by

- *melody*: the largest share of frames that agree under one transposition of the soprano, a rest
  agreeing with a rest alone. Interval and rhythm count together: a held note agrees for as long
  as it is held. Sequences by step of the scale agree where their intervals are the same.
- *harmony*: the pitch classes that sound at the beginning of each quarter beat, not transposed;
  shared classes over all classes of the two sets (Jaccard 1912), averaged over beats. Silence
  agrees with silence.

That a passage is like another says little by itself: a piece of one chord is all alike, and among
many bars some are similar by chance. So the same is measured with the bars of each piece in random
order, which breaks up passages of several bars: what is lost is what the piece repeats. (Single
bars lose next to nothing, as the same bars are there in any order.)
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from lmjax.metrics import tables
from lmjax.metrics.tables import Interval, Row
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, SIXTEENTHS_PER_WHOLE, Chorale

SPAN = 2  # bars in a passage
SHUFFLES = 10

ROWS = {
    "melody": Row("melody: likeness of two bars to the most alike, %", 100, 1),
    "melody_order": Row("melody: of it lost with the bars shuffled, points", 100, 1),
    "harmony": Row("harmony: likeness of two bars to the most alike, %", 100, 1),
    "harmony_order": Row("harmony: of it lost with the bars shuffled, points", 100, 1),
}


class Barred(NamedTuple):
    """A piece and its bar lines: pitches int[T, 4], and in sixteenths the bar and the upbeat.

    Of a piece without metre, bars of 4/4 from its first frame are assumed.
    """

    pitch: np.ndarray
    bar: int = SIXTEENTHS_PER_WHOLE
    anacrusis: int = 0


def barred(chorale: Chorale) -> Barred:
    """The pitches of a chorale with its first metre, which is taken to hold throughout."""
    first, *others = chorale.bars
    upbeat = others[0].start if first.offset and others else 0
    return Barred(chorale.pitch, first.length, upbeat)


def table(pieces: Iterable[Barred], seed: int = 0, draws: int = 1000) -> dict[str, Interval]:
    """The rows of `ROWS` for some pieces: label -> (value, low, high), see `tables.ratios`.

    Long pieces have more passages to be like: compare only pieces, such as windows from a bar line,
    of the same number of bars.

    Args:
      pieces: with their bars.
      seed: of the shuffles and of the bootstrap.
      draws: bootstrap samples.

    Raises:
      ValueError: if there are no pieces, or pitches have another shape than [T, 4].
    """
    generator = np.random.default_rng(seed)
    counts = [count(piece, generator) for piece in pieces]
    if not counts:
        raise ValueError("a table of structure needs at least one piece")
    return tables.ratios(counts, ROWS, seed, draws)


def count(piece: Barred, generator: np.random.Generator) -> tables.Counts:
    """The numerator and the denominator of every ratio of `ROWS` for one piece.

    - melody, harmony: the likeness of each passage of `SPAN` bars to the most alike, summed over
      passages (see `nearest`);
    - order: that sum, less the same with the bars shuffled (the mean of `SHUFFLES` times).
    """
    counts: tables.Counts = {}
    others = [shuffled(piece, generator) for _ in range(SHUFFLES)]
    for name, likeness in (("melody", melody), ("harmony", harmony)):
        found = nearest(likeness(piece))
        chance = np.mean([nearest(likeness(other)).sum() for other in others])
        counts[name] = float(found.sum()), len(found)
        counts[f"{name}_order"] = float(found.sum() - chance), len(found)
    return counts


def melody(piece: Barred, span: int = SPAN) -> np.ndarray:
    """The likeness of the melodies of all passages, float[N, N], N = whole bars - span + 1."""
    bars = _bars(piece)[:, :, 0]
    passages = _passages(bars, span)
    sounding = passages != REST
    both = sounding[:, None] & sounding[None]
    shift = np.where(both, passages[:, None] - passages[None], np.iinfo(np.int64).max)
    silent = np.sum(~sounding[:, None] & ~sounding[None], axis=-1)
    agree = np.zeros(shift.shape[:2], int)
    for semitones in np.unique(shift[both]):
        agree = np.maximum(agree, np.sum(shift == semitones, axis=-1))
    return (agree + silent) / passages.shape[-1]


def harmony(piece: Barred, span: int = SPAN) -> np.ndarray:
    """The likeness of the harmonies of all passages, float[N, N], N = whole bars - span + 1."""
    beats = _bars(piece)[:, ::FRAMES_PER_QUARTER]
    sets = ((beats[..., None] % 12 == np.arange(12)) & (beats[..., None] != REST)).any(2)
    passages = _passages(sets, span)
    shared = np.sum(passages[:, None] & passages[None], axis=-1)
    either = np.sum(passages[:, None] | passages[None], axis=-1)
    return np.where(either == 0, 1, shared / np.maximum(either, 1)).mean(-1)


def nearest(likeness: np.ndarray, span: int = SPAN) -> np.ndarray:
    """How alike each passage is to the most alike other, float[M] from float[N, N].

    Passages that overlap are not compared, nor single bars that adjoin: a note held over the bar
    line is no motive. A passage that is left with none to be compared with is left out.
    """
    place = np.arange(len(likeness))
    apart = np.abs(place[:, None] - place) >= max(span, 2)
    best = np.where(apart, likeness, -1).max(1, initial=-1)
    return best[apart.any(1)]


def shuffled(piece: Barred, generator: np.random.Generator) -> Barred:
    """The whole bars of a piece in random order."""
    bars = _bars(piece)
    return Barred(generator.permutation(bars).reshape(-1, 4), piece.bar)


def _bars(piece: Barred) -> np.ndarray:
    """The whole bars, int64[bars, frames, 4]."""
    pitch = np.asarray(piece.pitch, np.int64)
    if pitch.ndim != 2 or pitch.shape[1] != 4:
        raise ValueError(f"structure is measured on pitches [frames, 4], not {pitch.shape}")
    whole = pitch[piece.anacrusis:]
    count = len(whole) // piece.bar
    return whole[:count * piece.bar].reshape(count, piece.bar, 4)


def _passages(bars: np.ndarray, span: int) -> np.ndarray:
    """Every `span` bars in a row of [bars, frames, ...], as [N, span * frames, ...]."""
    count = max(len(bars) - span + 1, 0)
    places = np.arange(count)[:, None] + np.arange(span)
    return bars[places].reshape(count, span * bars.shape[1], *bars.shape[2:])
