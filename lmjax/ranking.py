"""Which of several answers to a musician is the best."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lmjax.composer import Composer
from lmjax.data.dataset import Piece, piece_of
from lmjax.evaluate import build_likelihood
from lmjax.metrics import theory
from lmjax.metrics.likelihood import Likelihood
from lmjax.music import rhythm
from lmjax.music.chorale import Chorale

DRAWS = 8  # noise levels a piece, of the bound by which answers are ranked


class Ranked(NamedTuple):
    """One of several answers to a request.

    Attributes:
      chorale: the answer.
      parallels: fifths and octaves in it.
      nats_per_frame: `-log p` of the whole or its bound, by the model that composed it.
      draw: which of the request's draws it was, from 0.
    """

    chorale: Chorale
    parallels: int
    nats_per_frame: float
    draw: int


def ranked(composer: Composer, chorales: Sequence[Chorale]) -> list[Ranked]:
    """Answers to one request, the best first: those with the fewest parallel fifths and octaves
    and, of these, the likeliest.

    What is given is the same in all of them, so the likelihood of the whole ranks them as that of
    what was composed does.
    """
    likelihood = likelihood_of(composer)
    answers = []
    for draw, chorale in enumerate(chorales):
        # Each by itself: all are measured with the same noise.
        found = likelihood([piece_of(chorale)])
        parallels = len(theory.parallels(chorale.pitch))
        answers.append(Ranked(chorale, parallels, found.per_frame, draw))
    return sorted(answers, key=lambda answer: answer[1:])


@functools.lru_cache(maxsize=1)
def likelihood_of(composer: Composer) -> Callable[[Sequence[Piece]], Likelihood]:
    """The likelihood of whole pieces whose form is known, compiled once for all requests."""
    return build_likelihood(composer, dataclasses.replace(
        composer.settings.evaluation, length=0, draws=DRAWS, tracks=rhythm.NAMES))


def ranking(answers: Sequence[Ranked]) -> str:
    """The ranking as text."""
    lines = ["rank  parallels  nats per frame"]
    lines += [f"{number:4}  {answer.parallels:9}  {answer.nats_per_frame:14.2f}"
              for number, answer in enumerate(answers, 1)]
    return "\n".join(lines)
