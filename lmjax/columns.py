"""What the columns of the one table are measured from: models, files of chorales, Bach."""

import dataclasses
import hashlib
import io
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from lmjax import judge
from lmjax.composer import Composer, load
from lmjax.data.dataset import Dataset, Piece, fits
from lmjax.evaluate import check_unseen, held_out, measure_likelihood
from lmjax.metrics.discriminator import FOLDS, features, strikes, told_apart
from lmjax.metrics.likelihood import Bound, Likelihood
from lmjax.metrics.tables import Interval
from lmjax.music.chorale import FRAMES_PER_QUARTER, HIGHEST_PITCH, REST, VOICES, Chorale
from lmjax.settings import EvaluationSettings, Settings
from lmjax.training import checkpoints

SEED = 0  # of windows, samples and shuffles
# What only some columns have, and with how many decimals.
TRAINING = {"parameters": 0, "training: steps": 0, "training: minutes": 0}
COMPOSING = {"composing: network evaluations a window": 0, "composing: seconds a window": 2}
LIKELIHOODS = {"likelihood, exact: nats per frame": 3, "likelihood, bound: nats per frame": 3,
               "framewise, no likelihood: nats per frame": 3}
DISCRIMINATORS = {
    "told from Bach by a discriminator: area under the curve": features,
    "told from Bach by what is struck alone: area under the curve": strikes}
Cell = Interval | tuple[float] | None  # a value with its 95 % interval; alone; or none
Column = dict[str, Cell]  # by row


@dataclasses.dataclass(frozen=True, eq=False)
class Bench:
    """What all columns are measured on.

    Attributes:
      cfg: how.
      data: which music.
      pieces: the held-out ones.
      windows: one of each that is long enough.
      articulation: whether notes that are repeated count as two, in all columns.
    """

    cfg: EvaluationSettings
    data: Dataset
    pieces: tuple[Piece, ...]
    windows: list[Chorale]
    articulation: bool

    @classmethod
    def of(cls, cfg: EvaluationSettings, data: Dataset) -> "Bench":
        """The bench of a split."""
        pieces = held_out(data, cfg)
        return cls(cfg, data, pieces, judge.bach_windows(pieces, cfg.sample_length, SEED),
                   data.vocabulary_articulation)

    @property
    def wholes(self) -> list[Chorale]:
        """The pieces as chorales, as far as their form is known."""
        return [piece.chorale for piece in self.pieces if piece.chorale]

    def notes(self, windows: Sequence[Chorale], novelty: bool = True) -> Column:
        """What is measured of notes, but for the wholes."""
        beside = {"": windows}
        rows: Column = {**judge.counterpoint(beside)[""], **judge.rhythm_tables(beside)[""]}
        figures = judge.figures(windows, self.windows, self.data.split("train"),
                                merged=not self.articulation,
                                most=self.cfg.samples, novelty=novelty)
        for name, figure in figures.items():
            rows[f"{name}: median"] = figure.samples
            rows[f"{name}: area under the curve"] = figure.auc
        if windows is not self.windows and min(len(windows), len(self.windows)) >= FOLDS:
            rows |= {name: told_apart(windows, self.windows, SEED, heard)
                     for name, heard in DISCRIMINATORS.items()}
        return rows


Part = Callable[[Bench, bool], Column]  # from the bench, and whether to show bars


