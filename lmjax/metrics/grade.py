"""The Bach-or-Mock grade: how unlike Bach's a chorale's statistics are. Lower is better.

After Fang et al. (2020), "Bach or Mock? A Grading Function for Chorales in the Style of J. S.
Bach", arXiv 2006.13329. The grade is the plain sum of nine terms, eight of them distances between
a histogram of the chorale and the same histogram of a reference.

Whether repeated notes are struck again moves the grade as much as a model does, so a reference is
built for one representation, and chorales are brought to it before they are graded. Build it from
training pieces: one that contains the graded pieces flatters them. Compare pieces of like length:
the histograms of a short one are sparse, and grade it worse. The parallel error term is blind to
the number of errors where about one in four is an octave, so each grade carries the plain error
rate too.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lmjax.metrics.bootstrap import median_interval
from lmjax.metrics.features import INTERVALS, Features, Histogram, features, merge_repeats
from lmjax.music.chorale import Chorale

# By mode, because the two differ too much for one histogram to speak for both.
BY_MODE = ("note", "harmonic_quality", *INTERVALS)
TERMS = ("note", "rhythm", "parallel_error", "harmonic_quality", *INTERVALS, "repeated_sequence")

# Bach's parallels as the paper's code has them: the shares of fifths and octaves, and how many
# errors there are for each note.
FIFTHS_AND_OCTAVES, ERRORS_PER_NOTE = (0.744, 0.256), 0.0016033


class Ungradable(ValueError):
    """Why a chorale has no grade."""


class Ungraded(NamedTuple):
    """Stands in a list of grades for a chorale that has none, and says why."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Grade:
    """The grade of a chorale.

    Attributes:
      terms: the nine distances by their names in `TERMS`, each 0 at best.
      parallels_per_note: parallel fifths and octaves for each note struck, as a plain rate.
    """

    terms: Mapping[str, float]
    parallels_per_note: float

    @property
    def total(self) -> float:
        """The sum of the terms."""
        return sum(self.terms.values())


class Summary(NamedTuple):
    """What a set of pieces was graded.

    Attributes:
      median: of the totals of the graded pieces.
      low, high: the ends of its 95 % bootstrap interval over pieces.
      graded: how many pieces have a grade.
      ungraded: the reasons of those that have none, one each.
    """

    median: float
    low: float
    high: float
    graded: int
    ungraded: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """The histograms that chorales are compared with.

    Attributes:
      merged: the representation, whether repeated notes are merged into one.
      histograms: counts by category, by (term, mode); the mode is "" where both are pooled.
    """

    merged: bool
    histograms: Mapping[tuple[str, str], Histogram]

    @classmethod
    def of(cls, chorales: Iterable[Chorale], *, merged: bool) -> "Reference":
        """The reference that some chorales make: those of the training split.

        Raises:
          ValueError: if there are none.
        """
        histograms: dict[tuple[str, str], Histogram] = {}
        for chorale in chorales:
            found = _features(chorale, merged)
            for term, histogram in found.histograms.items():
                histograms.setdefault(_place(term, found.mode), Counter()).update(histogram)
        if not histograms:
            raise ValueError("a reference needs at least one chorale")
        return cls(merged, histograms)


def grade(chorale: Chorale, reference: Reference) -> Grade:
    """Grades a chorale, in the representation of the reference.

    Raises:
      Ungradable: if a term cannot be computed, for want of anything to count in the chorale or
        in the reference.
    """
    found = _features(chorale, reference.merged)
    terms = {term: _term(term, found, reference) for term in TERMS}
    return Grade(terms, found.parallels.total() / found.notes)


def grades(chorales: Iterable[Chorale], reference: Reference) -> list[Grade | Ungraded]:
    """The grades of some chorales, in their order, each as of `grade` or the reason for none."""
    results: list[Grade | Ungraded] = []
    for chorale in chorales:
        try:
            results.append(grade(chorale, reference))
        except Ungradable as error:
            results.append(Ungraded(str(error)))
    return results


def totals(results: Iterable[Grade | Ungraded]) -> np.ndarray:
    """float[N]: the totals of the pieces that are graded, such as for `distances.auc`."""
    return np.array([result.total for result in results if isinstance(result, Grade)], float)


def summary(results: Sequence[Grade | Ungraded], seed: int = 0, draws: int = 1000) -> Summary:
    """The median grade of some pieces; NaN where none is graded."""
    reasons = tuple(result.reason for result in results if isinstance(result, Ungraded))
    values = totals(results)
    interval = median_interval(values, seed, draws) if values.size else (float("nan"),) * 3
    return Summary(*interval, len(values), reasons)


def rank_wasserstein(counts: Histogram, reference: Histogram) -> float:
    """The Wasserstein-1 distance of two histograms whose categories have no order of their own.

    The reference's categories take the places 0, 1, ... by falling frequency; those that it lacks
    follow, the rarest first.

    Raises:
      ValueError: if either is empty.
    """
    places = sorted(reference, key=lambda category: (-reference[category], repr(category)))
    places += sorted(counts.keys() - reference.keys(),
                     key=lambda category: (counts[category], repr(category)))
    return _wasserstein([counts[category] for category in places],
                        [reference[category] for category in places])


def length_wasserstein(counts: Histogram, reference: Histogram) -> float:
    """The Wasserstein-1 distance of two histograms of lengths, in the unit of the lengths.

    Raises:
      ValueError: if either is empty.
    """
    lengths = range(max([*counts, *reference], default=0) + 1)
    return _wasserstein([counts[length] for length in lengths],
                        [reference[length] for length in lengths])


def _wasserstein(counts: Sequence[float], reference: Sequence[float]) -> float:
    """The Wasserstein-1 distance of two histograms over the same places, one apart."""
    if not sum(counts) or not sum(reference):
        raise ValueError("a distance needs something to count on both sides")
    apart = np.array(counts) / sum(counts) - np.array(reference) / sum(reference)
    return float(np.abs(np.cumsum(apart)[:-1]).sum())


def _features(chorale: Chorale, merged: bool) -> Features:
    """What is counted in a chorale in one of the representations."""
    return features(merge_repeats(chorale) if merged else chorale)


def _place(term: str, mode: str) -> tuple[str, str]:
    """Where the reference keeps the histogram of a term."""
    return term, mode if term in BY_MODE else ""


def _term(term: str, found: Features, reference: Reference) -> float:
    """One of the nine terms."""
    if term == "parallel_error":
        return _parallel_error(found)
    place = _place(term, found.mode)
    counts, expected = found.histograms[term], reference.histograms.get(place, Counter())
    if not counts:
        raise Ungradable(f"the piece has nothing to count for {term}")
    if not expected:
        raise Ungradable(f"the reference has no {term}" + f" in {place[1]}" * bool(place[1]))
    distance = length_wasserstein if term == "repeated_sequence" else rank_wasserstein
    return distance(counts, expected)


def _parallel_error(found: Features) -> float:
    """The distance of the kinds of parallels from Bach's, times how much more there are."""
    errors = found.parallels.total()
    if not errors:
        return 0.0
    kinds = [found.parallels["fifth"], found.parallels["octave"]]
    return _wasserstein(kinds, FIFTHS_AND_OCTAVES) * errors / found.notes / ERRORS_PER_NOTE
