"""Tokens to the continuous state and back.

An embedding is a table float32[V, K, D]: the vector of token k of voice v, already placed in that
voice's slice of the frame's state and zero elsewhere. Tokens that a voice does not have are zero
rows. D is the sum of the voices' widths.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.noise.perturb import per_example

# The logit of a token that must not be. Finite, so that no product or difference of it is a NaN.
NEVER = -1e9

# States are compared after division by sigma^2, which would magnify a matrix unit's rounding.
_EXACT = jax.lax.Precision.HIGHEST


def embed(table: jax.Array, tokens: jax.Array) -> jax.Array:
    """The clean state float32[B, T, D] of tokens int32[B, T, V]."""
    return table[jnp.arange(table.shape[0]), tokens].sum(-2)


def evidence(table: jax.Array, x: jax.Array, sigma: jax.Array) -> jax.Array:
    """What the noisy state says of each token: `(x . e_k - |e_k|^2 / 2) / sigma^2`.

    This is the log-likelihood `log N(x; e_k, sigma^2)` of the voice's slice but for a term that
    all tokens of the cell share.

    Args:
      table: float32[V, K, D].
      x: float32[B, T, D], the perturbed state.
      sigma: float32[B].

    Returns:
      float32[B, T, V, K], nats.
    """
    product = jnp.einsum("btd,vkd->btvk", x, table, precision=_EXACT)
    half_square = jnp.square(table).sum(-1) / 2
    return (product - half_square) / jnp.square(sigma)[:, None, None, None]


def scaled(table: jax.Array, x: jax.Array, sigma: jax.Array) -> jax.Array:
    """A noisy state at one size for every noise level: `x / sqrt(sigma^2 + sigma_data^2)`.

    This is `c_in` of Karras et al. (2022); `sigma_data^2` is the mean square of the coordinates of
    a clean state in which all tokens of a voice are equally likely.

    Args:
      table: float32[V, K, D].
      x: float32[B, T, D].
      sigma: float32[B].
    """
    squares = jnp.square(table).sum(-1)
    clean = (squares.sum(-1) / (squares > 0).sum(-1)).sum() / table.shape[-1]
    return x * jax.lax.rsqrt(jnp.square(per_example(sigma, x)) + clean)


def posterior_mean(table: jax.Array, probabilities: jax.Array) -> jax.Array:
    """The expected state float32[B, T, D] under probabilities float32[B, T, V, K]."""
    return jnp.einsum("btvk,vkd->btd", probabilities, table, precision=_EXACT)


def coordinates(table: jax.Array, cells: jax.Array) -> jax.Array:
    """The coordinates bool[B, T, D] of the state that belong to cells bool[B, T, V]."""
    owned = (table != 0).any(1)
    return (cells[..., None] & owned).any(-2)


def forbid(logits: jax.Array, allowed: jax.Array) -> jax.Array:
    """Logits in which every token that is not allowed, bool broadcastable to them, is NEVER."""
    return jnp.where(allowed, logits, NEVER)


def place(vectors: jax.Array) -> jax.Array:
    """A table float32[V, K, V d] of vectors float32[V, K, d], each in its voice's slice."""
    voices, size, width = vectors.shape
    placed = jnp.einsum("vkd,vw->vkwd", vectors, jnp.eye(voices, dtype=vectors.dtype),
                        precision=_EXACT)
    return placed.reshape(voices, size, voices * width)


def unit_rows(raw: jax.Array) -> jax.Array:
    """Vectors float32[..., d] scaled to length 1; a learned table cannot shrink away."""
    return raw * jax.lax.rsqrt(jnp.square(raw).sum(-1, keepdims=True) + 1e-12)


def one_hot_table(sizes: Sequence[int]) -> jax.Array:
    """Every token its own axis: `sizes` are the voices' numbers of tokens, D their sum."""
    return _place_slices([np.eye(size) for size in sizes])


def factored_table(
        sound: np.ndarray, articulation: np.ndarray, valid: np.ndarray, weight: float,
) -> jax.Array:
    """What sounds one-hot, and one coordinate of +-`weight` for how.

    The struck and the held form of a pitch share the pitch's axis and differ in the last
    coordinate of the voice's slice. A voice that tells no articulation has no such coordinate.

    Args:
      sound: int[V, K], the index of what sounds.
      articulation: int[V, K], 0 neither, 1 struck, 2 held.
      valid: bool[V, K], which tokens a voice has; they must come first.
      weight: the size of the articulation coordinate.
    """
    slices = []
    for voice in range(len(sound)):
        exists = np.asarray(valid[voice], bool)
        columns = np.eye(sound[voice][exists].max() + 1)[sound[voice][exists]]
        sign = np.array([0.0, 1.0, -1.0])[articulation[voice][exists]]
        if sign.any():
            columns = np.concatenate([columns, weight * sign[:, None]], axis=1)
        slices.append(columns)
    return _place_slices(slices)


def _place_slices(slices: Sequence[np.ndarray]) -> jax.Array:
    """Places slices float[K_v, d_v] side by side in a table float32[V, max K_v, sum d_v]."""
    size = max(len(rows) for rows in slices)
    table = np.zeros((len(slices), size, sum(rows.shape[1] for rows in slices)), np.float32)
    start = 0
    for voice, rows in enumerate(slices):
        table[voice, :len(rows), start:start + rows.shape[1]] = rows
        start += rows.shape[1]
    return jnp.asarray(table)
