"""Training: a config and a working folder to a composer."""

import dataclasses
import functools
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lmjax import settings as settings_module
from lmjax.agreement import check_model, check_run
from lmjax.composer import Composer, load
from lmjax.data.batches import Batches
from lmjax.data.dataset import Dataset, fits, load_dataset, metre_pieces
from lmjax.families import Family, family_of
from lmjax.files import make_folder
from lmjax.metrics.likelihood import NoiseBound, parts_of
from lmjax.music import rhythm
from lmjax.music.tokens import RANGES, Vocabulary
from lmjax.render.curve import write_training
from lmjax.render.report import Picture
from lmjax.reporting import about, leave
from lmjax.requests.prior import fit, whole_forms
from lmjax.settings import Settings
from lmjax.training import checkpoints, mesh, optimizer, step
from lmjax.training.state import TrainState
from lmjax.training.writers import MetricsWriter, read_metrics

LOG_EVERY = 50  # steps between lines of metrics
DIVERGED = 10  # times the size of the first loss, or 1: where a training is given up
VALIDATION_DRAWS = 8  # noise levels at which every window is measured


class DivergedError(ValueError):
    """A loss that is no longer a number."""


def train(config: Mapping[str, Any], workdir: str | pathlib.Path,
          progress: bool = True, command: str = "") -> Composer:
    """Trains, or goes on training, until the config's last step.

    The folder receives checkpoints, `metrics.jsonl`, `training.png` and `report.html`. A run that
    is stopped at any moment and started again ends with the same numbers as one that was not
    stopped.

    Args:
      config: a ConfigDict as in `configs/`, or its dictionary.
      workdir: the working folder, made if need be.
      progress: whether to show a bar and say what is going on.
      command: that asked for it, to be told in the report.

    Returns:
      The composer with the best validation.

    Raises:
      ConfigError, ValueError: if the config cannot be.
      CheckpointError: if the folder holds a run of another config, or a damaged one.
      DivergedError: if the loss stops being a number.
    """
    run = prepare(config, workdir, progress)
    run.go()
    plot(run)
    composer = load(run.folder)
    leave(run.folder, f"Training of {run.settings.name}", {
        **about(composer), "validation, nats per frame": f"{composer.about['valid']:.3f}",
        "command": command}, pictures=[Picture(
            "Training", (run.folder / "training.png").read_bytes(),
            "Losses, the density of the bound, gradient norm and learning rate by step.")],
        progress=progress)
    return composer


