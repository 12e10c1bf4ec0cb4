"""What one voice's motion says of another's: counterpoint, as a table that is learned.

Whether two voices move in parallel is a fact of four notes at once, and no sum over the notes of a
frame can state it. The chains of `smoothing` know how each voice is likely to have moved; here the
voices hear of one another, pair by pair. For voice v, reached or left by a step of d semitones,

    arriving_v(p) = sum_d P(v came to p by d) sum_{u, k} A[u, v, p - k] P(u moved by d to k),
    leaving_v(p)  = sum_d P(v goes on by d) sum_{u, k} L[u, v, p + d - k] P(u moves by d to k),

where u is each other voice, and p - k an interval between voices, modulo the octave. A second
table A is for all steps upwards, and all steps downwards, together: similar motion. Tables start at
zero; after training they have learned, by themselves, to refuse fifths and octaves.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.smoothing import shifted
from lmjax.networks.symmetry import INTERVALS
from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace

STEPS = (-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7)  # semitones: how voices move together
GAIN = 20.0  # parallels are rare, and entries of a table small steps of an optimizer away
LEAST = 1e-6  # what probabilities are divided by at least


class VoicePairs(nn.Module):
    """Logits of what sounds in a voice, from how the others move."""

    space: TokenSpace

    @nn.compact
    def __call__(self, seen: jax.Array, before: jax.Array, after: jax.Array, hold: jax.Array,
                 motion: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Reads the chains of all voices; no gradient flows back into them.

        Args:
          seen: float32[B, T, V, S], as `smoothing.neighbours` has it; so are the others.
          before: float32[B, T, V, S], the message from the frames before.
          after: float32[B, T, V, S], the message from those after.
          hold: float32[B, T, V]; 1 at a frame that does not exist.
          motion: float32[V, S, S].

        Returns:
          float32[B, T, V, S] twice: logits of a note, because of how the others move as the voice
          reaches it; and because of how they move as it is left.
        """
        seen, before, after, hold, motion = jax.lax.stop_gradient(
            (seen, before, after, hold, motion))
        axis, voices = jnp.asarray(self.space.octaves), seen.shape[2]
        size, steps = axis.shape[-1], len(STEPS)

        def lay(shares: jax.Array) -> jax.Array:
            return jnp.einsum("btvs,vsq->btvq", shares, axis)

        def over_octaves(shares: jax.Array) -> jax.Array:
            # Slices: far cheaper on a CPU than the sum over an axis of a reshaped array.
            return functools.reduce(jnp.add, [
                shares[..., i:i + PITCH_CLASSES] for i in range(0, size, PITCH_CLASSES)])

        def in_octaves(logits: jax.Array) -> jax.Array:
            return jnp.concatenate([logits] * (size // PITCH_CLASSES), axis=-1)

        def others(moves: jax.Array, table: jax.Array) -> jax.Array:
            """What the moves [B, T, V, D, 12] of all voices say of each, of the same shape."""
            table = table * (1 - jnp.eye(voices)[..., None])  # a voice is not told of itself
            weights = jnp.einsum("rsi,uvi->urvs", INTERVALS, table)
            flat = jnp.moveaxis(moves, 2, 3).reshape(*moves.shape[:2], moves.shape[3], -1)
            heard = flat @ weights.reshape(flat.shape[-1], -1)
            return jnp.moveaxis(heard.reshape(*flat.shape[:3], voices, PITCH_CLASSES), 3, 2)

        # Laid on the pitch axis, a move is a shift. Here [V, Q, Q] from one pitch to another, and
        # the part of it that is a certain step, by the pitch that is reached.
        moving = jnp.einsum("vsp,vsr,vrq->vpq", axis, motion, axis)
        interval = np.arange(size) - np.arange(size)[:, None]
        by = [jnp.where(interval == step, moving, 0).sum(axis=1) for step in STEPS]
        moved = 1 - hold[..., None]
        heard, joint = seen * before, seen * after
        past = shifted(lay(heard / heard.sum(axis=-1, keepdims=True)), -1)
        here, reached = lay(joint), lay(before)

        came = [jnp.roll(past, step, axis=-1) * chance
                for step, chance in zip(STEPS, by, strict=True)]
        came += [jnp.einsum("btvp,vpq->btvq", past, jnp.where(where, moving, 0))
                 for where in (interval > 0, interval < 0)]
        joined = jnp.stack(came, axis=3) * moved[..., None]
        arrival = joined / (reached + LEAST)[..., None, :]
        posterior = here / (joint * before).sum(axis=-1, keepdims=True)
        moves = over_octaves(joined * posterior[..., None, :])  # [B, T, V, D + 2, 12]

        tables = GAIN * self.param(
            "tables", nn.initializers.zeros, (3, voices, voices, PITCH_CLASSES))
        said = jnp.concatenate([others(moves[..., :steps, :], tables[0]),
                                others(moves[..., steps:, :], tables[1])], axis=3)
        arriving = (arrival * in_octaves(said)).sum(axis=3)

        # The frame after, seen from here: what is reached there by a step was left a step before.
        there, moving_on = shifted(here, 1), shifted(moved, 1)
        stays = (1 - moving_on) * there
        onward = stays + moving_on * jnp.einsum("btvq,vpq->btvp", there, moving)
        gone = jnp.stack([jnp.roll(there * chance, -step, axis=-1)
                          for step, chance in zip(STEPS, by, strict=True)], axis=3)
        departure = gone * (moving_on / (onward + LEAST))[..., None, :]
        said = shifted(others(moves[..., :steps, :], tables[2]), 1)
        said = jnp.stack([jnp.roll(said[..., i, :], -step, axis=-1)
                          for i, step in enumerate(STEPS)], axis=3)
        leaving = (departure * in_octaves(said)).sum(axis=3)

        back = [jnp.einsum("btvq,vsq->btvs", logits, axis) for logits in (arriving, leaving)]
        return back[0], back[1]