class Source(Protocol):
    """Where a column comes from."""

    @property
    def about(self) -> dict[str, Any]:
        """What makes it another column: plain values."""

    @property
    def parts(self) -> dict[str, Part]:
        """What is measured one after another, by name; rows that it does not have are missing."""


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A composer."""

    composer: Composer

    @property
    def about(self) -> dict[str, Any]:
        """See `Source`."""
        about = self.composer.about
        return {"config": about["config"], "step": about["step"], "valid": about["valid"],
                "sampler": dataclasses.asdict(self.composer.settings.sampler)}

    @property
    def parts(self) -> dict[str, Part]:
        """See `Source`."""
        return {"likelihood": self.likelihood, "windows": self.windows, "wholes": self.wholes}

    def likelihood(self, bench: Bench, progress: bool) -> Column:
        """What the network costs, and how probable held-out Bach is."""
        composer = self.composer
        cost = sum(leaf.size for leaf in jax.tree.leaves(composer.params)), *training_cost(composer)
        found, framewise = measure_likelihood(composer, bench.pieces, bench.cfg, progress)
        bounded = isinstance(found, Bound)
        likelihoods: tuple[Likelihood | None, ...] = (
            None if bounded else found, found if bounded else None, framewise)
        rows: Column = {name: None if value is None else (float(value),)
                        for name, value in zip(TRAINING, cost, strict=True)}
        return rows | {name: None if value is None else (value.per_frame, *value.interval)
                       for name, value in zip(LIKELIHOODS, likelihoods, strict=True)}

    def windows(self, bench: Bench, progress: bool) -> Column:
        """What windows cost, and are like."""
        composer, cfg = self.composer, bench.cfg
        if not cfg.samples:
            return {}
        samples, seconds = judge.sample_windows(
            composer, cfg.samples, cfg.sample_length, cfg.metres, SEED, progress)
        cost = composer.evaluations(cfg.sample_length), seconds
        rows: Column = {name: (float(value),)
                        for name, value in zip(COMPOSING, cost, strict=True)}
        return rows | bench.notes(samples)

    def wholes(self, bench: Bench, progress: bool) -> Column:
        """What whole chorales are like, in forms of the prior if the composer knows one."""
        if not bench.cfg.wholes or self.composer.about.get("forms") is None:
            return {}
        return whole_rows(judge.wholes(
            self.composer, bench.cfg.wholes, bench.cfg.metres, SEED, progress))


class Notes:
    """A source of which there are notes only."""

    @property
    def parts(self) -> dict[str, Part]:
        """See `Source`."""
        return {"notes": self.notes}

    def notes(self, bench: Bench, progress: bool) -> Column:
        """What they are like."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, eq=False)
class Samples(Notes):
    """A file of chorales, whoever composed them."""

    windows: list[Chorale]
    digest: str

    @property
    def about(self) -> dict[str, Any]:
        """See `Source`."""
        return {"file": self.digest}

    def notes(self, bench: Bench, progress: bool) -> Column:
        """What they are like."""
        del progress
        return bench.notes(self.windows)


class Bach(Notes):
    """The held-out pieces themselves."""

    @property
    def about(self) -> dict[str, Any]:
        """See `Source`."""
        return {"notes": "Bach's"}

    def notes(self, bench: Bench, progress: bool) -> Column:
        """What they are like; how far they are from themselves is not asked."""
        del progress
        rows = bench.notes(bench.windows)
        for name in rows:
            if name.endswith("area under the curve"):
                rows[name] = None
        return rows | whole_rows(bench.wholes)


@dataclasses.dataclass(frozen=True, eq=False)
class Learned(Notes):
    """The pieces that models learn from: how far Bach is from Bach, in every row.

    Attributes:
      own: their bench.
    """

    own: Bench

    @property
    def about(self) -> dict[str, Any]:
        """See `Source`."""
        return {"notes": "Bach's", "split": "train"}

    def notes(self, bench: Bench, progress: bool) -> Column:
        """What they are like; what they share with themselves is all of it, and not asked."""
        del progress
        return bench.notes(self.own.windows, novelty=False) | whole_rows(self.own.wholes)


class Shuffled(Notes):
    """The control: the beats of each of their voices in random order, each by itself."""

    @property
    def about(self) -> dict[str, Any]:
        """See `Source`."""
        return {"notes": "shuffled"}

    def notes(self, bench: Bench, progress: bool) -> Column:
        """What is left of them."""
        del progress
        generator = np.random.default_rng(SEED)
        windows, wholes = ([judge.shuffled(one, generator) for one in some]
                           for some in (bench.windows, bench.wholes))
        return bench.notes(windows) | whole_rows(wholes)


def whole_rows(chorales: Sequence[Chorale]) -> Column:
    """What is measured of whole chorales; nothing if there are none."""
    if not chorales:
        return {}
    closes, repeats = judge.whole_tables({"": chorales})
    return {**closes[""], **repeats[""]}


def training_cost(composer: Composer) -> tuple[float, float | None]:
    """The steps and the minutes of a composer's whole training, these if they are known."""
    about = composer.about
    if composer.folder and checkpoints.latest_step(
            composer.folder, checkpoints.RESUME) is not None:
        about = checkpoints.read_about(composer.folder, checkpoints.RESUME)
    cost = checkpoints.cost(about)
    return cost["steps"], cost["seconds"] / 60 if "seconds" in cost else None


def path_of(column: str) -> pathlib.Path:
    """The folder or file that a column names."""
    return pathlib.Path(column.split(":")[0])


def is_pretrained(column: str) -> bool:
    """Whether it names weights that travel with the package."""
    return checkpoints.named_shipped(path_of(column))


def is_file(column: str) -> bool:
    """Whether it names a file of chorales."""
    return column.endswith(".npz")


