"""Layers shared by the networks: noise-level features, modulation, relative attention."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def fourier_features(log_sigma: jax.Array, width: int) -> jax.Array:
    """Sines and cosines of log sigma float32[B] at geometric frequencies, float32[B, width]."""
    frequencies = jnp.geomspace(0.25, 8.0, width // 2)
    angles = log_sigma[:, None] * frequencies
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)


def sinusoidal_positions(length: int, width: int) -> jax.Array:
    """The fixed positions of Vaswani et al. (2017), float32[length, width]."""
    rate = jnp.exp(-jnp.log(10000.0) * jnp.arange(0, width, 2) / width)
    angles = jnp.arange(length)[:, None] * rate
    return jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1).reshape(length, width)


class RelativeAttention(nn.Module):
    """Self-attention with a learned bias per head and relative offset.

    Offsets beyond `reach` share one bias, so a network trained on short windows can read long ones.
    """

    heads: int
    reach: int

    @nn.compact
    def __call__(self, x: jax.Array, present: jax.Array) -> jax.Array:
        """Attends over x float32[B, T, W] where present bool[B, T]; returns the same shape."""
        batch, length, width = x.shape
        depth = width // self.heads
        q, k, v = jnp.split(nn.Dense(3 * width, use_bias=False, name="qkv")(x), 3, axis=-1)
        q, k, v = (a.reshape(batch, length, self.heads, depth) for a in (q, k, v))
        table = self.param("bias", nn.initializers.zeros, (self.heads, 2 * self.reach + 1))
        offset = jnp.arange(length)[:, None] - jnp.arange(length)
        bias = table[:, jnp.clip(offset, -self.reach, self.reach) + self.reach]
        logits = jnp.einsum("bqhd,bkhd->bhqk", q, k) / jnp.sqrt(depth) + bias
        logits = jnp.where(present[:, None, None, :], logits, -1e9)
        out = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(logits, axis=-1), v)
        return nn.Dense(width, use_bias=False, name="out")(out.reshape(x.shape))


def channel_dropout(rate: float, train: bool) -> nn.Dropout:
    """Dropout of whole channels of an example [B, T, W], the same in every frame (Tompson et al.
    2015): stronger than of single activations, and its mask costs next to nothing to draw."""
    return nn.Dropout(rate, broadcast_dims=(1,), deterministic=not train)


class ModulatedBlock(nn.Module):
    """A transformer block whose layer norms are scaled, shifted and gated by the noise level.

    Adaptive layer norm with zero initialisation (Peebles & Xie 2023): at the start of training
    the block is the identity.
    """

    heads: int
    reach: int
    expansion: int
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array, present: jax.Array,
                 train: bool = False) -> jax.Array:
        """x float32[B, T, W], level float32[B, E] (features of sigma), present bool[B, T]."""
        width = x.shape[-1]
        modulation = nn.Dense(
            6 * width, kernel_init=nn.initializers.zeros, name="modulation")(level)
        shift1, scale1, gate1, shift2, scale2, gate2 = jnp.split(modulation[:, None], 6, axis=-1)
        norm = nn.LayerNorm(use_bias=False, use_scale=False)
        attended = RelativeAttention(self.heads, self.reach, name="attention")(
            norm(x) * (1 + scale1) + shift1, present)
        x = x + gate1 * attended
        hidden = nn.gelu(nn.Dense(self.expansion * width, name="in")(
            norm(x) * (1 + scale2) + shift2))
        hidden = channel_dropout(self.dropout, train)(hidden)
        return x + gate2 * nn.Dense(width, name="out")(hidden)
