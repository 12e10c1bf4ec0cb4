"""The sequential LSTM that the paper compares its score model with.

Vectors of the four tokens of the frame before, side by side, go through layers of long short-term
memory (Hochreiter & Schmidhuber 1997); the tokens of a frame are independent given all frames
before it.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

# Of each layer: what its cells hold, and what they say, float32[B, W] both.
Memory = list[tuple[jax.Array, jax.Array]]


@dataclasses.dataclass(frozen=True)
class LSTMSettings:
    """Sizes of the network; the defaults are the paper's.

    Attributes:
      embedding: width of a voice's vectors.
      width: of a layer.
      layers: one upon the other.
      dropout: share of what a layer says that is dropped in training.
      truncation: frames after which gradients flow no further back.
    """

    embedding: int = 32
    width: int = 256
    layers: int = 3
    dropout: float = 0.2
    truncation: int = 32


class LSTM(nn.Module):
    """Frames to features of what follows them.

    Attributes:
      settings: the sizes.
      voices, tokens: V and K; vector K of a voice is for what comes before the first frame.
    """

    settings: LSTMSettings
    voices: int
    tokens: int

    def begin(self, batch: int, time: int) -> Memory:
        """What is remembered before the first of `time` frames."""
        del time
        nothing = jnp.zeros((batch, self.settings.width))
        return [(nothing, nothing)] * self.settings.layers

    @nn.compact
    def __call__(self, memory: Memory, before: jax.Array, tracks: jax.Array, start: jax.Array,
                 train: bool = False) -> tuple[Memory, jax.Array]:
        """Reads frames, and says what to expect of each of them, having heard those before.

        Args:
          memory: of all frames before.
          before: int32[B, T, V]: for each of these frames, the tokens of the one before it.
          tracks: int32[B, T, C]; this network does not hear them.
          start: int32[], the number of the first of these frames.
          train: whether activations are dropped.

        Returns:
          The memory after the last of them, and features float32[B, T, W] of each frame.
        """
        cfg, (batch, time, voices) = self.settings, before.shape
        table = self.param("embedding", nn.initializers.normal(1.0),
                           (voices, self.tokens + 1, cfg.embedding))
        x = table[jnp.arange(voices), before].reshape(batch, time, -1)
        cut = (start + jnp.arange(time)) % cfg.truncation == 0
        after = []
        for i in range(cfg.layers):
            inputs = nn.Dense(4 * cfg.width, name=f"inputs_{i}")(x)
            recurrent = self.param(f"recurrent_{i}", nn.initializers.orthogonal(),
                                   (cfg.width, 4 * cfg.width))
            last, x = remember(memory[i], inputs, recurrent, cut)
            after.append(last)
            x = nn.Dropout(cfg.dropout, deterministic=not train)(x)
        return after, x


def remember(memory: tuple[jax.Array, jax.Array], inputs: jax.Array, recurrent: jax.Array,
             cut: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
    """One layer over all frames: what it holds and says in the end, and float32[B, T, W].

    Args:
      memory: what its cells held and said before the first frame.
      inputs: float32[B, T, 4 W], what comes in for the input, forget and output gates and the cell.
      recurrent: float32[W, 4 W].
      cut: bool[T], the frames before which gradients end.
    """
    def step(memory: tuple[jax.Array, jax.Array], row: tuple[jax.Array, jax.Array],
             ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        here, cut = row
        held, said = (jnp.where(cut, jax.lax.stop_gradient(part), part) for part in memory)
        enter, keep, leave, new = jnp.split(here + said @ recurrent, 4, axis=-1)
        # Cells keep what they hold unless they learn otherwise (Jozefowicz et al. 2015).
        held = nn.sigmoid(keep + 1.0) * held + nn.sigmoid(enter) * jnp.tanh(new)
        said = nn.sigmoid(leave) * jnp.tanh(held)
        return (held, said), said

    last, said = jax.lax.scan(step, memory, (jnp.moveaxis(inputs, 1, 0), cut))
    return last, jnp.moveaxis(said, 0, 1)
