"""What one voice's motion says of another's: counterpoint, as a table that is learned.

Whether two voices move in parallel is a fact of four notes at once, and no sum over the notes of a
frame can state it. The chains of `smoothing` know how each voice is likely to have moved; here the
voices hear of one another, pair by pair. For voice v, reached or left by a step of d semitones,

    arriving_v(p) = sum_d P(v came to p by d) sum_{u, k} A[u, v, p - k] P(u moved by d to k),
    leaving_v(p)  = sum_d P(v goes on by d) sum_{u, k} L[u, v, p + d - k] P(u moves by d to k),

where u is each other voice, and p and k are pitch classes. A second table A is for all steps
upwards, and all steps downwards, together: similar motion. Tables start at zero; after training
they have learned, by themselves, to refuse fifths and octaves.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.motion import STEPS, Moves, over_octaves
from lmjax.networks.smoothing import Chain, shifted
from lmjax.networks.symmetry import INTERVALS
from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace

GAIN = 20.0  # parallels are rare, and entries of a table small steps of an optimizer away
LEAST = 1e-9  # what probabilities are divided by at least


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
        # A voice is not told of itself.
        tables = tables * (1 - jnp.eye(voices)[..., None])

        def by_class(parts: list[jax.Array]) -> jax.Array:
            return jnp.stack([over_octaves(part) for part in parts], axis=3)

        def others(taken: jax.Array, table: jax.Array) -> jax.Array:
            """What the moves [B, T, V, D, 12] of all voices say of each, of the same shape."""
            weights = jnp.einsum("rsi,uvi->urvs", INTERVALS, table)
            flat = jnp.moveaxis(taken, 2, 3).reshape(*taken.shape[:2], taken.shape[3], -1)
            heard = flat @ weights.reshape(flat.shape[-1], -1)
            return jnp.moveaxis(heard.reshape(*flat.shape[:3], voices, PITCH_CLASSES), 3, 2)

        taken = by_class([part * moves.heard for part in moves.arriving])
        said = jnp.concatenate([others(taken[..., :steps, :], tables[0]),
                                others(taken[..., steps:, :], tables[1])], axis=3)
        came = taken / (over_octaves(moves.before * moves.heard) + LEAST)[..., None, :]
        arriving = (came * said).sum(axis=3)

        # What is reached in the frame after by a step was left a step before.
        said = shifted(others(taken[..., :steps, :], tables[2]), 1)
        said = jnp.stack([jnp.roll(said[..., i, :], -step, axis=-1)
                          for i, step in enumerate(STEPS)], axis=3)
        parts, whole = moves.leaving()
        goes = by_class([moves.filtered * part for part in parts])
        goes = goes / (over_octaves(moves.filtered * whole) + LEAST)[..., None, :]
        leaving = (goes * said).sum(axis=3)

        classes = over_octaves(jnp.asarray(self.space.octaves))
        arriving, leaving = (jnp.einsum("btvc,vsc->btvs", logits, classes)
                             for logits in (arriving, leaving))
        return arriving, leaving
