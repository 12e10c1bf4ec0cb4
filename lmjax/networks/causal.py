"""The sequential Transformer that the paper compares its score model with.

Vectors of the four tokens of the frame before, side by side, and fixed positions go through an
encoder that attends to the past alone; the tokens of a frame are independent given all frames
before it.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.layers import sinusoidal_positions

# Of each layer: the keys and the values of all frames, float32[B, T, W] both; zeros where they
# have not been read yet.
Kept = tuple[jax.Array, jax.Array]
Memory = list[Kept]


@dataclasses.dataclass(frozen=True)
class CausalSettings:
    """Sizes of the network; the defaults are the paper's.

    Attributes:
      embedding: width of a voice's vectors; that of a frame is four times as much.
      layers, heads: of the encoder.
      feedforward: hidden width of a layer's two-layer perceptron.
      dropout: share of activations that are dropped in training.
    """

    embedding: int = 128
    layers: int = 6
    heads: int = 8
    feedforward: int = 2048
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.heads > 0 and 4 * self.embedding % self.heads:
            raise ValueError(f"four times network.embedding must be a multiple of network.heads, "
                             f"but they are {self.embedding} and {self.heads}")


class CausalTransformer(nn.Module):
    """Frames to features of what follows them.

    Attributes:
      settings: the sizes.
      voices, tokens: V and K; vector K of a voice is for what comes before the first frame.
    """

    settings: CausalSettings
    voices: int
    tokens: int

    def begin(self, batch: int, time: int) -> Memory:
        """What is remembered before the first of `time` frames."""
        nothing = jnp.zeros((batch, time, self.voices * self.settings.embedding))
        return [(nothing, nothing)] * self.settings.layers

    @nn.compact
    def __call__(self, memory: Memory, before: jax.Array, tracks: jax.Array, start: jax.Array,
                 train: bool = False) -> tuple[Memory, jax.Array]:
        """Reads frames, and says what to expect of each of them, having heard those before.

        Args:
          memory: of all frames before, with room for these.
          before: int32[B, T, V]: for each of these frames, the tokens of the one before it.
          tracks: int32[B, T, C]; this network does not hear them.
          start: int32[], the number of the first of these frames.
          train: whether activations are dropped.

        Returns:
          The memory after the last of them, and features float32[B, T, W] of each frame.
        """
        cfg, (batch, time, voices) = self.settings, before.shape
        drop = nn.Dropout(cfg.dropout, deterministic=not train)
        table = self.param("embedding", nn.initializers.normal(cfg.embedding**-0.5),
                           (voices, self.tokens + 1, cfg.embedding))
        width, whole = voices * cfg.embedding, memory[0][0].shape[1]
        x = table[jnp.arange(voices), before].reshape(batch, time, width) * jnp.sqrt(width)
        places = sinusoidal_positions(whole, width)
        x = drop(x + jax.lax.dynamic_slice_in_dim(places, start, time))
        mask = jnp.arange(whole) <= (start + jnp.arange(time))[:, None]
        after = []
        for i in range(cfg.layers):
            attended, kept = self._attend(f"attention_{i}", x, memory[i], start, mask)
            after.append(kept)
            x = nn.LayerNorm(name=f"norm_{i}")(x + drop(attended))
            hidden = drop(nn.relu(nn.Dense(cfg.feedforward, name=f"in_{i}")(x)))
            x = nn.LayerNorm(name=f"last_norm_{i}")(
                x + drop(nn.Dense(width, name=f"out_{i}")(hidden)))
        return after, x

    def _attend(self, name: str, x: jax.Array, memory: Kept, start: jax.Array,
                mask: jax.Array) -> tuple[jax.Array, Kept]:
        """Attention of x to all frames up to its own; and the layer's memory with x in it."""
        width, heads = x.shape[-1], self.settings.heads
        q, *new = jnp.split(nn.Dense(3 * width, name=name)(x), 3, axis=-1)
        keys, values = kept = (jax.lax.dynamic_update_slice_in_dim(memory[0], new[0], start, 1),
                               jax.lax.dynamic_update_slice_in_dim(memory[1], new[1], start, 1))
        q, keys, values = (part.reshape(*part.shape[:2], heads, -1) for part in (q, keys, values))
        logits = jnp.einsum("bqhd,bkhd->bhqk", q, keys) / jnp.sqrt(width // heads)
        shares = jax.nn.softmax(jnp.where(mask, logits, -jnp.inf), axis=-1)
        attended = jnp.einsum("bhqk,bkhd->bqhd", shares, values).reshape(x.shape)
        return nn.Dense(width, name=f"{name}_out")(attended), kept
