"""What voices have in common in a frame: a chord, as a latent state that nobody has labelled.

Voices heard one by one may agree with any of several harmonies, and not one of them with the sum of
all. So every frame has a latent chord z = (root, type), and each voice sounds its pitch class c, or
rests, given that chord alone,

    p(z) = softmax(prior . features of the root),    p(c | z, voice) ~ E_voice[type, c - root].

The types are learned, from music alone, and are the same on every root. From the voices' posteriors
q, each voice is told by all others (Pearl 1988)

    log sum_z w(z) E_voice(c | z),    w(z) ~ p(z) prod_(u, not voice) sum_c q_u(c) E_u(c | z).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.symmetry import INTERVALS
from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace

GAIN = 5.0  # of the table: its entries are nats, far from where they begin
SMALL = 0.1  # types have to differ at first, or they would stay the same
LARGEST = 6.0  # nats, of an entry
LEAST = 1e-9  # what is added to a likelihood before its logarithm


class Chords(nn.Module):
    """Logits of what sounds in a voice, from what sounds in the others.

    Attributes:
      space: the vocabulary.
      types: of chords, each on all twelve roots.
    """

    space: TokenSpace
    types: int

    @nn.compact
    def __call__(self, posterior: jax.Array, classes: jax.Array) -> jax.Array:
        """Hears the voices.

        Args:
          posterior: float32[B, T, V, S], the distribution of what sounds in each voice.
          classes: float32[B, T, 12, C], features of every pitch class, of which the prior of the
            chords on this root is read.

        Returns:
          float32[B, T, V, S], the same for all octaves of a pitch class.
        """
        voices = posterior.shape[2]
        # What sounds, as one of twelve pitch classes and a last state, no pitch: [V, S, 13].
        table = self.space.octaves.reshape(*self.space.octaves.shape[:2], -1, PITCH_CLASSES)
        table = table.sum(axis=2)
        table = np.concatenate([table, 1 - table.sum(axis=-1, keepdims=True)], axis=-1)

        emission = self.param("emission", nn.initializers.normal(SMALL),
                              (voices, self.types, PITCH_CLASSES + 1))
        emission = jnp.clip(GAIN * emission, -LARGEST, LARGEST)
        pitched = jnp.einsum("rci,vmi->vcrm", INTERVALS, emission[..., :-1])
        resting = jnp.broadcast_to(emission[:, None, None, :, -1], pitched[:, :1].shape)
        emission = jnp.exp(jnp.concatenate([pitched, resting], axis=1))
        emission = emission.reshape(voices, PITCH_CLASSES + 1, -1)  # [V, 13, Z]

        prior = nn.Dense(self.types, name="prior")(classes)
        prior = jax.nn.log_softmax(prior.reshape(*prior.shape[:2], -1))[:, :, None]
        sounding = jnp.einsum("btvs,vsc->btvc", posterior, table)
        fit = jnp.log(jnp.einsum("btvc,vcz->btvz", sounding, emission) + LEAST)
        # A voice is not told of itself.
        others = jax.nn.softmax(prior + fit.sum(axis=2, keepdims=True) - fit)
        told = jnp.log(jnp.einsum("btvz,vcz->btvc", others, emission) + LEAST)
        return jnp.einsum("btvc,vsc->btvs", told, table)
