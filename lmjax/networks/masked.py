"""Order-agnostic models: the distribution of every hidden cell, given those that are known.

The network is the score network's, which hears given cells among its evidence. Here it hears
nothing else: all other cells are silent, as if under infinite noise.
"""

import dataclasses

import jax
import jax.numpy as jnp

from lmjax.networks.evidence import EvidenceNetwork, EvidenceSettings
from lmjax.networks.score import Params, apply
from lmjax.networks.tokens import TokenSpace
from lmjax.noise.condition import Condition


@dataclasses.dataclass(frozen=True)
class MaskedSettings(EvidenceSettings):
    """Sizes of the network; those of the score network."""


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedModel:
    """An order-agnostic model as pure functions of its parameters.

    Attributes:
      space: the vocabulary, as arrays.
      network: sizes of the network.
      track_sizes: how many values each conditioning track takes.
      key_track: which of them is the pitch class of the key, if one is.
    """

    space: TokenSpace
    network: MaskedSettings
    track_sizes: tuple[int, ...]
    key_track: int | None = None

    def init(self, key: jax.Array, tracks: jax.Array) -> Params:
        """Fresh parameters; tracks int32[B, T, C] are those of any batch."""
        condition = Condition.free(tracks)
        return {"network": self._module.init(key, *self._silence(condition), condition)}

    def logits(self, params: Params, condition: Condition,
               dropout_key: jax.Array | None = None) -> jax.Array:
        """Logits float32[B, T, V, K] of every cell that is not known, independent of each other
        given those that are; with a key, as they are in training."""
        rngs = None if dropout_key is None else {"dropout": dropout_key}
        return apply(self._module, params["network"], *self._silence(condition), condition,
                     dropout_key is not None, rngs=rngs)

    def _silence(self, condition: Condition) -> tuple[jax.Array, jax.Array]:
        """Evidence of nothing, float32[B, T, V, K], at a noise level that is always the same."""
        shape = condition.known.shape
        return jnp.zeros((*shape, self.space.valid.shape[1])), jnp.ones(shape[0])

    @property
    def _module(self) -> EvidenceNetwork:
        return EvidenceNetwork(self.space, self.network, self.track_sizes, self.key_track)
