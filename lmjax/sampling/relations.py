"""What voices of a frame have to be together: who may be above whom, and which tones must sound.

A frame is read like a word of V letters, from the highest voice to the lowest, by an automaton. Its
state is the pitch of the last voice that sounds, and which of the R groups of tokens have been
seen. With the voices' probabilities as those of independent letters, the forward-backward algorithm
gives each cell's probabilities given that the whole word is accepted, exactly.
"""

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Relations
from lmjax.noise.embed import NEVER

# The least probability of a sound that is allowed, whose fourth power is a float32 still; and of a
# token.
DOUBT, TOKEN_DOUBT = 1e-9, 1e-30


def conditional(logits: jax.Array, relations: Relations) -> jax.Array:
    """Logits of independent cells, given that the relations of their frames hold.

    Each cell's are those of its exact marginal, but that no sound which is allowed is thought less
    probable than `DOUBT`. A frame that cannot hold the relations is left as it is.

    Args:
      logits: float32[B, T, V, K], at most NEVER where a token is not allowed.
      relations: what has to hold.
    """
    batch, time, voices, _ = logits.shape
    groups = relations.groups.shape[2]
    sounds = relations.sounds.astype(jnp.float32)
    heights = sounds.shape[-1] - 1
    below = jnp.tri(heights).T  # of weights [..., H], those so far: w @ below
    allowed = logits > NEVER / 2
    token_p = jnp.where(allowed, jnp.maximum(jax.nn.softmax(logits), TOKEN_DOUBT), 0.0)
    found = jnp.einsum("btvk,bvkh->btvh", token_p, sounds)
    p = jnp.where(found > 0, jnp.maximum(found, DOUBT), 0.0)
    member = jnp.einsum("btrvk,bvkh->btrvh", relations.groups.astype(jnp.float32), sounds) > 0
    ordered = relations.order[..., None, None]

    def split(weights: jax.Array, group: int) -> tuple[jax.Array, jax.Array]:
        """Weights [B, T, S, H] of states in which a group has not been seen, and has been."""
        rest = (2**group, 2, 2**(groups - group - 1), weights.shape[-1])
        parts = weights.reshape(batch, time, *rest)
        return parts[:, :, :, 0], parts[:, :, :, 1]

    def join(unseen: jax.Array, seen: jax.Array) -> jax.Array:
        return jnp.stack([unseen, seen], axis=3).reshape(batch, time, 2**groups, -1)

    def enter(weights: jax.Array, voice: int) -> jax.Array:
        """The states after a sound, from those before."""
        for r in range(groups):
            unseen, seen = split(weights, r)
            again = jnp.where(relations.most[:, :, r, None, None, None], 0.0, seen)
            entered = join(jnp.zeros_like(unseen), unseen + again)
            weights = jnp.where(member[:, :, r, voice, None, 1:], entered, weights)
        return weights

    def leave(weights: jax.Array, voice: int) -> jax.Array:
        """What is still to come with a sound taken, by the states before it."""
        for r in range(groups):
            _, seen = split(weights, r)
            again = jnp.where(relations.most[:, :, r, None, None, None], 0.0, seen)
            weights = jnp.where(member[:, :, r, voice, None, 1:], join(seen, again), weights)
        return weights

    # Backward, [B, T, S, 1 + H]; the first of the heights is that nothing has sounded yet.
    after = jnp.ones((batch, time, 2**groups, heights + 1))
    for r in range(groups):
        unseen, seen = split(after, r)
        missing = relations.least[:, :, r, None, None, None]
        after = join(jnp.where(missing, 0.0, unseen), seen)
    taken, later = [after] * voices, [after] * voices
    for voice in reversed(range(voices)):
        later[voice], taken[voice] = after, leave(after[..., 1:], voice)
        ways = p[:, :, None, voice, 1:] * taken[voice]
        every = ways.sum(-1, keepdims=True)
        onward = jnp.concatenate([every, jnp.where(ordered, ways @ below, every)], axis=-1)
        after = onward + p[:, :, None, voice, :1] * after
    possible = after[:, :, 0, 0] > 0
    # Forward, and what both ends say of each sound.
    before = jnp.zeros_like(after).at[:, :, 0, 0].set(1.0)
    said = []
    for voice in range(voices):
        every = before[..., 1:].sum(-1, keepdims=True)
        reach = jnp.where(ordered, before[..., 1:] @ below.T, every) + before[..., :1]
        said.append(jnp.concatenate([
            (before * later[voice]).sum((2, 3))[..., None], (reach * taken[voice]).sum(2)], -1))
        entered = enter(reach * p[:, :, None, voice, 1:], voice)
        stayed = before * p[:, :, None, voice, :1]
        before = stayed + jnp.concatenate([jnp.zeros_like(entered[..., :1]), entered], axis=-1)
    # A token's share of its sound is as it was.
    change = p * jnp.stack(said, axis=2) / jnp.where(found > 0, found, 1.0)
    told = jnp.einsum("btvh,bvkh->btvk", change, sounds) * token_p
    told = jnp.where(told > 0, jnp.log(told), NEVER)
    return jnp.where(possible[..., None, None], told, logits)
