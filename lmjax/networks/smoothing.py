"""What the frames before and after say of a cell: Bayes' rule for notes that are held.

Four of five cells repeat the frame before, so the strongest context of a noisy cell is the noisy
state of its own neighbours. A network need not learn to gather it: it states, per voice and frame,
the probability that the note is held over and the distribution of a fresh one, and the forward and
backward messages of that Markov chain (Baum et al. 1970) do the rest, exactly.
"""

import jax
import jax.numpy as jnp

# Nothing in the chain is quite certain, so that its messages stay within float32.
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


def neighbours(seen: jax.Array, hold: jax.Array, fresh: jax.Array,
               motion: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """The messages that reach each frame of a Markov chain from before and from after.

    The first state is drawn from fresh[0]. The state of frame t is that of frame t - 1 with
    probability hold[t], else drawn from fresh[t], or from motion[v, state of t - 1] if given.

    Args:
      seen: float32[B, T, V, S], the likelihood of each state by itself, up to a factor per frame.
      hold: float32[B, T, V].
      fresh: float32[B, T, V, S], each a distribution.
      motion: float32[V, S, S], each row a distribution.

    Returns:
      float32[B, T, V, S] twice. The first is the distribution of a frame's state given all frames
      before it, the second the likelihood, up to a factor per frame, of all frames after it. The
      posterior is their product with `seen`.
    """
    rows = tuple(jnp.moveaxis(a, 1, 0) for a in (seen, hold[..., None], fresh))

    def normal(shares: jax.Array) -> jax.Array:
        return shares / shares.sum(axis=-1, keepdims=True)

    def forward(posterior: jax.Array, row: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        here, held, drawn = row
        if motion is not None:
            drawn = jnp.einsum("bvs,vsr->bvr", posterior, motion)
        before = held * posterior + (1 - held) * drawn
        return normal(here * before), before

    def backward(after: jax.Array, row: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        here, held, drawn = row
        joint = here * after
        if motion is not None:
            moved = jnp.einsum("bvr,vsr->bvs", joint, motion)
        else:
            moved = (drawn * joint).sum(axis=-1, keepdims=True)
        return normal(held * joint + (1 - held) * moved), after

    first = rows[2][0]
    _, before = jax.lax.scan(
        forward, normal(rows[0][0] * first), tuple(row[1:] for row in rows), unroll=4)
    _, after = jax.lax.scan(
        backward, jnp.ones_like(first), rows, reverse=True, unroll=4)
    before = jnp.concatenate([first[None], before])
    return jnp.moveaxis(before, 0, 1), jnp.moveaxis(after, 0, 1)


def shifted(x: jax.Array, offset: int) -> jax.Array:
    """x[:, t + offset] at every t, zeros beyond the ends. x: [B, T, ...]."""
    pad = [(0, 0)] * x.ndim
    offset = max(min(offset, x.shape[1]), -x.shape[1])
    if offset >= 0:
        pad[1] = (0, offset)
        return jnp.pad(x[:, offset:], pad)
    pad[1] = (-offset, 0)
    return jnp.pad(x[:, :x.shape[1] + offset], pad)


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