def is_folder(column: str) -> bool:
    """Whether it names a working folder and no more, which what is measured of it can lie in."""
    return ":" not in column and not is_file(column) and not is_pretrained(column)


def source_of(column: str, settings: Settings, bench: Bench) -> Source:
    """What a column names.

    Raises:
      ValueError: if it cannot be measured.
      CheckpointError: if a folder has no usable weights.
    """
    if is_file(column):
        return samples_of(pathlib.Path(column), bench.cfg.sample_length)
    composer = composer_of(column)
    if composer.settings.data.source != settings.data.source:
        raise ValueError(f"{column} was trained on data.source="
                         f"{composer.settings.data.source!r}, and the config asks for "
                         f"{settings.data.source!r}")
    check_unseen(composer, bench.pieces, bench.cfg.split)
    outside = [piece.name for piece in bench.pieces
               if not fits(piece, composer.vocabulary.ranges)]
    if outside:
        raise ValueError(f"{column} has no tokens for the notes of {len(outside)} pieces, such as "
                         f"{outside[0]}; measure all on fewer, with evaluation.ranges='paper'")
    return Model(composer.using(evaluation=bench.cfg, compose=dataclasses.replace(
        composer.settings.compose, batch_size=settings.compose.batch_size)))


def composer_of(column: str) -> Composer:
    """The composer of a folder, its sampler changed if so wished, as in `runs/lstm:kind=cold`.

    Raises:
      ValueError: if the sampler cannot be so.
      CheckpointError: if the folder has no usable weights.
    """
    name, *changes = column.split(":")
    composer = load(name)
    sampler = composer.settings.sampler
    fields = {field.name: type(getattr(sampler, field.name))
              for field in dataclasses.fields(sampler)}
    for change in changes:
        field, _, value = change.partition("=")
        if field not in fields:
            raise ValueError(f"{column}: the sampler of {name} has no field {field!r}, only "
                             f"{', '.join(fields)}")
        try:
            sampler = dataclasses.replace(sampler, **{field: fields[field](value)})
        except ValueError as error:
            raise ValueError(f"{column}: {error}") from error
    return composer.using(sampler=sampler)


def samples_of(path: pathlib.Path, length: int) -> Samples:
    """The first `length` frames of every chorale of a file.

    It holds `pitch` int[N, T, 4], MIDI numbers with -1 for silence, and `struck` bool[N, T, 4], in
    sixteenths, as `samples.npz` does.

    Raises:
      ValueError: if it holds something else.
      OSError: if it cannot be read.
    """
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content)) as file:
            pitch, struck = file["pitch"], np.asarray(file["struck"], bool)
            frames = file["frames"] if "frames" in file else np.full(len(pitch), pitch.shape[1])
            grids = set(np.ravel(file["frames_per_quarter"]).tolist()
                        if "frames_per_quarter" in file else ())
    except (ValueError, KeyError, IndexError, OSError, TypeError, EOFError, zipfile.BadZipFile,
            zlib.error) as error:
        raise ValueError(f"{path} is no file of chorales with the arrays pitch and struck "
                         f"({error})") from error
    if pitch.ndim != 3 or pitch.shape[-1] != len(VOICES) or struck.shape != pitch.shape:
        raise ValueError(f"chorales have {len(VOICES)} voices, and pitch and struck the shape "
                         f"[chorales, sixteenths, {len(VOICES)}]; in {path} they have "
                         f"{pitch.shape} and {struck.shape}")
    if not grids <= {FRAMES_PER_QUARTER}:
        raise ValueError(f"the chorales of {path} have {max(grids)} frames to a quarter-note, and "
                         f"here it has {FRAMES_PER_QUARTER}")
    known = pitch.dtype.kind in "iu" and ((pitch >= REST) & (pitch <= HIGHEST_PITCH)).all()
    if not known:
        raise ValueError(f"pitches in {path} must be whole numbers from {REST}, silence, to "
                         f"{HIGHEST_PITCH}")
    if frames.shape != pitch.shape[:1] or (frames > pitch.shape[1]).any():
        raise ValueError(f"frames in {path} must say of each chorale how many of its "
                         f"{pitch.shape[1]} sixteenths it has")
    if not len(pitch) or frames.min() < length:
        raise ValueError(f"{path} has a chorale of {frames.min() if len(pitch) else 0} sixteenths; "
                         f"lower evaluation.sample_length, which is {length}")
    try:
        windows = [judge.notes_of(*one) for one in zip(
            pitch[:, :length].astype(np.int16), struck[:, :length], strict=True)]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Samples(windows, hashlib.sha256(content).hexdigest())
