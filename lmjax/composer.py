"""A trained model with all that composing needs."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lmjax import settings as settings_module
from lmjax.data.cache import cache_folder
from lmjax.families import family_of
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.score import Params
from lmjax.settings import ComposeSettings, EvaluationSettings, Settings, TrainingSettings
from lmjax.training import checkpoints
from lmjax.training.conditions import ConditionSettings

# The sections that say how a model is used, and are no part of it.
USES = "sampler", "compose", "evaluation"


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
    def model(self) -> Any:
        """The pure functions that the parameters belong to."""
        return family_of(self.settings).build(self.settings, self.vocabulary)

    @functools.cached_property
    def programs(self) -> dict[tuple[int, ...], Any]:
        """`sample_window` as compiled so far, by the shape [B, T, V] of what it composes and by
        what it is told."""
        return {}

    @functools.cached_property
    def sample_window(self) -> Any:
        """Composes a batch of windows, jitted: see `families.Sample`."""
        return jax.jit(family_of(self.settings).sampler(
            self.model, self.settings, self.vocabulary, self.frequencies))

    def using(self, **uses: Any) -> "Composer":
        """The same model used otherwise: with other sections of `USES` in its settings."""
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, **uses))

    def evaluations(self, frames: int) -> int:
        """How often the network is asked to compose a window of so many frames."""
        return family_of(self.settings).evaluations(self.settings, frames)


def load(path: str | os.PathLike[str] | None = None) -> Composer:
    """A composer with the best weights of its training, or with those that travel with lmjax.

    Args:
      path: a working folder; or "pretrained/NAME", where that has no weights, for the shipped ones
        of that name. Without one, "ncsn" of the shipped.

    Raises:
      CheckpointError: if there is none, or it is damaged.
    """
    folder = checkpoints.shipped() if path is None else pathlib.Path(path)
    if checkpoints.named_shipped(folder):
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
    model = family_of(settings).build(settings, vocabulary)
    # On one device, whichever and however many it was trained on.
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here),
        jax.eval_shape(model.init, jax.random.key(0),
                       jnp.zeros((1, settings.training.length, len(rhythm.SIZES)), jnp.int32)))
    params = checkpoints.read_arrays(folder, checkpoints.BEST, shapes)
    return Composer(settings, vocabulary, params, frequencies, about, folder)


def keep_programs() -> None:
    """Keeps what JAX compiles from now on in the user's cache, and reads from there what is known.

    Small programs too: some fifty come before the first step, half a second of compiling.

    Raises:
      ValueError: if there can be no such folder.
    """
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def untrained(settings: Settings, articulation: bool, seed: int = 0) -> Composer:
    """A composer with fresh weights, which knows nothing yet: to tell times by, and for tests.

    Args:
      settings: the config's.
      articulation: whether the data is to tell struck from held cells (see `DataSettings`).
      seed: of the weights.
    """
    vocabulary = settings.data.vocabulary(articulation)
    tracks = jnp.zeros((1, settings.training.length, len(rhythm.SIZES)), jnp.int32)
    model = family_of(settings).build(settings, vocabulary)
    params = jax.jit(model.init)(jax.random.key(seed), tracks)
    share = vocabulary.valid / vocabulary.valid.sum(axis=1, keepdims=True)
    return Composer(settings, vocabulary, params, share.astype(np.float32), about={})


def _settings_of(config: Mapping[str, Any]) -> Settings:
    """A checkpoint's settings.

    How a model is used is no part of it: fields of those sections may have come, which then have
    their default, or gone, since it was trained. Fields of training may have come, and sets of
    allowed tokens that cells share.
    """
    classes = (settings_module.SAMPLER_SETTINGS[config["sampler"]["kind"]], ComposeSettings,
               EvaluationSettings)
    uses = {section: {name: config[section].get(name, default)
                      for name, default in dataclasses.asdict(cls()).items()}
            for section, cls in zip(USES, classes, strict=True)}
    training = dataclasses.asdict(TrainingSettings()) | dict(config["training"])
    condition = dataclasses.asdict(ConditionSettings()) | dict(config["condition"])
    return settings_module.from_config(
        {**config, **uses, "training": training, "condition": condition})
