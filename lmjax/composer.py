"""A trained model with all that composing needs, and composing with it."""

import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lmjax import settings as settings_module
from lmjax.data.jsb import UNSTATED
from lmjax.music import rhythm
from lmjax.music.chorale import FRAMES_PER_QUARTER, Chorale
from lmjax.music.tokens import Vocabulary
from lmjax.networks.score import Params, ScoreModel
from lmjax.networks.tokens import TokenSpace
from lmjax.noise.condition import Condition
from lmjax.requests.form import Form
from lmjax.sampling import chain
from lmjax.sampling.constraints import hold_known, replace_known
from lmjax.sampling.settings import SamplerSettings
from lmjax.settings import ComposeSettings, EvaluationSettings, Settings
from lmjax.training import checkpoints
from lmjax.training.mesh import build_mesh, copied_to, place_batch

# The sections that say how a model is used, and are no part of it.
USES = {"sampler": SamplerSettings, "compose": ComposeSettings, "evaluation": EvaluationSettings}


def build_model(settings: Settings, vocabulary: Vocabulary) -> ScoreModel:
    """The score model that a config describes."""
    sound, articulation = vocabulary.parts
    space = TokenSpace(vocabulary.valid, sound, articulation, vocabulary.pitches)
    return ScoreModel(space, settings.network, settings.embedding, rhythm.SIZES,
                      rhythm.KEY)


@dataclasses.dataclass(frozen=True, eq=False)
class Composer:
    """A trained model: arrays and settings. Programs are kept beside them once compiled.

    Attributes:
      settings: what it was trained with, and how it is sampled.
      vocabulary: what its tokens mean.
      params: of network and embedding.
      frequencies: float[V, K], how often each token occurs in the training data.
      about: the record that travels with the checkpoint.
      folder: where the weights were read, if they were.
    """

    settings: Settings
    vocabulary: Vocabulary
    params: Params
    frequencies: np.ndarray
    about: Mapping[str, Any]
    folder: pathlib.Path | None = None

    @functools.cached_property
    def model(self) -> ScoreModel:
        """The pure functions that the parameters belong to."""
        return build_model(self.settings, self.vocabulary)

    @functools.cached_property
    def programs(self) -> dict[tuple[int, ...], Any]:
        """`sample_window` as compiled so far, by the shape [B, T, V] of what it composes."""
        return {}

    @functools.cached_property
    def sample_window(self) -> Any:
        """Composes a batch of windows, jitted: (params, keys [B], condition) -> chain.Sample."""
        sampler = self.settings.sampler.build()
        frequencies = jnp.asarray(self.frequencies)
        start, follow = map(jnp.asarray, self.vocabulary.legal())
        # A network that was never shown given cells can only be shown them as noised truth.
        shown = self.model.states_logits and self.settings.condition.known > 0

        @jax.jit
        def sample(params: Params, keys: jax.Array, condition: Condition) -> chain.Sample:
            table = self.model.table(params)
            centre = jnp.einsum("vk,vkd->d", frequencies, table)
            denoise, how = self.model.denoiser(params), sampler
            if self.model.states_logits:
                denoise = hold_known(denoise, table)
            if not shown:
                how = replace_known(sampler, table, condition)
            return chain.sample(keys, denoise, how, condition, centre, (start, follow),
                                self.settings.sampler.start)

        return sample


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """What was drawn from a composer.

    Attributes:
      pitch: int16[N, T, 4].
      struck: bool[N, T, 4].
      tokens: int32[N, T, 4].
      corrected: int[N], cells in which legality overruled the most probable token.
      diagnostics: float32[N, windows, steps] each, by name.
      evaluations: calls of the network per window.
      compile_seconds: of which none if the program was compiled before.
      seconds: of composing, without compiling.
    """

    pitch: np.ndarray
    struck: np.ndarray
    tokens: np.ndarray
    corrected: np.ndarray
    diagnostics: dict[str, np.ndarray]
    evaluations: int
    compile_seconds: float
    seconds: float


def load(path: str | os.PathLike[str] | None = None) -> Composer:
    """A composer with the best weights of its training, or with those that travel with lmjax.

    Args:
      path: a working folder; or "pretrained/NAME", where there is no such folder, for the shipped
        weights of that name. Without one, "ncsn" of the shipped.

    Raises:
      CheckpointError: if there is none, or it is damaged.
    """
    folder = checkpoints.shipped() if path is None else pathlib.Path(path)
    if folder.parts[:-1] == (checkpoints.PRETRAINED.name,) and not folder.exists():
        folder = checkpoints.shipped(folder.name)
    about = checkpoints.read_about(folder, checkpoints.BEST)
    try:
        settings = _settings_of(about["config"])
        vocabulary = Vocabulary(**about["vocabulary"])
        frequencies = np.array(about["frequencies"], np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise checkpoints.CheckpointError(
            f"the checkpoint in {folder} was made by another version of lmjax ({error}); "
            f"{checkpoints.remedy(folder)}") from error
    model = build_model(settings, vocabulary)
    # On one device, whichever and however many it was trained on.
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here),
        jax.eval_shape(model.init, jax.random.key(0),
                       jnp.zeros((1, settings.training.length, len(rhythm.SIZES)), jnp.int32)))
    params = checkpoints.read_arrays(folder, checkpoints.BEST, shapes)
    return Composer(settings, vocabulary, params, frequencies, about, folder)


def _settings_of(config: Mapping[str, Any]) -> Settings:
    """A checkpoint's settings.

    How a model is used is no part of it: fields of those sections may have come, which then have
    their default, or gone, since it was trained.
    """
    uses = {section: {name: config[section].get(name, default)
                      for name, default in dataclasses.asdict(cls()).items()}
            for section, cls in USES.items()}
    return settings_module.from_config({**config, **uses})


