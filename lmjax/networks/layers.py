"""What the networks share: features of noise level and place, relative biases, dropout."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


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


def relative_bias(table: jax.Array, length: int) -> jax.Array:
    """A bias float32[H, T, T] of (query, key) from a table float32[H, 2 R + 1] over their offset.

    Offsets beyond the reach R share one bias, so a network trained on short windows can read long
    ones.
    """
    reach = table.shape[-1] // 2
    offset = np.clip(np.arange(length)[:, None] - np.arange(length), -reach, reach) + reach
    # A product with one-hot rows: on a CPU its gradient is far cheaper than a scatter.
    return jnp.einsum("hr,qkr->hqk", table, jax.nn.one_hot(offset, table.shape[-1]))


def channel_dropout(rate: float, train: bool) -> nn.Dropout:
    """Dropout of whole channels of an example [B, T, W], the same in every frame (Tompson et al.
    2015): stronger than of single activations, and its mask costs next to nothing to draw."""
    return nn.Dropout(rate, broadcast_dims=(1,), deterministic=not train)
