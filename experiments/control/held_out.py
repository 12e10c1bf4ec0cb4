"""Held-out chorales completed from a part of them, beside Bach's own: see README.md.

    python -m experiments.control.held_out
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

import jax
import numpy as np

from experiments.command import add_model, held_out, running
from lmjax import judge
from lmjax.columns import composer_of
from lmjax.composer import Composer
from lmjax.composing import draw
from lmjax.data.dataset import load_dataset, piece_of
from lmjax.families import family_of
from lmjax.files import make_folder, write_bytes
from lmjax.metrics import grade, tables, theory
from lmjax.metrics.likelihood import NoiseBound, Part, parts_of
from lmjax.metrics.tables import Interval, Row, format_table
from lmjax.music import rhythm
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Chorale
from lmjax.requests.keep import Kept, keep

MIDDLE = "middle third anew"
GIVEN = {"soprano given": ["soprano"], "bass given": ["bass"],
         "soprano and bass given": ["soprano", "bass"], MIDDLE: list(VOICES)}
AGREEMENT = {
    **{name: Row(f"cells of the {name} as Bach has them, %", 100, 1) for name in VOICES},
    "chords": Row("beats with Bach's pitch classes, %", 100, 1)}
NATS = Row("Bach's own answer, at most so many nats per frame", 1, 2)
GRADE = Row("Bach-or-Mock grade, median", 1, 2)
ROWS = {**AGREEMENT, **theory.ROWS}  # which are counted piece by piece


def kept_of(chorale: Chorale, condition: str) -> Kept:
    """What a condition keeps of a chorale."""
    kept = keep(chorale, GIVEN[condition])
    if condition != MIDDLE:
        return kept
    beat = len(chorale) // FRAMES_PER_QUARTER
    known = kept.known.copy()
    known[beat // 3 * FRAMES_PER_QUARTER:2 * beat // 3 * FRAMES_PER_QUARTER] = False
    return Kept(chorale, known, kept.fermata)


def agreement(made: Chorale, bach: Chorale, known: np.ndarray) -> tables.Counts:
    """How far what was composed is what Bach wrote; what was given does not count."""
    same = made.pitch == bach.pitch
    counts: tables.Counts = {
        name: (float((same & ~known)[:, voice].sum()), float((~known)[:, voice].sum()))
        for voice, name in enumerate(VOICES)}
    beats = [frame for frame in range(0, len(bach), FRAMES_PER_QUARTER) if not known[frame].all()]
    chords = sum(classes(made.pitch[frame]) == classes(bach.pitch[frame]) for frame in beats)
    return counts | {"chords": (float(chords), float(len(beats)))}


def classes(frame: np.ndarray) -> set[int]:
    """The pitch classes that sound."""
    return set((frame[frame != REST] % 12).tolist())


def reference_of(composer: Composer, path: str | None) -> grade.Reference:
    """What is graded by: the pieces of the split that a composer was trained on."""
    source = composer.settings.data
    training = load_dataset(source.source, path or source.path).split("train")
    return judge.reference_of(training, merged=not composer.vocabulary.articulation)


def graded(chorales: Sequence[Chorale], reference: grade.Reference) -> Interval:
    """The median grade of chorales, and its 95 % bootstrap interval."""
    found = grade.summary(grade.grades([judge.notes_of(chorale.pitch, chorale.struck)
                                        for chorale in chorales], reference))
    return found.median, found.low, found.high


def complete(composer: Composer, chorales: Sequence[Chorale], condition: str,
             reference: grade.Reference, seed: int = 0, progress: bool = True,
             ) -> dict[str, Interval]:
    """Completes chorales of which a condition keeps some, one time each.

    Returns:
      The rows of `ROWS` and `GRADE`: label -> (value, low, high), NaN where all was given.
    """
    kept = [kept_of(chorale, condition) for chorale in chorales]
    drawn = draw(composer, jax.random.key(seed), len(kept), [one.request for one in kept],
                 composer.settings.compose.batch_size, progress)
    made = [one.chorale(*drawn.notes(number)) for number, one in enumerate(kept)]
    for one, finished in zip(kept, made, strict=True):
        assert (finished.pitch == one.score.pitch)[one.known].all()
    counts = [agreement(finished, bach, one.known) | theory.count(finished.pitch)
              for finished, bach, one in zip(made, chorales, kept, strict=True)]
    return tables.ratios(counts, ROWS) | {GRADE.label: graded(made, reference)}


def surprise(composer: Composer, chorales: Sequence[Chorale], condition: str,
             progress: bool = True) -> Interval | None:
    """The bound on `-log p` of what Bach wrote, given what a condition keeps, per frame of which
    something was composed; None of models for which there is none.

    The model is told the tracks that its `evaluation` names.
    """
    cfg = composer.settings.evaluation
    measure = family_of(composer.settings).likelihood(
        composer.model, cfg.draws, (cfg.sigma_min, cfg.sigma_max))
    pieces = [piece_of(chorale) for chorale in chorales]
    parts = [part._replace(known=padded(kept_of(chorales[part.piece], condition).known, part))
             for part in parts_of(pieces, composer.vocabulary, 0, 0,
                                  [rhythm.NAMES.index(name) for name in cfg.tracks])]
    found = measure(composer.params, parts, composer.frequencies, cfg.batch_size, progress)
    if not isinstance(found, NoiseBound):
        return None
    return found.per_frame, *found.interval


def padded(known: np.ndarray, part: Part) -> np.ndarray:
    """The given cells bool[T, 4] of a piece, as long as the window that it is measured in."""
    return np.pad(known, ((0, len(part.window.frames) - len(known)), (0, 0)))


def main(argv: Sequence[str] | None = None) -> None:
    """Completes held-out chorales from a part of them."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.control.held_out", description=main.__doc__)
    add_model(parser, "runs/held_out")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    options = parser.parse_args(argv)
    with running():
        composer = composer_of(options.workdir or "pretrained/ncsn")
        chorales = [piece.chorale for piece in held_out(composer, options.data) if piece.chorale]
        if not chorales:
            raise ValueError("the model's music states no form, so there is nothing to be kept")
        reference = reference_of(composer, options.data)
        made = {condition: complete(composer, chorales, condition, reference, options.seed)
                for condition in GIVEN}
        nan = float("nan")
        for condition, columns in made.items():
            columns[NATS.label] = surprise(composer, chorales, condition) or (nan, nan, nan)
        bach = {row.label: (nan, nan, nan) for row in (*AGREEMENT.values(), NATS)} | theory.table(
            [chorale.pitch for chorale in chorales]) | {GRADE.label: graded(chorales, reference)}
        columns = {**made, f"Bach ({composer.settings.evaluation.split})": bach}
        folder = make_folder(pathlib.Path(options.folder))
        text = format_table(columns, ROWS | {"grade": GRADE, "nats": NATS})
        write_bytes(folder / "held_out.md", f"{text}\n".encode())
        write_bytes(folder / "held_out.json", json.dumps(columns, indent=1).encode())
        print(text)


if __name__ == "__main__":
    main()