def compose(composer: Composer, key: jax.Array, num: int = 1, form: Form | None = None,
            batch_size: int = 16, progress: bool = False) -> list[Chorale]:
    """New chorales.

    Args:
      composer: from `load` or a training.
      key: randomness; chorale n depends on `fold_in(key, n)` alone.
      num: how many.
      form: their metre, length, key and so on; eight bars of 4/4 in an open key if not given.
      batch_size: how many at once.
      progress: whether to show a bar.

    Raises:
      ValueError: if `num` or `batch_size` is not positive.
    """
    form = form if form is not None else Form(key=None)
    drawn = draw(composer, key, num, form.tracks(), batch_size, progress)
    return [form.chorale(pitch, struck, title=f"Chorale {index + 1}")
            for index, (pitch, struck) in enumerate(zip(drawn.pitch, drawn.struck, strict=True))]


def draw(composer: Composer, key: jax.Array, num: int, tracks: np.ndarray,
         batch_size: int = 16, progress: bool = False) -> Draw:
    """Notes for a form given by its tracks int32[T, C]; arguments else as in `compose`.

    Longer pieces than the training window are composed window by window, each beginning in the
    middle of the one before, whose second half it is given.
    """
    if num < 1 or batch_size < 1:
        raise ValueError(f"the number of chorales and the batch size must be at least 1, "
                         f"not {num} and {batch_size}")
    if composer.settings.data.source == "jsb16":
        tracks = tracks.copy()
        tracks[:, UNSTATED] = 0  # the network has never seen them
    batch_size = min(batch_size, num)
    batches = range(0, num, batch_size)
    spans = list(windows(len(tracks), composer.settings.training.length))
    results, clock = [], _Clock(composer)
    with tqdm(total=len(batches) * len(spans), disable=not progress, desc="compose",
              unit="window") as bar:
        for first in batches:
            # The last batch is as large as the others, so that nothing is compiled twice.
            keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(
                jnp.arange(first, first + batch_size))
            results.append(_draw_batch(composer, keys, tracks, spans, clock, bar.update))
    pitch, struck, tokens, corrected = (
        np.concatenate(field)[:num] for field in zip(*(r[:4] for r in results), strict=True))
    diagnostics = {name: np.concatenate([r[4][name] for r in results])[:num]
                   for name in results[0][4]}
    return Draw(pitch, struck, tokens, corrected, diagnostics,
                composer.settings.sampler.build().evaluations, clock.compiling, clock.running)


def windows(frames: int, length: int) -> list[tuple[int, int, int]]:
    """Overlapping windows over a piece: (start, end, first new frame) of each."""
    step = length // 2 // FRAMES_PER_QUARTER * FRAMES_PER_QUARTER or length // 2  # whole beats
    spans, done = [], 0
    while done < frames:
        end = min(frames, done + (step if done else length))
        spans.append((max(end - length, 0), end, done))
        done = end
    return spans


def _draw_batch(composer: Composer, keys: jax.Array, tracks: np.ndarray,
                spans: list[tuple[int, int, int]], clock: "_Clock",
                advance: Callable[[], Any]) -> tuple[Any, ...]:
    """Pitch, struck, tokens, corrected and diagnostics of one batch."""
    vocabulary, batch, frames = composer.vocabulary, len(keys), len(tracks)
    pitch, struck = np.full((batch, frames, 4), -1, np.int16), np.zeros((batch, frames, 4), bool)
    corrected, diagnostics = np.zeros(batch, int), []
    mesh = build_mesh(batch)
    params = jax.device_put(composer.params, copied_to(mesh))
    for number, (start, end, new) in enumerate(spans):
        known = np.broadcast_to((np.arange(start, end) < new)[:, None], (batch, end - start, 4))
        given = np.stack([vocabulary.encode(p, s) for p, s in zip(
            pitch[:, start:end], struck[:, start:end], strict=True)])
        arrays = (np.repeat(rhythm.crop(tracks, start, end)[None], batch, 0),
                  np.ones((batch, end - start), bool), known, np.where(known, given, 0))
        condition = Condition(*place_batch(mesh, arrays))
        window_keys = jax.vmap(lambda key, n=number: jax.random.fold_in(key, n))(keys)
        sample = clock.sample(params, window_keys, condition)
        # Given cells are as they were given, also where the network never saw them as such.
        for i, tokens in enumerate(np.where(known, given, np.asarray(sample.tokens))):
            decoded = vocabulary.decode(tokens)
            pitch[i, new:end], struck[i, new:end] = (part[new - start:] for part in decoded)
        corrected += np.asarray(sample.corrected)
        diagnostics.append(sample.diagnostics._asdict())
        advance()
    tokens = np.stack([vocabulary.encode(p, s) for p, s in zip(pitch, struck, strict=True)])
    stacked = {name: np.stack([np.asarray(d[name]).T for d in diagnostics], axis=1)
               for name in diagnostics[0]}
    return pitch, struck, tokens, corrected, stacked


class _Clock:
    """Tells the time that compiling takes from the time that running takes."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.compiling = self.running = 0.0

    def sample(self, params: Params, keys: jax.Array, condition: Condition) -> chain.Sample:
        """Composes a window, with a program compiled on the first call with such shapes."""
        arguments = params, keys, condition
        programs, shape = self.composer.programs, condition.known.shape
        start = time.perf_counter()
        if shape not in programs:
            programs[shape] = self.composer.sample_window.lower(*arguments).compile()
            self.compiling += time.perf_counter() - start
            start = time.perf_counter()
        out = jax.block_until_ready(programs[shape](*arguments))
        self.running += time.perf_counter() - start
        return out
