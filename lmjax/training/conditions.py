"""What the network is shown of a training example: which cells are given, which tracks dropped."""

import dataclasses

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition


@dataclasses.dataclass(frozen=True)
class ConditionSettings:
    """How conditions are drawn in training.

    Attributes:
      known: share of the examples in which some cells are given.
      drop: chance that the notational tracks (metre and place, fermatas, key) of an example are
        withheld; each group of tracks on its own.
    """

    known: float = 0.3
    drop: float = 0.2

    def __post_init__(self) -> None:
        for name in ("known", "drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"condition.{name} must lie between 0 and 1, "
                                 f"not {getattr(self, name)}")


def draw_known(key: jax.Array, batch: int, time: int, voices: int, share: float) -> jax.Array:
    """Random masks of given cells, bool[B, T, V].

    Of the examples that are given something, each kind below is as frequent as the others:
    whole voices; everything before a frame (so that a long piece can be composed, or measured, by
    the chain rule); everything outside a span of frames; scattered cells.
    """
    keys = jax.random.split(key, 6)
    frame = jnp.arange(time)
    some_voices = jax.random.bernoulli(keys[0], 0.5, (batch, 1, voices))
    ends = jax.random.uniform(keys[1], (batch, 2)) * time
    first, last = jnp.min(ends, axis=-1), jnp.max(ends, axis=-1)
    before = frame < first[:, None]
    outside = before | (frame >= last[:, None])
    density = jax.random.uniform(keys[2], (batch, 1, 1))
    scattered = jax.random.uniform(keys[3], (batch, time, voices)) < density
    shape = (batch, time, voices)
    kinds = jnp.stack([
        jnp.broadcast_to(some_voices, shape), jnp.broadcast_to(before[..., None], shape),
        jnp.broadcast_to(outside[..., None], shape), scattered])
    kind = jax.random.randint(keys[4], (batch,), 0, len(kinds))
    known = jnp.take_along_axis(kinds, kind[None, :, None, None], axis=0)[0]
    return known & jax.random.bernoulli(keys[5], share, (batch, 1, 1))


def draw_condition(key: jax.Array, tokens: jax.Array, tracks: jax.Array, frames: jax.Array,
                   groups: tuple[tuple[int, ...], ...], settings: ConditionSettings) -> Condition:
    """The condition of a training batch.

    Args:
      key: randomness.
      tokens: int32[B, T, V].
      tracks: int32[B, T, C].
      frames: bool[B, T].
      groups: track indices that are withheld together.
      settings: the shares.
    """
    mask_key, drop_key = jax.random.split(key)
    batch, time, voices = tokens.shape
    known = draw_known(mask_key, batch, time, voices, settings.known) & frames[..., None]
    kept = jax.random.bernoulli(drop_key, 1.0 - settings.drop, (batch, len(groups)))
    member = jnp.array([[c in group for c in range(tracks.shape[-1])] for group in groups])
    # A track outside every group is always shown.
    shown = (kept[:, :, None] | ~member).all(axis=1)
    return Condition(tracks * shown[:, None], frames, known, jnp.where(known, tokens, 0))
