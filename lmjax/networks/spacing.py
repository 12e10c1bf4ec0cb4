"""How high one voice lies above another, as a table that is learned.

Harmony is the same in every octave. That voices do not cross, that the upper three keep close
together, and where they double one another, is not. So every two voices u and v share a factor
exp A_uv[q - p] of their pitches q and p in a frame, the same wherever they lie. From the voices'
posteriors, each is told by all others (Pearl 1988)

    sum_u log (P(u has no pitch) + sum_q P(u sounds q) exp A_uv[q - p]).

Tables start at zero; after training they favour thirds, fifths and sixths over unisons, seconds and
crossings.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lmjax.networks.tokens import TokenSpace

GAIN = 5.0  # of the table: its entries are nats, far from where they begin
LARGEST = 6.0  # nats, of an entry
LEAST = 1e-9  # what is added to a likelihood before its logarithm


class Spacing(nn.Module):
    """Logits of what sounds in a voice, from how high the others lie.

    Attributes:
      space: the vocabulary.
    """

    space: TokenSpace

    @nn.compact
    def __call__(self, posterior: jax.Array) -> jax.Array:
        """Hears the voices.

        Args:
          posterior: float32[B, T, V, S], the distribution of what sounds in each voice.

        Returns:
          float32[B, T, V, S], 0 for what has no pitch.
        """
        axis = jnp.asarray(self.space.axis)
        voices, _, pitches = axis.shape
        laid = jnp.einsum("btvs,vsp->btvp", posterior, axis)
        silent = 1 - laid.sum(axis=-1, keepdims=True)

        table = self.param("table", nn.initializers.zeros, (voices, voices, 2 * pitches - 1))
        # The two read one factor, from both of its sides. A voice is not told of itself.
        table = GAIN * (table + table.swapaxes(0, 1)[..., ::-1]) * (1 - jnp.eye(voices)[..., None])
        factors = jnp.exp(jnp.clip(table, -LARGEST, LARGEST))
        place = jnp.arange(pitches)
        factors = factors[..., place - place[:, None] + pitches - 1]  # [u, v, p, q]

        told = jnp.zeros_like(laid)
        for u in range(voices):
            said = jnp.einsum("btq,vpq->btvp", laid[:, :, u], factors[u])
            told = told + jnp.log(silent[:, :, u, None] + said + LEAST)
        return jnp.einsum("btvp,vsp->btvs", told, axis)
