"""The paper's score network: a transformer encoder that does not know the noise level."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.layers import sinusoidal_positions


@dataclasses.dataclass(frozen=True)
class TransformerSettings:
    """Sizes of the network; the defaults are the paper's.

    Attributes:
      width: of the embedding of a frame.
      layers, heads: of the encoder.
      feedforward: hidden width of a layer's two-layer perceptron. The paper does not state it; its
        code leaves it at its library's default, 2048.
      dropout: share of activations that are dropped in training.
    """

    width: int = 128
    layers: int = 5
    heads: int = 8
    feedforward: int = 2048
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width % 2:
            raise ValueError(f"network.width must be even, not {self.width}")
        if self.heads > 0 and self.width % self.heads:
            raise ValueError(f"network.width must be a multiple of network.heads, but they are "
                             f"{self.width} and {self.heads}")


class EncoderLayer(nn.Module):
    """A transformer layer that normalises after each sum (Vaswani et al. 2017)."""

    settings: TransformerSettings

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """x float32[B, T, W], the same shape out."""
        cfg = self.settings
        drop = nn.Dropout(cfg.dropout, deterministic=not train)
        attended = nn.MultiHeadDotProductAttention(
            cfg.heads, dropout_rate=cfg.dropout, deterministic=not train)(x)
        x = nn.LayerNorm()(x + drop(attended))
        hidden = drop(nn.relu(nn.Dense(cfg.feedforward)(x)))
        return nn.LayerNorm()(x + drop(nn.Dense(cfg.width)(hidden)))


class ScoreTransformer(nn.Module):
    """f(x), of which the score at level sigma is f(x) / sigma (Song & Ermon 2020)."""

    settings: TransformerSettings

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """The unscaled score of a state x float32[B, T, D]; the same shape out."""
        cfg = self.settings
        drop = nn.Dropout(cfg.dropout, deterministic=not train)
        hidden = nn.Dense(cfg.width, name="embed")(x) * jnp.sqrt(cfg.width)
        hidden = drop(hidden + sinusoidal_positions(x.shape[1], cfg.width))
        for i in range(cfg.layers):
            hidden = EncoderLayer(cfg, name=f"layer_{i}")(hidden, train)
        return nn.Dense(x.shape[-1], name="decode")(hidden)
