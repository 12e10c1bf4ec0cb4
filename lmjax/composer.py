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
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.networks.evidence import TokenSpace
from lmjax.networks.score import Params, ScoreModel
from lmjax.noise.condition import Condition
from lmjax.sampling import chain
from lmjax.sampling.constraints import hold_known, replace_known
from lmjax.settings import Settings
from lmjax.training import checkpoints

# What may differ between the run that made a checkpoint and the one that uses it: nothing that the
# weights depend on.
FREE_SECTIONS = ("name", "sampler", "compose", "evaluation")
FREE_FIELDS = ("data.path", "training.devices")


def build_model(settings: Settings, vocabulary: Vocabulary) -> ScoreModel:
    """The score model that a config describes."""
    sound, articulation = vocabulary.parts
    space = TokenSpace(vocabulary.valid, sound, articulation, vocabulary.pitches)
    return ScoreModel(space, settings.network, settings.embedding, rhythm.SIZES)


@dataclasses.dataclass(frozen=True, eq=False)
class Composer:
    """A trained model: arrays and settings. Programs are kept beside them once compiled.

    Attributes:
      settings: what it was trained with, and how it is sampled.
      vocabulary: what its tokens mean.
      params: of network and embedding.
      frequencies: float[V, K], how often each token occurs in the training data.
      about: the record that travels with the checkpoint.
    """

    settings: Settings
    vocabulary: Vocabulary
    params: Params
    frequencies: np.ndarray
    about: Mapping[str, Any]

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


def load(path: str | os.PathLike[str]) -> Composer:
    """The composer in a working folder, with the best weights of its training.

    Raises:
      CheckpointError: if there is none, or it is damaged.
    """
    folder = pathlib.Path(path)
    about = checkpoints.read_about(folder, checkpoints.BEST)
    try:
        settings = settings_module.from_config(about["config"])
        vocabulary = Vocabulary(**about["vocabulary"])
        frequencies = np.array(about["frequencies"], np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise checkpoints.CheckpointError(
            f"the checkpoint in {folder} was made by another version of lmjax ({error}); train "
            f"anew in another --workdir") from error
    model = build_model(settings, vocabulary)
    # On one device, whichever and however many it was trained on.
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here),
        jax.eval_shape(model.init, jax.random.key(0),
                       jnp.zeros((1, settings.training.length, len(rhythm.SIZES)), jnp.int32)))
    params = checkpoints.read_arrays(folder, checkpoints.BEST, shapes)
    return Composer(settings, vocabulary, params, frequencies, about)


def check_config(folder: pathlib.Path, about: Mapping[str, Any], settings: Settings) -> None:
    """Raises CheckpointError naming the first field in which a checkpoint's config differs."""
    wanted, found = settings_module.to_config(settings), about["config"]
    for section in sorted((wanted.keys() | found.keys()) - set(FREE_SECTIONS)):
        mine, theirs = (config[section] if isinstance(config.get(section), dict)
                        else {"": config.get(section)} for config in (wanted, found))
        for field in sorted(mine.keys() | theirs.keys()):
            ours, others = _plain(mine.get(field)), _plain(theirs.get(field))
            name = f"{section}.{field}".rstrip(".")
            if ours != others and name not in FREE_FIELDS:
                raise checkpoints.CheckpointError(
                    f"{folder} holds a model with {name}={others!r}, and the config asks for "
                    f"{ours!r}; use the same config, or another --workdir")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
