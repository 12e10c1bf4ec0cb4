"""Layers that commute with transposition.

Music moved up by a semitone is the same music. Features of a frame are kept per pitch class,
`C` channels for each of the twelve, and every layer does to one pitch class what it does to the
others: its weights depend on the interval between two of them alone (a group convolution over the
cyclic group of order 12, Cohen & Welling 2016). A dense layer of width 12 C then has a twelfth of
the parameters, and what is learned in one key is known in all.

A state is float32[..., 12 C], the channels of one pitch class side by side.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.layers import channel_dropout, relative_bias
from lmjax.networks.tokens import PITCH_CLASSES

# [12, 12, 12]: one-hot of the interval from pitch class r to pitch class s.
INTERVALS = np.eye(PITCH_CLASSES, dtype=np.float32)[
    (np.arange(PITCH_CLASSES) - np.arange(PITCH_CLASSES)[:, None]) % PITCH_CLASSES]


def over_classes(values: jax.Array) -> jax.Array:
    """The same channels float32[..., C] for every pitch class, float32[..., 12 C]."""
    return jnp.tile(values, (1,) * (values.ndim - 1) + (PITCH_CLASSES,))


def fold(pitches: jax.Array, lowest: int) -> jax.Array:
    """Sums over octaves: float32[..., P, C] to float32[..., 12, C].

    Args:
      pitches: features along the pitch axis.
      lowest: the pitch class of the first pitch.
    """
    above = -(lowest + pitches.shape[-2]) % PITCH_CLASSES
    pad = [(0, 0)] * (pitches.ndim - 2) + [(lowest, above), (0, 0)]
    octaves = jnp.pad(pitches, pad)
    return octaves.reshape(
        *pitches.shape[:-2], -1, PITCH_CLASSES, pitches.shape[-1]).sum(axis=-3)


def unfold(classes: jax.Array, lowest: int, pitches: int) -> jax.Array:
    """Gives every pitch what its class has: float32[..., 12, C] to float32[..., P, C]."""
    octaves = -(-(lowest + pitches) // PITCH_CLASSES)
    repeated = jnp.tile(classes, (1,) * (classes.ndim - 2) + (octaves, 1))
    return repeated[..., lowest:lowest + pitches, :]


def _normal(fan_in: int) -> nn.initializers.Initializer:
    return nn.initializers.normal(1 / np.sqrt(fan_in))


class PitchClassDense(nn.Module):
    """A dense layer from pitch classes to pitch classes, float32[..., 12 C] to [..., 12 features].

    Attributes:
      features: channels of a pitch class that come out.
      tied: whether weights depend on the interval alone; if not, this is an ordinary dense layer.
      bias: whether channels are shifted, alike in all pitch classes.
    """

    features: int
    tied: bool = True
    bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width, out = x.shape[-1], PITCH_CLASSES * self.features
        if self.tied:
            kernel = self.param("kernel", _normal(width), (
                PITCH_CLASSES, width // PITCH_CLASSES, self.features))
            weights = jnp.einsum("rsi,icd->rcsd", INTERVALS, kernel).reshape(width, out)
        else:
            weights = self.param("kernel", _normal(width), (width, out))
        x = x @ weights
        if self.bias:
            x = x + over_classes(self.param("bias", nn.initializers.zeros, (self.features,)))
        return x


class PitchDense(nn.Module):
    """A dense layer along the pitch axis, float32[..., P, C] to float32[..., P, features].

    Its weights, too, depend on the interval between two pitches alone.
    """

    features: int
    tied: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        *batch, pitches, channels = x.shape
        # The inputs are a few distributions over pitch, so few of them are not zero.
        scale = nn.initializers.normal(0.3)
        if self.tied:
            kernel = self.param("kernel", scale, (2 * pitches - 1, channels, self.features))
            interval = np.arange(pitches) - np.arange(pitches)[:, None] + pitches - 1
            one_hot = np.eye(2 * pitches - 1, dtype=np.float32)[interval]
            weights = jnp.einsum("pqi,icd->pcqd", one_hot, kernel)
        else:
            weights = self.param("kernel", scale, (pitches, channels, pitches, self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        out = x.reshape(*batch, -1) @ weights.reshape(pitches * channels, -1)
        return out.reshape(*batch, pitches, self.features) + bias


class PitchClassAttention(nn.Module):
    """Self-attention with a learned bias per head and relative offset.

    How alike two positions are is a sum over pitch classes, and so the same in every key.
    """

    heads: int
    reach: int
    tied: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, present: jax.Array) -> jax.Array:
        """Attends over x float32[B, T, 12 C] where present bool[B, T]; returns the same shape."""
        batch, length, width = x.shape
        into, out_of = self.kernels(width)
        qkv = (x @ into).reshape(batch, length, 3, self.heads, -1)
        q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
        table = self.param("bias", nn.initializers.zeros, (self.heads, 2 * self.reach + 1))
        logits = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
        logits = logits + relative_bias(table, length)
        logits = jnp.where(present[:, None, None, :], logits, -1e9)
        seen = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(logits, axis=-1), v)
        return seen.reshape(x.shape) @ out_of

    def kernels(self, width: int) -> tuple[jax.Array, jax.Array]:
        """Weights [W, 3 W] to queries, keys and values, side by side, and [W, W] out of them."""
        if not self.tied:
            return (self.param("qkv", _normal(width), (width, 3 * width)),
                    self.param("out", _normal(width), (width, width)))
        channels = width // PITCH_CLASSES
        depth = channels // self.heads
        # Each head's channels of all pitch classes are made to stand side by side.
        into = self.param("qkv", _normal(width), (PITCH_CLASSES, channels, 3, self.heads, depth))
        into = jnp.einsum("rsi,icnhd->rcnhsd", INTERVALS, into)
        out_of = self.param("out", _normal(width), (PITCH_CLASSES, self.heads, depth, channels))
        out_of = jnp.einsum("rsi,ihdc->hrdsc", INTERVALS, out_of)
        return into.reshape(width, 3 * width), out_of.reshape(width, width)


class ModulatedBlock(nn.Module):
    """A transformer block whose layer norms are scaled, shifted and gated by the noise level.

    Adaptive layer norm with zero initialisation (Peebles & Xie 2023): at the start of training
    the block is the identity.
    """

    heads: int
    reach: int
    expansion: int
    dropout: float = 0.0
    tied: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array, present: jax.Array,
                 train: bool = False) -> jax.Array:
        """x float32[B, T, 12 C], level float32[B, E] (features of sigma), present bool[B, T]."""
        channels = x.shape[-1] // PITCH_CLASSES
        modulation = nn.Dense(
            6 * channels, kernel_init=nn.initializers.zeros, name="modulation")(level)
        shift1, scale1, gate1, shift2, scale2, gate2 = map(
            over_classes, jnp.split(modulation[:, None], 6, axis=-1))
        norm = nn.LayerNorm(use_bias=False, use_scale=False)
        attended = PitchClassAttention(self.heads, self.reach, self.tied, name="attention")(
            norm(x) * (1 + scale1) + shift1, present)
        x = x + gate1 * attended
        hidden = nn.gelu(PitchClassDense(self.expansion * channels, self.tied, name="in")(
            norm(x) * (1 + scale2) + shift2))
        hidden = channel_dropout(self.dropout, train)(hidden)
        return x + gate2 * PitchClassDense(channels, self.tied, name="out")(hidden)
