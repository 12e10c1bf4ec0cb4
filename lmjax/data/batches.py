"""Training batches: a pure function of a seed and a step."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lmjax.data.dataset import Piece
from lmjax.data.windows import Window, beats, cut, stack
from lmjax.music.tokens import Vocabulary
from lmjax.music.transpose import transpositions


@dataclasses.dataclass(frozen=True, eq=False)
class Batches:
    """Draws batches of windows from pieces.

    A piece is drawn in proportion to its length, its window starts on a beat, and its transposition
    is any that keeps every voice inside `ranges`.

    Attributes:
      pieces: of the training split.
      vocabulary: what the tokens mean.
      batch_size: B.
      length: T, in frames.
      ranges: per voice the lowest and highest pitch of a transposition; None to transpose nothing.
      keep_outside: what becomes of a piece that fits the ranges in no transposition: kept as
        written, or left out, as the paper does.

    Raises:
      ValueError: if no piece is left to draw from, or one leaves the vocabulary.
    """

    pieces: Sequence[Piece]
    vocabulary: Vocabulary
    batch_size: int
    length: int
    ranges: tuple[tuple[int, int], ...] | None = None
    keep_outside: bool = True
    choices: tuple[tuple[Piece, range, np.ndarray], ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        choices = []
        for piece in self.pieces:
            shifts = transpositions(piece.pitch, self.ranges) if self.ranges else range(1)
            if not shifts and self.keep_outside:
                shifts = range(1)
            inside = transpositions(piece.pitch, self.vocabulary.ranges)
            if any(shift not in inside for shift in shifts):
                raise ValueError(
                    f"{piece.name} would leave the vocabulary's voice ranges in training; choose "
                    "wider data.ranges, or narrower data.transpose and keep_outside=False")
            if shifts:
                choices.append((piece, shifts, beats(piece.tracks)))
        if not choices:
            raise ValueError("no piece is left to train on: none fits the voice ranges")
        object.__setattr__(self, "choices", tuple(choices))

    def __call__(self, seed: int, step: int) -> Window:
        """The batch of one step, with a leading axis B."""
        generator = np.random.Generator(np.random.Philox(key=[seed, step]))
        lengths = np.array([len(piece) for piece, _, _ in self.choices], float)
        drawn = generator.choice(len(self.choices), self.batch_size, p=lengths / lengths.sum())
        batch = stack([self._window(generator, *self.choices[i]) for i in drawn])
        # A padding token is there to be learned, like any other.
        return batch._replace(frames=batch.frames | self.vocabulary.padding)

    def _window(self, generator: np.random.Generator, piece: Piece, shifts: range,
                on_beat: np.ndarray) -> Window:
        semitones = shifts[generator.integers(len(shifts))]
        # Windows that would reach over an end are moved inside, so that the beginning and the end
        # of a piece are seen as often as its middle.
        over = self.length // 4
        last = max(len(piece) - self.length, 0)
        start = int(np.clip(generator.integers(-over, last + over + 1), 0, last))
        earlier = on_beat[on_beat <= start]
        start = int(earlier[-1]) if len(earlier) else 0
        return cut(piece, start, self.length, self.vocabulary, semitones)