def prepare(config: Mapping[str, Any], workdir: str | pathlib.Path,
            progress: bool = True) -> "Run":
    """A training that has not begun: config and data are read, and nothing is written.

    Arguments and errors are those of `train`.
    """
    settings = settings_module.from_config(config)
    data = load_dataset(settings.data.source, settings.data.path, progress)
    vocabulary = settings.data.vocabulary(data.vocabulary_articulation)
    pieces = metre_pieces(data.split("train"), settings.data.metres)
    family = family_of(settings)
    batches = Batches(pieces, vocabulary, settings.training.batch_size, settings.training.length,
                      RANGES[settings.data.transpose] if settings.data.transpose else None,
                      settings.data.keep_outside)
    return Run(settings, pathlib.Path(workdir), vocabulary, family,
               family.build(settings, vocabulary), batches, data, progress)


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One training run: what `train` has settled before the first step."""

    settings: Settings
    folder: pathlib.Path
    vocabulary: Vocabulary
    family: Family
    model: Any
    batches: Batches
    data: Dataset
    progress: bool

    def go(self) -> None:
        """From the newest checkpoint, or the start, to the last step."""
        cfg = self.settings.training
        done = checkpoints.latest_step(self.folder, checkpoints.RESUME)
        self.check_same()
        best = self.best()
        if done == cfg.steps and np.isfinite(best):
            self.say(f"{self.folder} has been trained to step {done}")
            return
        make_folder(self.folder)
        devices = mesh.build_mesh(cfg.batch_size, cfg.devices)
        state = self.restore(devices, done)
        compiled = self.compile(devices, state)
        writer = MetricsWriter(self.folder, int(state.step))
        frequencies = self.frequencies()
        validate = self.validation(frequencies)
        first_loss = next((row["loss"] for row in read_metrics(self.folder)), None)
        losses: list[dict[str, jax.Array]] = []
        first, start = int(state.step), time.perf_counter()
        spent = self.spent()

        def about(done: int) -> dict[str, Any]:
            return self.about(frequencies, done, best, spent + time.perf_counter() - start)

        with tqdm(total=cfg.steps, initial=first, disable=not self.progress, desc="train",
                  unit="step", smoothing=0.02) as bar:
            for number in range(first, cfg.steps):
                batch = mesh.place_batch(devices, self.batches(self.settings.seed, number))
                state, metrics = compiled(state, tuple(batch))
                losses.append(metrics)
                # One step runs while the next batch is made, but no more: the bar is to be true.
                jax.block_until_ready(losses[-2:][0])
                done = number + 1
                bar.update()
                if done == first + LOG_EVERY:
                    self.announce(start, done - first)
                evaluating = done % cfg.evaluate_every == 0 or done == cfg.steps
                saving = done % cfg.checkpoint_every == 0 or done == cfg.steps
                if done % LOG_EVERY == 0 or evaluating or saving:
                    row: dict[str, Any] = self.mean_metrics(losses, done)
                    losses.clear()
                    first_loss = row["loss"] if first_loss is None else first_loss
                    if row["loss"] > DIVERGED * max(abs(first_loss), 1.0):
                        raise self.diverged("mean loss", done, row["loss"])
                    if evaluating:
                        weights = state.ema if self.settings.optimizer.ema else state.params
                        row |= validate(weights)
                        if not np.isfinite(row["valid"]):
                            raise self.diverged("validation bound", done, row["valid"])
                        if row["valid"] < best:
                            best = row["valid"]
                            checkpoints.save(self.folder, checkpoints.BEST, done, weights,
                                             about(done))
                    writer.write(done, row)
                    bar.set_postfix(loss=f"{row['loss']:.3f}", valid=f"{best:.3f}")
                if saving:
                    checkpoints.save(self.folder, checkpoints.RESUME, done, state, about(done))
        if not np.isfinite(best):  # A finished run whose best weights were damaged and removed.
            weights = state.ema if self.settings.optimizer.ema else state.params
            best = validate(weights)["valid"]
            checkpoints.save(self.folder, checkpoints.BEST, cfg.steps, weights, about(cfg.steps))
        writer.close()

    def best(self) -> float:
        """The validation bound of the best weights so far, infinite if there are none."""
        if checkpoints.latest_step(self.folder, checkpoints.BEST) is None:
            return float("inf")
        return float(checkpoints.read_about(self.folder, checkpoints.BEST)["valid"])

    def spent(self) -> float:
        """The seconds that the steps so far have taken, as the newest checkpoint has it."""
        if checkpoints.latest_step(self.folder, checkpoints.RESUME) is None:
            return 0.0
        return float(checkpoints.read_about(self.folder, checkpoints.RESUME).get("seconds", 0.0))

    def restore(self, devices: jax.sharding.Mesh, done: int | None) -> TrainState:
        """The state to begin with, on the devices."""
        cfg = self.settings
        rule = optimizer.build(cfg.optimizer, cfg.training.steps)
        tracks = jnp.zeros((cfg.training.batch_size, cfg.training.length, len(rhythm.SIZES)),
                           jnp.int32)

        def create(key: jax.Array) -> TrainState:
            return TrainState.create(self.model.init(key, tracks), rule)

        everywhere = mesh.copied_to(devices)
        key = jax.random.fold_in(jax.random.key(cfg.seed), 0)
        if done is None and cfg.training.init_from:
            given = self.given
            self.say(f"beginning with the weights of {given.folder}, step {given.about['step']:,}")
            return jax.device_put(TrainState.create(given.params, rule), everywhere)
        if done is None:
            return jax.jit(create, out_shardings=everywhere)(key)
        shapes = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere),
            jax.eval_shape(create, key))
        self.say(f"resuming {self.folder} from step {done}")
        return checkpoints.read_arrays(self.folder, checkpoints.RESUME, shapes)

    @functools.cached_property
    def given(self) -> Composer:
        """The training with whose best weights this one begins.

        Raises:
          CheckpointError: if there are none, or they are of another model.
        """
        given = load(self.settings.training.init_from)
        assert given.folder is not None
        check_model(given.folder, given.about, self.settings)
        return given

    @functools.cached_property
    def before(self) -> dict[str, float]:
        """The steps, and their seconds, behind the weights that this training began with."""
        if checkpoints.latest_step(self.folder, checkpoints.RESUME) is not None:
            about = checkpoints.read_about(self.folder, checkpoints.RESUME)
            return dict(about.get("before", checkpoints.NOTHING))
        if not self.settings.training.init_from:
            return checkpoints.NOTHING
        return checkpoints.NOTHING | checkpoints.cost(self.given.about)

    def compile(self, devices: jax.sharding.Mesh, state: TrainState) -> Any:
        """The training step, compiled; says how long that took."""
        cfg = self.settings
        one = step.build_step(
            self.family.objective(self.model, cfg),
            optimizer.build(cfg.optimizer, cfg.training.steps),
            jax.random.fold_in(jax.random.key(cfg.seed), 1), cfg.optimizer.ema)
        everywhere, over = mesh.copied_to(devices), mesh.split_over(devices)
        jitted = jax.jit(one, in_shardings=(everywhere, over),
                         out_shardings=(everywhere, everywhere), donate_argnums=0)
        start = time.perf_counter()
        batch = mesh.place_batch(devices, self.batches(cfg.seed, 0))
        compiled = jitted.lower(state, tuple(batch)).compile()
        count = sum(leaf.size for leaf in jax.tree.leaves(state.params))
        self.say(f"{count:,} parameters, {len(self.batches.choices)} pieces, "
                 f"{devices.size} {jax.default_backend()} device(s), "
                 f"compiled in {time.perf_counter() - start:.0f} s")
        return compiled

    def announce(self, start: float, steps: int) -> None:
        """Says how long the training will take from the start."""
        rate = (time.perf_counter() - start) / steps
        self.say(f"{self.settings.training.steps:,} steps at {rate:.3f} s: about "
                 f"{rate * self.settings.training.steps / 60:.0f} minutes, validation aside")

    def mean_metrics(self, losses: list[dict[str, jax.Array]], done: int) -> dict[str, float]:
        """The mean of each metric over the steps since the last line.

        Raises:
          DivergedError: if one is not a number.
        """
        row = {name: float(np.mean([np.asarray(m[name], np.float64) for m in losses]))
               for name in losses[0]}
        for name, value in row.items():
            if not np.isfinite(value):
                bad = done - len(losses) + 1 + int(np.argmax(
                    [not np.isfinite(m[name]) for m in losses]))
                raise self.diverged(name.replace("_", " "), bad, value)
        return row

    def diverged(self, what: str, step: int, value: float) -> DivergedError:
        """The error for a number that is none."""
        last = checkpoints.latest_step(self.folder, checkpoints.RESUME)
        kept = (f"the last good checkpoint is that of step {last}" if last is not None
                else "there is no checkpoint yet")
        return DivergedError(f"training diverged: the {what} of step {step} is {value:g}; {kept}; "
                             f"try a lower optimizer.learning_rate in another --workdir")

    def validation(self, frequencies: np.ndarray) -> Any:
        """A function from weights to metrics of a quick likelihood, on fixed windows.

        These are "valid", nats per frame; of a score model also "sigma" and "density", where the
        bound arises: noise levels, and nats per frame and unit of log sigma.

        Unlike `--mode=evaluate` it gives every track, and no frames before the window.
        """
        cfg = self.settings
        pieces = [piece for piece in metre_pieces(self.data.split("valid"), cfg.data.metres)
                  if fits(piece, self.vocabulary.ranges)]
        if not pieces:
            raise ValueError("no piece of the validation split lies in the voice ranges; choose "
                             "wider data.ranges")
        parts = parts_of(pieces, self.vocabulary, cfg.training.length,
                                    cfg.training.length, range(len(rhythm.SIZES)))
        order = np.random.default_rng(0).permutation(len(parts))
        parts = [parts[i] for i in order[:cfg.training.evaluate_windows]]
        ends = (cfg.noise.sigma_min, cfg.noise.sigma_max) if cfg.noise else (0.0, 0.0)
        likelihood = self.family.likelihood(self.model, VALIDATION_DRAWS, ends)

        def validate(weights: Any) -> dict[str, Any]:
            found = likelihood(weights, parts, frequencies, cfg.training.batch_size)
            if not isinstance(found, NoiseBound):
                return {"valid": found.per_frame}
            return {"valid": found.per_frame, "sigma": np.exp(found.log_sigma),
                    "density": found.density}

        return validate

    def frequencies(self) -> np.ndarray:
        """float32[V, K], the share of each token in the training pieces."""
        counts = np.zeros((len(self.vocabulary.ranges), self.vocabulary.size))
        for piece, _, _ in self.batches.choices:
            if fits(piece, self.vocabulary.ranges):
                tokens = self.vocabulary.encode(piece.pitch, piece.struck)
                for voice, row in enumerate(counts):
                    row += np.bincount(tokens[:, voice], minlength=len(row))
        return (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)

    @functools.cached_property
    def forms(self) -> dict[str, Any] | None:
        """The prior of the training pieces' forms as plain values, None if they state none."""
        forms = whole_forms(piece.chorale for piece, _, _ in self.batches.choices
                            if piece.chorale is not None)
        return fit(forms).to_json() if forms else None

    def about(self, frequencies: np.ndarray, done: int, best: float,
              seconds: float) -> dict[str, Any]:
        """The description that makes a checkpoint usable by itself; `seconds` are those of all
        steps, of validation and checkpoints, without compiling."""
        return {
            "config": settings_module.to_config(self.settings),
            "vocabulary": dataclasses.asdict(self.vocabulary),
            "frequencies": frequencies.tolist(),
            "forms": self.forms,
            "data": {"fingerprint": self.data.fingerprint,
                     "splits": {name: [piece.name for piece in pieces]
                                for name, pieces in self.data.splits.items()}},
            "step": done, "valid": best, "seconds": seconds, "before": self.before}

    def check_same(self) -> None:
        """Raises CheckpointError unless the folder's run, if any, had this config and data."""
        for kind in (checkpoints.RESUME, checkpoints.BEST):
            if checkpoints.latest_step(self.folder, kind) is None:
                continue
            about = checkpoints.read_about(self.folder, kind)
            check_run(self.folder, about, self.settings)
            if about["data"]["fingerprint"] != self.data.fingerprint:
                raise checkpoints.CheckpointError(
                    f"the run in {self.folder} was started on other data; choose another --workdir")

    def say(self, text: str) -> None:
        """Prints a line, above the progress bar."""
        if self.progress:
            tqdm.write(text)


def plot(run: Run) -> None:
    """Writes `training.png` from the metrics in a training's folder."""
    rows, settings = read_metrics(run.folder), run.settings
    rate = optimizer.learning_rate(settings.optimizer, settings.training.steps)
    steps = np.array([row["step"] for row in rows], int)
    write_training(run.folder / "training.png", rows, np.asarray(rate(steps - 1)).tolist())
