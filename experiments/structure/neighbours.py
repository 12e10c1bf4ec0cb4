"""The same model, deaf to all but the frames around each cell."""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from experiments.command import fields_of
from lmjax.composer import Composer
from lmjax.networks.score import Params, ScoreModel
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised


def near(denoise: Denoise, block: int, margin: int) -> Denoise:
    """A denoiser that hears a block of frames, and a margin on either side of it, at a time.

    Args:
      denoise: hears all frames.
      block: frames that are denoised together; what is left of the last lies beyond the end.
      margin: frames on either side that are heard with them.
    """
    def pieces(a: jax.Array) -> jax.Array:
        """[B, T, ...] to [B N, block + 2 margin, ...]; nothing beyond the ends."""
        count = -(-a.shape[1] // block)
        pad = [(0, 0)] * a.ndim
        pad[1] = (margin, margin + count * block - a.shape[1])
        frames = block * jnp.arange(count)[:, None] + jnp.arange(block + 2 * margin)
        return jnp.pad(a, pad)[:, frames].reshape(-1, block + 2 * margin, *a.shape[2:])

    def ask(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        count = -(-x.shape[1] // block)
        heard = denoise(pieces(x), jnp.repeat(sigma, count), jax.tree.map(pieces, condition))

        def joined(a: jax.Array) -> jax.Array:
            middle = a[:, margin:margin + block]
            return middle.reshape(len(x), -1, *a.shape[2:])[:, :x.shape[1]]

        return Denoised(joined(heard.mean), joined(heard.logits))

    return ask


@dataclasses.dataclass(frozen=True, eq=False)
class NearModel(ScoreModel):
    """A score model as `near` hears."""

    block: int = 16
    margin: int = 8

    def denoiser(self, params: Params, dropout_key: jax.Array | None = None) -> Denoise:
        """As that of `ScoreModel`."""
        return near(super().denoiser(params, dropout_key), self.block, self.margin)


@dataclasses.dataclass(frozen=True, eq=False)
class NearComposer(Composer):
    """A composer whose model is a `NearModel`."""

    block: int = 16
    margin: int = 8

    @functools.cached_property
    def model(self) -> ScoreModel:
        """The pure functions that the parameters belong to."""
        return NearModel(**fields_of(super().model), block=self.block, margin=self.margin)


def near_composer(composer: Composer, block: int, margin: int) -> NearComposer:
    """A composer with the same weights that hears a block and its margins at a time."""
    return NearComposer(**fields_of(composer), block=block, margin=margin)
