"""From token logits to the most probable legal sequence of tokens."""

import jax
import jax.numpy as jnp

from lmjax.noise.embed import NEVER

CERTAIN = 20.0  # nats, by which a drawn token is likelier than others where rules are broken

# bool[V, K] and bool[V, K, K]: which tokens may begin, and whether token b may follow token a.
Legal = tuple[jax.Array, jax.Array]


def decode(
        logits: jax.Array, legal: Legal, frames: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Viterbi's algorithm, each voice by itself.

    Args:
      logits: float32[B, T, V, K], as of independent cells.
      legal: `start` and `follow`, see `Legal`.
      frames: bool[B, T], the frames that exist; padding comes after them.

    Returns:
      int32[B, T, V], the tokens, 0 in padding; and int32[B], the cells in which legality overruled
      the most probable token. Where no legal sequence exists the tokens break the fewest rules.
    """
    start, follow = legal
    log_p = jax.nn.log_softmax(logits)
    penalty = jnp.where(jnp.asarray(follow), 0.0, NEVER)
    stay = jnp.arange(log_p.shape[-1])

    def forward(
            best: jax.Array, scanned: tuple[jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array]:
        log_p_t, exists = scanned
        paths = best[..., :, None] + penalty
        onward = paths.max(-2) + log_p_t
        exists = exists[:, None, None]
        return jnp.where(exists, onward, best), jnp.where(exists, paths.argmax(-2), stay)

    def backward(token: jax.Array, came_from: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.take_along_axis(came_from, token[..., None], -1)[..., 0], token

    first = log_p[:, 0] + jnp.where(jnp.asarray(start), 0.0, NEVER)
    later = jnp.moveaxis(log_p[:, 1:], 1, 0), jnp.moveaxis(frames[:, 1:], 1, 0)
    best, came_from = jax.lax.scan(forward, first, later)
    opening, rest = jax.lax.scan(backward, best.argmax(-1), came_from, reverse=True)
    tokens = jnp.moveaxis(jnp.concatenate([opening[None], rest]), 0, 1)
    changed = (tokens != log_p.argmax(-1)) & frames[..., None]
    return jnp.where(frames[..., None], tokens, 0).astype(jnp.int32), changed.sum((1, 2))
