"""The score network of `configs/ncsn_paper.py`: a transformer encoder, and what the paper's lacks.

As the paper has it, the network is told nothing but the noisy notes, not even how noisy they are,
and states a score. Each of those choices is a field, so that it can be changed by itself.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.layers import fourier_features, sinusoidal_positions
from lmjax.noise.condition import Condition

OUTPUTS = ("score", "logits")


@dataclasses.dataclass(frozen=True)
class TransformerSettings:
    """Sizes of the network and what it is told; the defaults are the paper's.

    Attributes:
      width: of the embedding of a frame.
      layers, heads: of the encoder.
      feedforward: hidden width of a layer's two-layer perceptron. The paper does not state it; its
        code leaves it at its library's default, 2048.
      dropout: share of activations that are dropped in training.
      level: whether the network hears sigma: the state is scaled to one size at every level (see
        `noise.embed.scaled`), and log sigma scales and shifts what each layer states.
      tracks: whether it hears metre and form: features of the conditioning tracks are added to the
        embedding of each frame, and frames that do not exist are not attended to.
      output: "score", a vector f of which the score is f / sigma; or "logits" of the tokens, to
        which the exact evidence of the noisy state is added: the score is then that of a posterior
        mean.
    """

    width: int = 128
    layers: int = 5
    heads: int = 8
    feedforward: int = 2048
    dropout: float = 0.1
    level: bool = False
    tracks: bool = False
    output: str = "score"

    def __post_init__(self) -> None:
        if self.width % 2:
            raise ValueError(f"network.width must be even, not {self.width}")
        if self.heads > 0 and self.width % self.heads:
            raise ValueError(f"network.width must be a multiple of network.heads, but they are "
                             f"{self.width} and {self.heads}")
        if self.output not in OUTPUTS:
            raise ValueError(f"network.output must be one of {', '.join(map(repr, OUTPUTS))}, "
                             f"not {self.output!r}")


class EncoderLayer(nn.Module):
    """A transformer layer that normalises after each sum (Vaswani et al. 2017)."""

    settings: TransformerSettings

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None, train: bool) -> jax.Array:
        """x float32[B, T, W], the same shape out; mask bool[B, 1, 1, T], what is attended to."""
        cfg = self.settings
        drop = nn.Dropout(cfg.dropout, deterministic=not train)
        attended = nn.MultiHeadDotProductAttention(
            cfg.heads, dropout_rate=cfg.dropout, deterministic=not train)(x, mask=mask)
        x = nn.LayerNorm()(x + drop(attended))
        hidden = drop(nn.relu(nn.Dense(cfg.feedforward)(x)))
        return nn.LayerNorm()(x + drop(nn.Dense(cfg.width)(hidden)))


class ScoreTransformer(nn.Module):
    """The encoder, from a state to what `settings.output` says.

    Attributes:
      settings: the sizes, and what is heard.
      outputs: numbers stated of a frame.
      track_sizes: how many values each conditioning track takes.
    """

    settings: TransformerSettings
    outputs: int
    track_sizes: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array, sigma: jax.Array, m: Condition,
                 train: bool = False) -> jax.Array:
        """Reads a state x float32[B, T, D], scaled if the network hears sigma float32[B].

        Returns float32[B, T, outputs]. The cells that the condition gives are not heard.
        """
        cfg = self.settings
        drop = nn.Dropout(cfg.dropout, deterministic=not train)
        hidden = nn.Dense(cfg.width, name="embed")(x) * jnp.sqrt(cfg.width)
        hidden = hidden + sinusoidal_positions(x.shape[1], cfg.width)
        mask = None
        if cfg.tracks:
            rows = [jax.nn.one_hot(m.tracks[..., i], size)
                    for i, size in enumerate(self.track_sizes)]
            # A product with one-hot rows; the features of each track are as large as a position's.
            hidden = hidden + nn.Dense(
                cfg.width, use_bias=False, kernel_init=nn.initializers.normal(1.0),
                name="tracks")(jnp.concatenate(rows, axis=-1))
            mask = m.frames[:, None, None]
        hidden = drop(hidden)
        if cfg.level:
            level = nn.gelu(nn.Dense(cfg.width, name="level")(
                fourier_features(jnp.log(sigma), cfg.width)))
        for i in range(cfg.layers):
            hidden = EncoderLayer(cfg, name=f"layer_{i}")(hidden, mask, train)
            if cfg.level:  # Perez et al. (2018); at first it changes nothing
                scale, shift = jnp.split(nn.Dense(
                    2 * cfg.width, kernel_init=nn.initializers.zeros,
                    name=f"level_{i}")(level)[:, None], 2, axis=-1)
                hidden = hidden * (1 + scale) + shift
        return nn.Dense(self.outputs, name="decode")(hidden)
