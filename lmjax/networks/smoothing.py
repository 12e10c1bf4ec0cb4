"""What the frames before and after say of a cell: Bayes' rule for notes that are held.

Four of five cells repeat the frame before, so the strongest context of a noisy cell is the noisy
state of its own neighbours. A network need not learn to gather it: it states, per voice and frame,
the probability that the note is held over, what else is likely, and how melodies move from one note
to the next, and the forward and backward messages of that chain (Baum et al. 1970) do the rest,
exactly.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

# Nothing in a chain is quite certain, so that its messages stay within float32.
LEAST = 1e-3  # probability of holding, of not holding, and of all fresh notes together
LEAST_HEARD = -12.0  # log-likelihood of what sounds, below that of the likeliest
LARGEST_RATIO = 8.0  # nats; beyond this two cells are as good as surely equal, or different


def likelihood(heard: jax.Array, exists: jax.Array) -> jax.Array:
    """The likelihood float32[B, T, V, S] of log-likelihoods whose largest is 0; bounded below."""
    return jnp.where(exists, jnp.exp(jnp.maximum(heard, LEAST_HEARD)), 0.0)


def holding(logit: jax.Array) -> jax.Array:
    """The probability that a note is held over, of a logit; never quite 0 or 1."""
    return LEAST + (1 - 2 * LEAST) * jax.nn.sigmoid(logit)


def distribution(logits: jax.Array, exists: jax.Array) -> jax.Array:
    """The softmax of logits [..., V, S] over what exists, bool[V, S]; none of it quite 0."""
    shares = jax.nn.softmax(jnp.where(exists, logits, -jnp.inf), axis=-1)
    return (1 - LEAST) * shares + LEAST * exists / exists.sum(axis=-1, keepdims=True)


class Chain(NamedTuple):
    """What sounds in every voice, frame after frame, and the messages between the frames.

    The state of frame t weighs `hold[t] [it is that of t - 1] + (1 - hold[t]) fresh[t] motion`,
    motion being that from the state of t - 1; the first weighs fresh[0]. With weights in place of
    probabilities this is a conditional random field (Lafferty et al. 2001).

    Attributes:
      seen: float32[B, T, V, S], the likelihood of each state by itself, up to a factor per frame.
      hold: float32[B, T, V].
      fresh: float32[B, T, V, S], weights of notes that are not held over.
      motion: float32[V, S, S], weights from one state to the next.
      before: float32[B, T, V, S], the weight of a frame's state given all frames before it.
      after: float32[B, T, V, S], the likelihood of all frames after it, up to a factor per frame.
    """

    seen: jax.Array
    hold: jax.Array
    fresh: jax.Array
    motion: jax.Array
    before: jax.Array
    after: jax.Array

    @property
    def posterior(self) -> jax.Array:
        """The distribution of each frame's state, given all frames: float32[B, T, V, S]."""
        return _normal(self.seen * self.before * self.after)

    @property
    def filtered(self) -> jax.Array:
        """The same given that frame and those before it."""
        return _normal(self.seen * self.before)


def listen(seen: jax.Array, hold: jax.Array, fresh: jax.Array, motion: jax.Array) -> Chain:
    """The chain of these weights, with its messages: see `Chain`."""
    # Time first, for the scan, and voices before examples: a step is then one product per voice.
    here, held, drawn = (a.transpose(1, 2, 0, 3) for a in (seen, hold[..., None], fresh))
    voices, one = here.shape[1], jnp.ones_like(drawn)

    def both(forward: jax.Array, backward: jax.Array) -> jax.Array:
        """The two directions as twice the voices: one scan takes half the time of two."""
        return jnp.concatenate([forward, backward[::-1]], axis=1)

    motions = jnp.concatenate([motion, motion.swapaxes(1, 2)])

    def step(state: jax.Array, row: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        here, held, leaving, reached = row
        said = held * state + (1 - held) * reached * ((leaving * state) @ motions)
        return _normal(here * said), said

    _, said = jax.lax.scan(
        step, _normal(jnp.concatenate([here[0] * drawn[0], here[-1]])),
        (both(here[1:], here[:-1]), both(held[1:], held[1:]),
         both(one[1:], drawn[1:]), both(drawn[1:], one[1:])))
    before = jnp.concatenate([drawn[:1], said[:, :voices]])
    after = jnp.concatenate([_normal(said[::-1, voices:]), one[:1]])
    return Chain(seen, hold, fresh, motion,
                 *(a.transpose(2, 0, 1, 3) for a in (before, after)))


def _normal(shares: jax.Array) -> jax.Array:
    return shares / shares.sum(axis=-1, keepdims=True)


def shifted(x: jax.Array, offset: int, axis: int = 1) -> jax.Array:
    """x at t + offset of an axis, at every t; zeros beyond the ends."""
    size = x.shape[axis]
    offset = max(min(offset, size), -size)
    pad = [(0, 0)] * x.ndim
    pad[axis] = (max(-offset, 0), max(offset, 0))
    kept = jax.lax.slice_in_dim(x, max(offset, 0), size + min(offset, 0), axis=axis)
    return jnp.pad(kept, pad)


def same_note(heard: jax.Array, offsets: int) -> jax.Array:
    """Whether frames t and t + offset hold the same note: the log Bayes factor against two notes.

    Args:
      heard: float32[B, T, V, S], the log-likelihood of what sounds.
      offsets: how many to each side.

    Returns:
      float32[B, T, 2 * offsets * V], nats, bounded. No gradient flows through it.
    """
    size = heard.shape[-1]
    # A uniform prior over what sounds is enough here: the network learns the rest.
    total = jax.nn.logsumexp(heard, axis=-1) - jnp.log(size)
    ratios = []
    for offset in range(1, offsets + 1):
        both = jax.nn.logsumexp(heard + shifted(heard, offset), axis=-1) - jnp.log(size)
        ratio = jnp.clip(both - total - shifted(total, offset), -LARGEST_RATIO, LARGEST_RATIO)
        ratios += [ratio, shifted(ratio, -offset)]
    return jax.lax.stop_gradient(jnp.concatenate(ratios, axis=-1))
