"""What is known of a chorale besides its noisy notes: the `m` of `s(x, sigma, m)`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Relations(NamedTuple):
    """What the voices of a frame have to be together.

    Attributes:
      order: bool[B, T], whether no voice may be higher than one above it.
      groups: bool[B, T, R, V, K], sets of tokens.
      least: bool[B, T, R], whether some voice must have a token of the set.
      most: bool[B, T, R], whether only one voice may.
      sounds: bool[B, V, K, 1 + H], what a token lets sound, groups not telling apart tokens of one
        sound: silence, or one of H pitches from the lowest up.
    """

    order: jax.Array
    groups: jax.Array
    least: jax.Array
    most: jax.Array
    sounds: jax.Array


class Wishes(NamedTuple):
    """What is wished for, and how much: float32[B] each, None if nobody does.

    Attributes:
      parallels, motion, attacks: weights, in nats, of the energies of `sampling.energies`; 0 for
        none.
      form: w of guidance by the tracks (see `sampling.guidance`); None for that of the sampler.
      temperature: what logits are divided by; 1 for none.
    """

    parallels: jax.Array | None = None
    motion: jax.Array | None = None
    attacks: jax.Array | None = None
    form: jax.Array | None = None
    temperature: jax.Array | None = None


class Condition(NamedTuple):
    """A batch of conditions; a pytree, so that it travels through `jit` and `scan`.

    Attributes:
      tracks: int32[B, T, C], rhythm and form (see `music.rhythm`), 0 where not known.
      frames: bool[B, T], the frames that exist; the rest is padding.
      known: bool[B, T, V], cells whose token is given.
      tokens: int32[B, T, V], the given tokens; 0 where not known.
      allowed: bool[B, T, V, K], the tokens that a cell which is not known may have, some in every
        cell; None if all.
      relations: between the voices of a frame; None if there are none.
      wishes: for which no sampler vouches.
    """

    tracks: jax.Array
    frames: jax.Array
    known: jax.Array
    tokens: jax.Array
    allowed: jax.Array | None = None
    relations: Relations | None = None
    wishes: Wishes = Wishes()

    @classmethod
    def free(cls, tracks: jax.Array, voices: int = 4) -> "Condition":
        """Nothing known but the tracks int32[B, T, C]; every frame exists."""
        batch, time = tracks.shape[:2]
        return cls(
            jnp.asarray(tracks, jnp.int32), jnp.ones((batch, time), bool),
            jnp.zeros((batch, time, voices), bool), jnp.zeros((batch, time, voices), jnp.int32))

    def possible(self, size: int) -> jax.Array:
        """bool[B, T, V, K]: the tokens, of K, that each cell may have, given ones their own."""
        given = jax.nn.one_hot(self.tokens, size, dtype=bool)
        allowed = jnp.ones_like(given) if self.allowed is None else self.allowed
        return jnp.where(self.known[..., None], given, allowed)


def hide(keys: jax.Array, level: jax.Array, cells: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Random sets of hidden cells.

    Args:
      keys: B PRNG keys.
      level: float32[B] in [0, 1); h is 1 + floor(level n).
      cells: bool[B, T, V], the n cells of which some are hidden.

    Returns:
      bool[B, T, V]; and n / h, float32[B].
    """
    count = cells.sum((1, 2))
    hidden = 1 + jnp.floor(level * count).astype(int)
    tickets = jax.vmap(lambda key: jax.random.uniform(key, cells.shape[1:]))(keys)
    tickets = jnp.where(cells, tickets, 2.0).reshape(len(cells), -1)
    rank = jnp.argsort(jnp.argsort(tickets, axis=-1), axis=-1).reshape(cells.shape)
    return (rank < hidden[:, None, None]) & cells, count / hidden
