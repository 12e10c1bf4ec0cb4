"""Left-to-right models: `p(tokens) = prod over frames and voices p(token | all before it)`."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.causal import CausalSettings, CausalTransformer
from lmjax.networks.chained import ChainedSettings, ChainedTransformer, ChainedVoices
from lmjax.networks.lstm import LSTM, LSTMSettings
from lmjax.networks.score import Params, apply
from lmjax.networks.tokens import TokenSpace
from lmjax.noise.condition import Condition
from lmjax.noise.embed import NEVER

FARTHEST = 62  # frames ahead that are told apart


class IndependentVoices(nn.Module):
    """Logits of a frame's tokens that are independent of each other, given all frames before.

    Attributes:
      voices, tokens: V and K.
    """

    voices: int
    tokens: int

    @nn.compact
    def __call__(self, features: jax.Array, here: jax.Array) -> jax.Array:
        """Features float32[B, T, W] to logits float32[B, T, V, K]; `here` is not heard."""
        del here
        logits = nn.Dense(self.voices * self.tokens)(features)
        return logits.reshape(*features.shape[:2], self.voices, self.tokens)


@dataclasses.dataclass(frozen=True, eq=False)
class SequentialModel:
    """A left-to-right model as pure functions of its parameters.

    Attributes:
      space: the vocabulary, as arrays.
      network: sizes of the network; their type decides which.
      track_sizes: how many values each conditioning track takes.
      key_track: which of them is the key, if one is: 0 or 1 + its pitch class.
      awaited_track: which of them has the events that are foreseen, if one has: 0 where nothing is
        known, else 1 + whether one is now. Notes are read from left to right; form is known.
    """

    space: TokenSpace
    network: LSTMSettings | CausalSettings | ChainedSettings
    track_sizes: tuple[int, ...]
    key_track: int | None = None
    awaited_track: int | None = None

    def init(self, key: jax.Array, tracks: jax.Array) -> Params:
        """Fresh parameters; tracks int32[B, T, C] are those of any batch."""
        tracks = self.foreseen(tracks)
        batch, time = tracks.shape[:2]
        tokens = jnp.zeros((batch, time, len(self.space.valid)), jnp.int32)
        keys = jax.random.split(key)
        memory = self.begin(batch, time)
        network = self._network.init(keys[0], memory, tokens, tracks, jnp.zeros((), jnp.int32))
        _, features = apply(self._network, network, memory, tokens, tracks, 0)
        return {"network": network, "voices": self._voices.init(keys[1], features, tokens)}

    def begin(self, batch: int, time: int) -> Any:
        """What is remembered before the first of `time` frames."""
        return self._network.begin(batch, time)

    def advance(self, params: Params, memory: Any, before: jax.Array, tracks: jax.Array,
                start: jax.Array | int, dropout_key: jax.Array | None = None,
                ) -> tuple[Any, jax.Array]:
        """Reads frames: memory, and of each frame the tokens before it int32[B, T, V], its tracks
        (see `foreseen`) and its number, to the new memory and features float32[B, T, W]."""
        rngs = None if dropout_key is None else {"dropout": dropout_key}
        return apply(self._network, params["network"], memory, before, tracks, start,
                     dropout_key is not None, rngs=rngs)

    def voices(self, params: Params, features: jax.Array, here: jax.Array) -> jax.Array:
        """Logits float32[B, T, V, K] of a frame's tokens, `NEVER` where a voice has no such token;
        each voice may hear those before it, tokens `here` int32[B, T, V]."""
        logits = apply(self._voices, params["voices"], features, here)
        return jnp.where(self.space.valid, logits, NEVER)

    def logits(self, params: Params, condition: Condition, tokens: jax.Array,
               dropout_key: jax.Array | None = None) -> jax.Array:
        """Logits float32[B, T, V, K] of every cell, given the tokens int32[B, T, V] before it."""
        batch, time, _ = tokens.shape
        _, features = self.advance(params, self.begin(batch, time), self.preceding(tokens),
                                   self.foreseen(condition.tracks), 0, dropout_key)
        return self.voices(params, features, tokens)

    def foreseen(self, tracks: jax.Array) -> jax.Array:
        """Tracks int32[B, T, C], and behind them how far ahead the next event is that is awaited:
        0 where that is not known, else 1 + frames, as far as they are told apart."""
        if self.awaited_track is None:
            return tracks
        track, place = tracks[..., self.awaited_track], jnp.arange(tracks.shape[1])
        never = tracks.shape[1] + FARTHEST
        following = jax.lax.cummin(jnp.where(track == 2, place, never), axis=1, reverse=True)
        ahead = 1 + jnp.minimum(following - place, FARTHEST)
        return jnp.concatenate([tracks, jnp.where(track > 0, ahead, 0)[..., None]], axis=-1)

    def preceding(self, tokens: jax.Array) -> jax.Array:
        """For each frame, the tokens of the one before it; K where there is none."""
        nothing = jnp.full_like(tokens[:, :1], self.space.valid.shape[1])
        return jnp.concatenate([nothing, tokens[:, :-1]], axis=1)

    @property
    def _network(self) -> Any:
        voices, tokens = self.space.valid.shape
        if isinstance(self.network, LSTMSettings):
            return LSTM(self.network, voices, tokens)
        if isinstance(self.network, CausalSettings):
            return CausalTransformer(self.network, voices, tokens)
        foreseen = () if self.awaited_track is None else (2 + FARTHEST,)
        return ChainedTransformer(
            self.network, self.space, (*self.track_sizes, *foreseen), self.key_track)

    @property
    def _voices(self) -> Any:
        if isinstance(self.network, ChainedSettings):
            return ChainedVoices(self.network, self.space)
        return IndependentVoices(*self.space.valid.shape)
