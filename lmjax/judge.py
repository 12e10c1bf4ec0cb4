"""Samples beside Bach: all that is measured on notes, by the same code on both."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from lmjax.composer import Composer
from lmjax.composing import compose, draw, draw_forms
from lmjax.data.dataset import Piece
from lmjax.data.windows import beats
from lmjax.metrics import grade, liveliness, structure, theory, wholeness
from lmjax.metrics.bootstrap import median_interval
from lmjax.metrics.distances import auc
from lmjax.metrics.memorisation import shared_runs, training_runs
from lmjax.metrics.tables import Interval, format_table
from lmjax.music import rhythm
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Bar, Chorale
from lmjax.requests.form import Form
from lmjax.requests.prior import FormPrior, draw_form

Tables = dict[str, dict[str, Interval]]  # column -> row -> value and 95 % interval

TRIES = 64  # forms that are drawn for one window, at most


class Figure(NamedTuple):
    """One number for each piece, of samples and of Bach.

    Attributes:
      samples: the median and its 95 % interval.
      bach: the same.
      auc: the share of pairs in which a sample's is larger, with its 95 % interval: 0.5 where the
        two cannot be told apart.
      note: what else has to be known, "" if nothing.
    """

    samples: Interval
    bach: Interval
    auc: Interval
    note: str = ""


def notes_of(pitch: np.ndarray, struck: np.ndarray) -> Chorale:
    """A window as a chorale of which pitches int[T, 4] and re-attacks bool[T, 4] alone count."""
    struck = struck.copy()
    struck[0] = pitch[0] != REST  # it may begin inside a note
    return Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 4, 4),))


def bach_windows(pieces: Sequence[Piece], length: int, seed: int = 0) -> list[Chorale]:
    """A window of `length` frames from each piece that lasts so long, starting on any beat.

    Raises:
      ValueError: if no piece does.
    """
    generator, windows = np.random.default_rng(seed), []
    for piece in pieces:
        starts = beats(piece.tracks)
        starts = starts[starts + length <= len(piece)]
        if len(starts):
            here = slice(start := generator.choice(starts), start + length)
            windows.append(notes_of(piece.pitch[here], piece.struck[here]))
    if not windows:
        raise ValueError(f"no piece of the split lasts {length} sixteenths; lower "
                         f"evaluation.sample_length")
    return windows


def sample_windows(composer: Composer, num: int, length: int, metres: Sequence[str] = (),
                   seed: int = 0, progress: bool = False) -> tuple[list[Chorale], float]:
    """Windows of pieces that were never written (see `window_tracks`), and the seconds that
    composing each of them took."""
    drawn = draw(composer, jax.random.key(seed), num,
                 window_tracks(composer, num, length, metres, seed),
                 composer.settings.compose.batch_size, progress)
    return [notes_of(*drawn.notes(n)) for n in range(num)], drawn.seconds / num


def shuffled(chorale: Chorale, generator: np.random.Generator) -> Chorale:
    """A control that is no music: the beats of each voice in random order, each by itself."""
    pitch, struck = chorale.pitch.copy(), chorale.struck.copy()
    for voice in range(len(VOICES)):
        order = generator.permutation(len(pitch) // FRAMES_PER_QUARTER)
        frames = (order[:, None] * FRAMES_PER_QUARTER + np.arange(FRAMES_PER_QUARTER)).ravel()
        for array in (pitch, struck):
            array[:len(frames), voice] = array[frames, voice]
    changed = np.diff(pitch, axis=0, prepend=np.int16(REST)) != 0
    struck = (struck | changed) & (pitch != REST)
    return dataclasses.replace(chorale, pitch=pitch, struck=struck,
                               fermata=chorale.fermata & struck)


def window_tracks(composer: Composer, num: int, length: int, metres: Sequence[str] = (),
                  seed: int = 0) -> list[np.ndarray]:
    """The tracks int32[length, C] of windows of pieces that were never written.

    Their forms are drawn from the composer's prior, and cut as `bach_windows` cuts: at any beat. If
    it knows of none, nothing is known of the windows but a metre (`open_tracks`).

    Args:
      composer: who is to write them; window n depends on the seed and n alone.
      num: how many.
      length: sixteenths of each.
      metres: those of the forms; () for all.
      seed: of the forms, and of where they are cut.

    Raises:
      ValueError: if `TRIES` forms in a row are in other metres, or shorter.
    """
    if composer.about.get("forms") is None:
        return [open_tracks(length)] * num
    prior, found = FormPrior.from_json(composer.about["forms"]), []
    for n in range(num):
        generator = np.random.default_rng((seed, n))
        for _ in range(TRIES):
            form = draw_form(prior, generator)
            if len(form) >= length and (not metres or form.metre in metres):
                break
        else:
            raise ValueError(f"of {TRIES} forms that the composer's prior drew none lasts {length} "
                             f"sixteenths in {' or '.join(metres) or 'any metre'}; lower "
                             "evaluation.sample_length")
        whole = form.tracks()
        starts = beats(whole)
        start = int(generator.choice(starts[starts + length <= len(whole)]))
        found.append(rhythm.crop(whole, start, start + length))
    return found


def open_tracks(length: int) -> np.ndarray:
    """The tracks int32[length, C] of a window of 4/4 from a downbeat.

    Its key, its fermatas and where it begins and ends in a piece are left open.
    """
    tracks = Form.with_frames(length, key=None).tracks()
    tracks[:, [rhythm.START, rhythm.END]] = 0
    return tracks


def counterpoint(columns: Mapping[str, Sequence[Chorale]]) -> Tables:
    """The counterpoint table of each set of windows."""
    return {name: theory.table([window.pitch for window in windows])
            for name, windows in columns.items()}


def rhythm_tables(columns: Mapping[str, Sequence[Chorale]]) -> Tables:
    """How lively each set of windows is."""
    return {name: liveliness.table(windows) for name, windows in columns.items()}


def reference_of(training: Sequence[Piece], merged: bool) -> grade.Reference:
    """What is graded by: the pieces that a model was trained on (`merged`: see `figures`)."""
    return grade.Reference.of(
        [notes_of(piece.pitch, piece.struck) for piece in training], merged=merged)


def figures(samples: Sequence[Chorale], bach: Sequence[Chorale], training: Sequence[Piece],
            merged: bool, most: int | None = None, novelty: bool = True) -> dict[str, Figure]:
    """Grade and novelty of windows of one length, by name.

    Args:
      samples: windows.
      bach: held-out windows.
      training: the pieces that the model was trained on.
      merged: whether repeated notes are graded as one: where the music tells no re-attacks.
      most: how many windows of a set are searched for what they share with each other; as many as
        both have if not given.
      novelty: whether what they share is searched at all.
    """
    reference = reference_of(training, merged)
    known = [piece.pitch for piece in training]

    def runs(windows: Sequence[Chorale]) -> list[int]:
        return [run.frames for run in training_runs([w.pitch for w in windows], known)]

    def shared(windows: Sequence[Chorale]) -> list[int]:
        return [run.frames for run in shared_runs([w.pitch for w in windows])]

    mine, his = (grade.grades(windows, reference) for windows in (samples, bach))
    lacking = [sum(isinstance(one, grade.Ungraded) for one in some) for some in (mine, his)]
    # A run shared with others of the set is the longer the larger the set.
    count = min(len(samples), len(bach), most or len(bach))
    graded = {"Bach-or-Mock grade": _figure(
        grade.totals(mine), grade.totals(his), "" if not any(lacking) else
        f"{lacking[0]} samples and {lacking[1]} windows of Bach could not be graded")}
    return graded if not novelty else {
        **graded,
        "longest run shared with training, sixteenths": _figure(runs(samples), runs(bach)),
        "longest run shared within the set, sixteenths": _figure(
            shared(samples[:count]), shared(bach[:count]), f"{count} of each")}


def _figure(samples: Sequence[float] | np.ndarray, bach: Sequence[float] | np.ndarray,
            note: str = "") -> Figure:
    """The figure of two sets of numbers; NaN throughout if one of them is empty."""
    mine, his = np.asarray(samples, float), np.asarray(bach, float)
    if not mine.size or not his.size:
        nothing = (float("nan"),) * 3
        return Figure(nothing, nothing, nothing, note)
    return Figure(median_interval(mine), median_interval(his), auc(mine, his), note)


def wholes(composer: Composer, num: int, metres: Sequence[str] = (), seed: int = 0,
           progress: bool = False) -> list[Chorale]:
    """Whole chorales, each in a form drawn from the composer's prior, of some metres or of all.

    Raises:
      ValueError: if the composer knows of no such forms.
    """
    key = jax.random.key(seed)
    return compose(composer, key, num, draw_forms(composer, key, num, metres),
                   composer.settings.compose.batch_size, progress)


def whole_tables(columns: Mapping[str, Sequence[Chorale]]) -> tuple[Tables, Tables]:
    """How whole chorales begin, close and end, and what they repeat, of each set."""
    return ({name: wholeness.table(chorales) for name, chorales in columns.items()},
            {name: structure.table(map(structure.barred, chorales))
             for name, chorales in columns.items()})


def format_figures(found: Mapping[str, Figure]) -> str:
    """Figures as aligned Markdown, their notes beneath."""
    lines = [["median [95 %]", "samples", "Bach", "area under the curve"]]
    for name, figure in found.items():
        lines.append([name, *(f"{value:.2f} [{low:.2f}, {high:.2f}]"
                              for value, low, high in figure[:3])])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    rows = ["| " + " | ".join(
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(line, widths, strict=True))) + " |"
        for line in lines]
    notes = [f"{name}: {figure.note}" for name, figure in found.items() if figure.note]
    return "\n".join(rows + notes)


def format_wholes(tables: tuple[Tables, Tables]) -> str:
    """The tables of `whole_tables` as aligned Markdown."""
    return "\n\n".join(format_table(columns, rows) for columns, rows in zip(
        tables, (wholeness.ROWS, structure.ROWS), strict=True))
