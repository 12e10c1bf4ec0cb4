"""What one voice's motion says of another's: counterpoint, as a table that is learned.

Whether two voices move in parallel is a fact of four notes at once, and no sum over the notes of a
frame can state it. The chains of `smoothing` know how each voice is likely to have moved; here the
voices hear of one another, pair by pair, by the messages of a factor between them (Pearl 1988). For
voice v, reached or left by a step of d semitones,

    exp arriving_v(p) = 1 + sum_d P(v came to p by d | p is not held over) (M_vd(p) - 1),
    M_vd(p) = prod_u (1 + sum_k P(u moved by d to k) (exp A[u, v, p - k] - 1)),
    exp leaving_v(p) = 1 + sum_d P(v goes on by d) (N_vd(p + d) - 1),   N as M, with another table,

where u is each other voice, and p and k are pitch classes. A move that is only likely is refused
mildly, one that is certain by the whole entry. A third table is for all steps upwards, and all
steps downwards, together: similar motion. Tables start at zero; after training they have learned,
by themselves, to refuse fifths and octaves.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.motion import STEPS, Moves, over_octaves
from lmjax.networks.smoothing import Chain, shifted
from lmjax.networks.symmetry import INTERVALS
from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace

GAIN = 20.0  # parallels are rare, and entries of a table small steps of an optimizer away
LEAST = 1e-9  # what probabilities are divided by at least
REFUSED = 1e-6  # the least likelihood that is told: shares of moves sum to 1 but for rounding
LEAST_WORTH, LARGEST_WORTH = -6.0, 2.0  # nats, of an entry


class VoicePairs(nn.Module):
    """Logits of what sounds in a voice, from how the others move."""

    space: TokenSpace

    @nn.compact
    def __call__(self, chain: Chain) -> tuple[jax.Array, jax.Array]:
        """Reads the chains of all voices; no gradient flows back into them.

        Returns:
          float32[B, T, V, S] twice: logits of a note, because of how the others move as the voice
          reaches it; and because of how they move as it is left.
        """
        moves = Moves(self.space, jax.lax.stop_gradient(chain))
        voices, steps = chain.seen.shape[2], len(STEPS)
        tables = GAIN * self.param(
            "tables", nn.initializers.zeros, (3, voices, voices, PITCH_CLASSES))
        worth = jnp.expm1(jnp.clip(tables, LEAST_WORTH, LARGEST_WORTH))
        # A voice is not told of itself.
        worth = worth * (1 - jnp.eye(voices)[..., None])

        def by_class(parts: list[jax.Array]) -> jax.Array:
            return jnp.stack([over_octaves(part) for part in parts], axis=2)

        def over_moves(values: jax.Array) -> jax.Array:
            return functools.reduce(jnp.add, [values[:, :, i] for i in range(values.shape[2])])

        def others(taken: jax.Array, worth: jax.Array) -> jax.Array:
            """What the moves [V, 12, D, B, T] of all voices make of each, of the same shape."""
            weights = jnp.einsum("rsi,uvi->uvsr", INTERVALS, worth)
            # One product for each voice that speaks: much faster than one einsum of all.
            made = [1 + weights[u].reshape(-1, PITCH_CLASSES) @ taken[u].reshape(PITCH_CLASSES, -1)
                    for u in range(voices)]
            return functools.reduce(jnp.multiply, made).reshape(taken.shape)

        taken = by_class([part * moves.heard for part in moves.arriving])
        # What is said to a fresh note concerns a pitch that is not held over.
        came = taken / (over_octaves(moves.drawn * moves.heard) + LEAST)[:, :, None]
        same = others(taken[:, :, :steps], worth[0])
        similar = others(taken[:, :, steps:], worth[1])
        arriving = (_told(over_moves(came[:, :, :steps] * (same - 1)))
                    + _told(over_moves(came[:, :, steps:] * (similar - 1))))

        # What is reached in the frame after by a step was left a step before.
        said = shifted(others(taken[:, :, :steps], worth[2]) - 1, 1, axis=-1)
        said = jnp.stack([jnp.roll(said[:, :, i], -step, axis=1)
                          for i, step in enumerate(STEPS)], axis=2)
        parts, whole = moves.leaving()
        goes = by_class([moves.filtered * part for part in parts])
        goes = goes / (over_octaves(moves.filtered * whole) + LEAST)[:, :, None]
        leaving = _told(over_moves(goes * said))

        classes = over_octaves(jnp.asarray(self.space.octaves).transpose(0, 2, 1)[..., None])
        arriving, leaving = (jnp.einsum("vcbt,vcs->btvs", logits, classes[..., 0])
                             for logits in (arriving, leaving))
        return arriving, leaving


def _told(change: jax.Array) -> jax.Array:
    """The logarithm of 1 + change, which is a likelihood."""
    return jnp.log1p(jnp.maximum(change, REFUSED - 1))
