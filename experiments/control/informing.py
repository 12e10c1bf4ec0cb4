"""The network is told what is asked, or what comes of it is merely clamped: see README.md.

    python -m experiments.control.informing
"""

import argparse
import dataclasses
import functools
import json
import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.command import add_model, fields_of, held_out, running
from experiments.control.held_out import (
    GRADE,
    ROWS,
    agreement,
    classes,
    graded,
    reference_of,
)
from lmjax.columns import composer_of
from lmjax.composer import Composer
from lmjax.composing import draw
from lmjax.files import make_folder, write_bytes
from lmjax.metrics import grade, tables, theory
from lmjax.metrics.tables import Interval, format_table
from lmjax.music.chorale import FRAMES_PER_QUARTER, VOICES, Chorale
from lmjax.networks.score import Params, ScoreModel
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised
from lmjax.requests.keep import Kept, keep
from lmjax.requests.request import SILENCE

CONDITIONS = ("soprano given", "Bach's pitch classes on each beat", "bass from E2 to C3")


@dataclasses.dataclass(frozen=True, eq=False)
class DeafModel(ScoreModel):
    """A score model that is told nothing of given cells and of what is allowed."""

    def denoiser(self, params: Params, dropout_key: jax.Array | None = None) -> Denoise:
        """As that of `ScoreModel`."""
        hearing = super().denoiser(params, dropout_key)

        def deaf(x: jax.Array, sigma: jax.Array, m: Condition) -> Denoised:
            return hearing(x, sigma, m._replace(
                known=jnp.zeros_like(m.known), tokens=jnp.zeros_like(m.tokens), allowed=None))

        return deaf


class DeafComposer(Composer):
    """A composer whose model is a `DeafModel`: what is asked of it is clamped."""

    @functools.cached_property
    def model(self) -> ScoreModel:
        """The pure functions that the parameters belong to."""
        return DeafModel(**fields_of(super().model))


def replacing(composer: Composer) -> Composer:
    """The deaf composer to which given cells are shown as noised truth, the fallback of a network
    that was trained without given cells."""
    condition = dataclasses.replace(composer.settings.condition, known=0.0)
    settings = dataclasses.replace(composer.settings, condition=condition)
    return DeafComposer(**fields_of(composer) | {"settings": settings})


def asked_of(chorale: Chorale, condition: str) -> Kept:
    """What a condition asks, of which Bach's chorale is an answer (but for the bass's range)."""
    if condition == "soprano given":
        return keep(chorale, ["soprano"])
    nothing = dataclasses.replace(keep(chorale), known=np.zeros(chorale.pitch.shape, bool))
    allowed = np.ones((*chorale.pitch.shape, SILENCE + 1), bool)
    if condition == CONDITIONS[1]:
        for beat in range(0, len(chorale), FRAMES_PER_QUARTER):
            frames = slice(beat, beat + FRAMES_PER_QUARTER)
            own = set.union(*(classes(frame) for frame in chorale.pitch[frames]))
            allowed[frames] = np.append(np.isin(np.arange(SILENCE) % 12, list(own)), not own)
    else:
        allowed[:, VOICES.index("bass"), :40] = False
        allowed[:, VOICES.index("bass"), 49:SILENCE] = False
    return dataclasses.replace(nothing, allowed=allowed)


def compare(composer: Composer, chorales: Sequence[Chorale], reference: grade.Reference,
            condition: str, seed: int, progress: bool = True) -> dict[str, dict[str, Interval]]:
    """The rows of `ROWS`, and the grade, of answers one way and another."""
    ways = {"informed": composer, "clamped": DeafComposer(**fields_of(composer))}
    if condition == "soprano given":
        ways["given cells as noised truth"] = replacing(composer)
    kept = [asked_of(chorale, condition) for chorale in chorales]
    made = {}
    for name, way in ways.items():
        drawn = draw(way, jax.random.key(seed), len(kept), [one.request for one in kept],
                     composer.settings.compose.batch_size, progress)
        answers = [one.chorale(*drawn.notes(n)) for n, one in enumerate(kept)]
        assert not any(one.request.broken(answer.pitch, answer.struck).any()
                       for one, answer in zip(kept, answers, strict=True))
        counts = [agreement(answer, bach, one.known) | theory.count(answer.pitch)
                  for answer, bach, one in zip(answers, chorales, kept, strict=True)]
        made[name] = tables.ratios(counts, ROWS) | {GRADE.label: graded(answers, reference)}
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Compares answers of a network that is told what is asked with merely clamped ones."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.control.informing", description=main.__doc__)
    add_model(parser, "runs/informing")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--pieces", type=int, help="how many, if not all of the split")
    options = parser.parse_args(argv)
    with running():
        composer = composer_of(options.workdir or "pretrained/ncsn")
        reference = reference_of(composer, options.data)
        chorales = [piece.chorale for piece in held_out(composer, options.data) if piece.chorale]
        chorales = chorales[:options.pieces]
        if not chorales:
            raise ValueError("the model's music states no form, so there is nothing to be kept")
        text, rows = [], ROWS | {"grade": GRADE}
        made = {condition: compare(composer, chorales, reference, condition, options.seed)
                for condition in CONDITIONS}
        nan = float("nan")
        bach = dict.fromkeys((row.label for row in rows.values()), (nan, nan, nan)) | theory.table(
            [chorale.pitch for chorale in chorales]) | {GRADE.label: graded(chorales, reference)}
        for condition, columns in made.items():
            columns[f"Bach ({composer.settings.evaluation.split})"] = bach
            text.append(f"**{condition}**\n\n{format_table(columns, rows)}")
        folder = make_folder(pathlib.Path(options.folder))
        write_bytes(folder / "informing.md", ("\n\n".join(text) + "\n").encode())
        write_bytes(folder / "informing.json", json.dumps(made, indent=1).encode())
        print("\n\n".join(text))


if __name__ == "__main__":
    main()
