"""What is measured of a set of chorales, be they Bach's or samples."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from lmjax.composer import Composer
from lmjax.data.dataset import Dataset, Piece, fits, metre_pieces
from lmjax.judge import bach_windows, reference_of
from lmjax.metrics import grade, likelihood, theory
from lmjax.metrics.bootstrap import median_interval
from lmjax.metrics.distances import separation
from lmjax.metrics.tables import Interval, Row, by_piece
from lmjax.music import rhythm
from lmjax.music.chorale import Chorale

GRADE = Row("Bach-or-Mock grade, median", 1, 2)
SEPARATION = Row("separation from Bach", 1, 3)
ROWS = {**theory.ROWS, "grade": GRADE, "separation": SEPARATION}
UNKNOWN = (float("nan"),) * 3


class Measured(NamedTuple):
    """What was measured of some chorales.

    Attributes:
      table: of `ROWS`, label -> (value, low, high).
      values: float[N, R], the counterpoint of each by itself, NaN where there is none.
      grades: float[N], NaN where a chorale has none.
    """

    table: dict[str, Interval]
    values: np.ndarray
    grades: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Bach:
    """The pieces that samples of a composer stand beside.

    Attributes:
      composer: whose config says which pieces are evaluated.
      data: where they are.
      frames: the length of the samples.
    """

    composer: Composer
    data: Dataset
    frames: int

    @property
    def split(self) -> str:
        """The split that samples are told from."""
        return self.composer.settings.evaluation.split

    def pieces(self, split: str) -> tuple[Piece, ...]:
        """The pieces of a split, in the metres that the config evaluates."""
        return metre_pieces(self.data.split(split), self.composer.settings.evaluation.metres)

    def windows(self, split: str) -> list[Chorale]:
        """A window of each piece that is long enough."""
        return bach_windows(self.pieces(split), self.frames)

    @functools.cached_property
    def values(self) -> np.ndarray:
        """float[M, R], the counterpoint of every window of the split."""
        return counterpoint(self.windows(self.split))

    @functools.cached_property
    def reference(self) -> grade.Reference:
        """What chorales are graded by: the whole pieces of the training split.

        Repeated notes are merged where the composer does not tell them from held ones.
        """
        return reference_of(self.pieces("train"),
                            merged=not self.composer.vocabulary.articulation)

    def grades(self, chorales: Iterable[Chorale]) -> np.ndarray:
        """The grade of each chorale, float[N], NaN where it has none."""
        results = grade.grades(chorales, self.reference)
        return np.array([result.total if isinstance(result, grade.Grade) else np.nan
                         for result in results])

    def measured(self, chorales: Sequence[Chorale], grades: np.ndarray) -> Measured:
        """All of `ROWS`, given the grades; see `separation` for the last."""
        values, known = counterpoint(chorales), grades[~np.isnan(grades)]
        table = theory.table(chorale.pitch for chorale in chorales)
        table[GRADE.label] = median_interval(known) if known.size else UNKNOWN
        table[SEPARATION.label] = separation(values, self.values)
        return Measured(table, values, grades)

    def bound(self, sigmas: np.ndarray | None = None) -> Interval:
        """The likelihood bound on the split, nats per frame.

        Args:
          sigmas: float[L], a ladder down which ancestral sampling goes; None for the bound of the
            model, the limit of infinitely many levels.
        """
        cfg, composer = self.composer.settings.evaluation, self.composer
        pieces = [p for p in self.pieces(self.split) if fits(p, composer.vocabulary.ranges)]
        parts = likelihood.parts_of(pieces, composer.vocabulary, cfg.length, cfg.stride,
                                    [rhythm.NAMES.index(name) for name in cfg.tracks])
        shared = (self._terms, composer.params, parts, composer.frequencies, cfg.draws)
        found = (likelihood.bound(*shared, cfg.sigma_min, cfg.sigma_max, cfg.batch_size)
                 if sigmas is None else
                 likelihood.ladder_bound(*shared, sigmas, cfg.batch_size))
        return found.per_frame, *found.interval

    @functools.cached_property
    def _terms(self) -> likelihood.Measure:
        """Compiled once for all ladders."""
        return likelihood.build_measure(self.composer.model.denoiser, self.composer.model.table)


def counterpoint(chorales: Iterable[Chorale]) -> np.ndarray:
    """float[N, R], the rows of `theory.ROWS` for each chorale by itself."""
    return by_piece([theory.count(chorale.pitch) for chorale in chorales], theory.ROWS)
