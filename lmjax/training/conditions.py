"""What the network is shown of a training example: which cells are given, which tokens others may
have, which tracks are withheld."""

import dataclasses

import jax
import jax.numpy as jnp

from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace
from lmjax.noise.condition import Condition


@dataclasses.dataclass(frozen=True)
class ConditionSettings:
    """How conditions are drawn in training.

    Attributes:
      known: share of the examples in which some cells are given.
      allowed: share of the examples in which some cells may have certain tokens only.
      drop: chance that the notational tracks (metre and place, fermatas, key) of an example are
        withheld; each group of tracks on its own.
    """

    known: float = 0.3
    allowed: float = 0.2
    drop: float = 0.2

    def __post_init__(self) -> None:
        for name in ("known", "allowed", "drop"):
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


def draw_allowed(key: jax.Array, tokens: jax.Array, space: TokenSpace, share: float) -> jax.Array:
    """Random sets of tokens that a cell may have, bool[B, T, V, K], the true one among them.

    Of the examples that are restricted, half are in their pitch classes, half in their range and
    half in what may be struck and what held, in cells as `draw_known` draws them. Each class but
    the true one is let in by a chance of the example's own, and a range goes beyond the true pitch
    by geometric steps. So every pitch of a set could as well have been the truth, and a set says
    nothing but that the truth is in it: `p(set | token)` is the same for all its pitches.

    Args:
      key: randomness.
      tokens: int32[B, T, V], the truth.
      space: the vocabulary.
      share: of the examples that are restricted.
    """
    keys = jax.random.split(key, 8)
    batch, time, voices = cells = tokens.shape
    where = draw_known(keys[0], batch, time, voices, share)

    def chance(key: jax.Array) -> jax.Array:
        """Of each example, 1 for half of them: float32[B, 1, 1, 1]."""
        return jnp.minimum(2 * jax.random.uniform(key, (batch, 1, 1, 1)), 1.0)

    def some(key: jax.Array, labels: jax.Array, let_in: jax.Array, size: int) -> jax.Array:
        """bool[B, T, V, K]: tokens whose label, int[V, K], is let in by chance, or the truth's."""
        chosen = jax.random.uniform(key, (*cells, size)) < let_in
        chosen |= jax.nn.one_hot(of(labels), size, dtype=bool)
        return jnp.einsum("btvl,vkl->btvk", chosen, jax.nn.one_hot(labels, size)) > 0

    def of(labels: jax.Array) -> jax.Array:
        """The labels of the truth, int[B, T, V]."""
        return labels[jnp.arange(voices), tokens]

    pitch = jnp.asarray(space.pitch)
    classes = jnp.where(pitch < 0, PITCH_CLASSES, pitch % PITCH_CLASSES)
    allowed = some(keys[1], classes, chance(keys[2]), PITCH_CLASSES + 1)
    allowed &= some(keys[3], jnp.asarray(space.articulation), chance(keys[4]), 3)
    # Of exponential length in semitones, rounded down: geometric. Of mean up to an octave.
    wide = jax.random.uniform(keys[5], (batch, 1, 1, 1), maxval=float(PITCH_CLASSES))
    low, high = jnp.floor(wide[None] * jax.random.exponential(keys[6], (2, *cells, 1)))
    above = pitch - of(pitch)[..., None]
    near = (above >= -low) & (above <= high)
    ranged = jax.random.bernoulli(keys[7], 0.5, (batch, 1, 1, 1))
    allowed &= near | ~ranged | (pitch < 0) | (of(pitch) < 0)[..., None]
    return allowed | ~where[..., None]


def draw_condition(key: jax.Array, tokens: jax.Array, tracks: jax.Array, frames: jax.Array,
                   groups: tuple[tuple[int, ...], ...], settings: ConditionSettings,
                   space: TokenSpace) -> Condition:
    """The condition of a training batch.

    Args:
      key: randomness.
      tokens: int32[B, T, V].
      tracks: int32[B, T, C].
      frames: bool[B, T].
      groups: track indices that are withheld together.
      settings: the shares.
      space: the vocabulary.
    """
    mask_key, drop_key, allowed_key = jax.random.split(key, 3)
    batch, time, voices = tokens.shape
    known = draw_known(mask_key, batch, time, voices, settings.known) & frames[..., None]
    kept = jax.random.bernoulli(drop_key, 1.0 - settings.drop, (batch, len(groups)))
    member = jnp.array([[c in group for c in range(tracks.shape[-1])] for group in groups])
    # A track outside every group is always shown.
    shown = (kept[:, :, None] | ~member).all(axis=1)
    allowed = None
    if settings.allowed:
        allowed = draw_allowed(allowed_key, tokens, space, settings.allowed)
    return Condition(tracks * shown[:, None], frames, known, jnp.where(known, tokens, 0), allowed)
