"""Our strongest left-to-right network: the opponent of the score model.

It is told what the score model is told, how far ahead the next fermata is as well, since it reads
no frame to come; and it knows beforehand what that knows: that notes are held, and that harmony is
the same in every key. All layers commute with transposition (`symmetry`). The notes of the frame
before, laid on one pitch axis, become features of each pitch from all pitches around it; those,
folded to pitch classes, go with metre and form through a transformer that attends to the past
alone; and from both, and from what the voices before it sing in this frame, each voice in turn
reads the logits of its tokens: soprano, alto, tenor, bass. What a voice's motion says of another's
is a table of its own, as in `pairs`: here moves are known, and are looked up.
"""

import dataclasses
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.layers import channel_dropout
from lmjax.networks.symmetry import (
    INTERVALS,
    PitchClassAttention,
    PitchClassDense,
    PitchDense,
    fold,
    over_classes,
    unfold,
)
from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace

SMALL = nn.initializers.normal(0.02)
AGES = 8  # classes of how long a note has been held, by powers of two
STRUCK = 1  # an articulation of `TokenSpace`
KEPT = 2.0  # at first, nats by which a note is rather held than not
GAIN = 5.0  # of the table of motions: its entries are nats, far from where they begin


@dataclasses.dataclass(frozen=True)
class ChainedSettings:
    """Sizes of the network.

    Attributes:
      channels: of a pitch class, in the transformer.
      pitch_channels: of a pitch, read from the pitches around it.
      cell_channels: of a pitch, from which its logits are read.
      local_width: of the features of a frame that are the same in every key.
      layers, heads, expansion: of the transformer; the last is the hidden width of its
        perceptrons, in widths.
      reach: frames whose distance is told apart.
      dropout: share of channels that are dropped in training.
      pairs: whether a voice hears how those before it have moved.
    """

    channels: int = 16
    pitch_channels: int = 12
    cell_channels: int = 32
    local_width: int = 64
    layers: int = 4
    heads: int = 4
    expansion: int = 4
    reach: int = 128
    dropout: float = 0.1
    pairs: bool = True

    def __post_init__(self) -> None:
        if self.heads > 0 and self.channels % self.heads:
            raise ValueError(f"network.channels must be a multiple of network.heads, but they are "
                             f"{self.channels} and {self.heads}")


class Memory(NamedTuple):
    """What has been read.

    Attributes:
      kept: of each layer, keys and values of all frames, float32[B, T, 12 C] both; zeros where they
        have not been read yet.
      last: int32[B, V], the tokens of the last frame but one.
      change: int32[B, V], the frame from which on each voice sings what it sang last.
    """

    kept: list[tuple[jax.Array, jax.Array]]
    last: jax.Array
    change: jax.Array


class Features(NamedTuple):
    """What is known of frames before their first voice sings.

    Attributes:
      frame: float32[B, T, 12 C], of pitch classes.
      pitches: float32[B, T, P, C], of pitches.
      local: float32[B, T, F], of frames.
      before: int32[B, T, V], the tokens of the frame before.
    """

    frame: jax.Array
    pitches: jax.Array
    local: jax.Array
    before: jax.Array


class ChainedTransformer(nn.Module):
    """Frames to features of what follows them.

    Attributes:
      settings: the sizes.
      space: the vocabulary.
      track_sizes: how many values each conditioning track takes.
      key_track: which of them is the pitch class of the key, if one is.
    """

    settings: ChainedSettings
    space: TokenSpace
    track_sizes: tuple[int, ...]
    key_track: int | None = None

    def begin(self, batch: int, time: int) -> Memory:
        """What is remembered before the first of `time` frames."""
        nothing = jnp.zeros((batch, time, PITCH_CLASSES * self.settings.channels))
        voices, tokens = self.space.valid.shape
        return Memory([(nothing, nothing)] * self.settings.layers,
                      jnp.full((batch, voices), tokens, jnp.int32),
                      jnp.zeros((batch, voices), jnp.int32))

    @nn.compact
    def __call__(self, memory: Memory, before: jax.Array, tracks: jax.Array, start: jax.Array,
                 train: bool = False) -> tuple[Memory, Features]:
        """Reads frames, and says what to expect of each of them, having heard those before.

        Args:
          memory: of all frames before, with room for these.
          before: int32[B, T, V]: for each of these frames, the tokens of the one before it.
          tracks: int32[B, T, C].
          start: int32[], the number of the first of these frames.
          train: whether activations are dropped.

        Returns:
          The memory after the last of them, and features of each frame.
        """
        cfg, drop = self.settings, channel_dropout(self.settings.dropout, train)
        laid = laid_out(self.space, before)
        earlier = jnp.concatenate([memory.last[:, None], before[:, :-1]], axis=1)
        numbers = start + jnp.arange(before.shape[1])
        # Frame t reads what sounded in t - 1, so that is where a change lies.
        changed = jnp.where(holds(self.space, earlier, before), -1, numbers[:, None] - 1)
        change = jnp.maximum(jax.lax.cummax(changed, axis=1), memory.change[:, None])
        local, key = self._local(tracks, before, numbers[:, None] - change)
        pitches = PitchDense(cfg.pitch_channels, name="pitch")(
            jnp.concatenate([laid, laid_out(self.space, earlier)], axis=-1))
        pitches = nn.gelu(pitches + nn.Dense(
            cfg.pitch_channels, use_bias=False, name="pitch_local")(local)[:, :, None])
        lowest = self.space.lowest_class
        inputs = jnp.concatenate([fold(pitches, lowest), fold(laid, lowest), key], axis=-1)
        x = PitchClassDense(cfg.channels, name="frame")(inputs.reshape(*inputs.shape[:2], -1))
        x = x + over_classes(nn.Dense(cfg.channels, name="frame_local")(local))
        norm = nn.LayerNorm(use_bias=False, use_scale=False)
        after = []
        for i in range(cfg.layers):
            attended, kept = CausalAttention(cfg.heads, cfg.reach, name=f"attention_{i}")(
                norm(x), memory.kept[i], start)
            after.append(kept)
            x = x + drop(attended)
            hidden = nn.gelu(PitchClassDense(cfg.expansion * cfg.channels, name=f"in_{i}")(norm(x)))
            x = x + PitchClassDense(cfg.channels, name=f"out_{i}")(drop(hidden))
        return (Memory(after, before[:, -1], change[:, -1]),
                Features(drop(norm(x)), pitches, local, before))

    def _local(self, tracks: jax.Array, before: jax.Array,
               age: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What is the same in every key, float32[B, T, F], and the key itself, [B, T, 12, 1]."""
        rows = [jax.nn.one_hot(tracks[..., i], size) for i, size in enumerate(self.track_sizes)]
        key = jnp.zeros((*tracks.shape[:2], PITCH_CLASSES))
        if self.key_track is not None:
            key = rows.pop(self.key_track)[..., 1:]  # its value 0 is "not known"
        ages = jnp.floor(jnp.log2(jnp.maximum(age, 1).astype(jnp.float32))).astype(jnp.int32)
        ages = jax.nn.one_hot(jnp.minimum(ages, AGES - 1), AGES)
        fine = jax.nn.one_hot(age, AGES)  # shorter than half a bar, exactly
        rows += [part.reshape(*tracks.shape[:2], -1) for part in (ages, fine)]
        rows.append((before == self.space.valid.shape[1]).astype(jnp.float32))
        local = nn.gelu(nn.Dense(self.settings.local_width, name="local")(
            jnp.concatenate(rows, axis=-1)))
        local = nn.gelu(nn.Dense(self.settings.local_width, name="local_too")(local))
        return local, key[..., None]


class CausalAttention(PitchClassAttention):
    """Attention to a frame and those before it, with what was read of those."""

    @nn.compact
    def __call__(self, x: jax.Array, memory: tuple[jax.Array, jax.Array],  # type: ignore[override]
                 start: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """Reads x float32[B, T, 12 C], frames from `start` on; returns the same shape, and the
        memory with them in it."""
        batch, time, width = x.shape
        into, out_of = self.kernels(width)
        q, *new = jnp.split(x @ into, 3, axis=-1)
        keys, values = kept = (jax.lax.dynamic_update_slice_in_dim(memory[0], new[0], start, 1),
                               jax.lax.dynamic_update_slice_in_dim(memory[1], new[1], start, 1))
        q, keys, values = (part.reshape(batch, -1, self.heads, width // self.heads)
                           for part in (q, keys, values))
        table = self.param("bias", nn.initializers.zeros, (self.heads, self.reach + 1))
        offset = start + jnp.arange(time)[:, None] - jnp.arange(keys.shape[1])
        near = jax.nn.one_hot(jnp.clip(offset, 0, self.reach), self.reach + 1)
        logits = jnp.einsum("bqhd,bkhd->bhqk", q, keys) / jnp.sqrt(q.shape[-1])
        logits = logits + jnp.einsum("hr,qkr->hqk", table, near)
        shares = jax.nn.softmax(jnp.where(offset >= 0, logits, -jnp.inf), axis=-1)
        attended = jnp.einsum("bhqk,bkhd->bqhd", shares, values)
        return attended.reshape(x.shape) @ out_of, kept


class ChainedVoices(nn.Module):
    """Logits of a frame's tokens, each voice having heard those before it.

    Attributes:
      settings: the sizes.
      space: the vocabulary.
    """

    settings: ChainedSettings
    space: TokenSpace

    @nn.compact
    def __call__(self, features: Features, here: jax.Array) -> jax.Array:
        """Logits float32[B, T, V, K] from features and tokens int32[B, T, V] of the frame."""
        cfg, space = self.settings, self.space
        classes = features.frame.reshape(*here.shape[:2], PITCH_CLASSES, -1)
        shared = (unfold(nn.Dense(cfg.cell_channels, name="class")(classes), space.lowest_class,
                         space.pitches)
                  + nn.Dense(cfg.cell_channels, use_bias=False, name="pitch")(features.pitches))
        plain = jnp.concatenate([classes.mean(axis=2), features.local], axis=-1)
        laid, stays = laid_out(space, here), held_on(space, features.before)
        left = laid_out(space, features.before)
        moved = 1.0 - holds(space, features.before, here)
        return jnp.stack([
            self._voice(v, shared, plain, left, laid[..., :v], moved[..., :v], stays[:, :, v])
            for v in range(here.shape[2])], axis=2)

    def _voice(self, v: int, shared: jax.Array, plain: jax.Array, left: jax.Array,
               laid: jax.Array, moved: jax.Array, stays: jax.Array) -> jax.Array:
        """Logits [B, T, K] of one voice: by pitch, of what has none, and for the token before."""
        cfg, space = self.settings, self.space
        plain = jnp.concatenate([plain, moved], axis=-1)
        hidden = shared + nn.Dense(cfg.cell_channels, name=f"plain_{v}")(plain)[:, :, None]
        if v:
            hidden = hidden + PitchDense(cfg.cell_channels, name=f"here_{v}")(laid)
        hidden = nn.gelu(nn.Dense(cfg.cell_channels, name=f"hidden_{v}")(nn.gelu(hidden)))
        of_pitch = nn.Dense(space.kinds, kernel_init=SMALL, name=f"cells_{v}")(hidden)
        if v and cfg.pairs:
            of_pitch = of_pitch + Motions(space, name=f"motions_{v}")(left, laid)[..., None]
        rest = nn.gelu(nn.Dense(cfg.local_width, name=f"rest_{v}")(plain))
        rest = nn.Dense(space.others + 1, kernel_init=SMALL, name=f"rest_cells_{v}")(rest)
        return (jnp.einsum("btpa,apk->btk", of_pitch, space.pitched_tokens[v])
                + jnp.einsum("bto,ok->btk", rest[..., :-1], space.other_tokens[v])
                + (rest[..., -1:] + KEPT) * stays)


class Motions(nn.Module):
    """Logits of a voice's pitches, from how the voices before it have moved to this frame.

    Voice v steps from c to p, while u has moved from a to b. That is worth, modulo octaves, an
    entry A[u, whether v goes the same way as u, c - a, p - b] of a table that starts at zero.

    Attributes:
      space: the vocabulary.
    """

    space: TokenSpace

    @nn.compact
    def __call__(self, left: jax.Array, reached: jax.Array) -> jax.Array:
        """Nats float32[B, T, P], none for the pitch that v leaves.

        Args:
          left: float32[B, T, P, V], what sounds in the frame before, on the pitch axis.
          reached: float32[B, T, P, v], what the voices before v sound in this one.
        """
        v, place = reached.shape[-1], jnp.arange(self.space.pitches)
        classes = jax.nn.one_hot((self.space.lowest_class + place) % PITCH_CLASSES, PITCH_CLASSES)
        table = GAIN * self.param(
            "table", nn.initializers.zeros, (v, 2, PITCH_CLASSES, PITCH_CLASSES))
        old = jnp.einsum("btpu,pc->btuc", left[..., :v + 1], classes)
        new = jnp.einsum("btpu,pc->btuc", reached, classes)
        apart = jnp.einsum("btur,bts,rsi->btui", old[:, :, :v], old[:, :, v], INTERVALS)
        worth = jnp.einsum("btui,umij->btumj", apart, table)
        worth = jnp.einsum("btur,btumj,rsj->btums", new, worth, INTERVALS) @ classes.T

        def height(laid: jax.Array) -> jax.Array:
            return jnp.einsum("btpu,p->btu", laid, place.astype(jnp.float32))

        # What has no pitch is in no class, so that it is worth nothing wherever it lies.
        rises = jnp.sign(height(reached) - height(left[..., :v]))[..., None]
        goes = jnp.sign(place - height(left[..., v:v + 1]))[:, :, None]
        same, other = rises * goes > 0, rises * goes < 0
        return (jnp.where(same, worth[:, :, :, 0], 0)
                + jnp.where(other, worth[:, :, :, 1], 0)).sum(axis=2)


def one_hot(space: TokenSpace, tokens: jax.Array) -> jax.Array:
    """float32[..., V, K] of tokens; K, before the first frame, is none of them."""
    return jax.nn.one_hot(tokens, space.valid.shape[1])


def held_on(space: TokenSpace, tokens: jax.Array) -> jax.Array:
    """One-hot of the tokens that hold on to what sounds in tokens int32[B, T, V]: [B, T, V, K]."""
    same = np.einsum("vas,vbs->vab", space.sounds, space.sounds)
    return jnp.einsum("btvk,vkl->btvl", one_hot(space, tokens),
                      same * (space.articulation != STRUCK)[:, None])


def holds(space: TokenSpace, before: jax.Array, here: jax.Array) -> jax.Array:
    """Whether tokens int32[B, T, V] hold on to what sounds in those before them: bool[B, T, V]."""
    return jnp.einsum("btvk,btvk->btv", held_on(space, before), one_hot(space, here)) > 0


def laid_out(space: TokenSpace, tokens: jax.Array) -> jax.Array:
    """What tokens int32[B, T, V] sound on the pitch axis, float32[B, T, P, V]; K sounds nothing."""
    table = jnp.einsum("vks,vsp->vkp", space.sounds, space.axis)
    return jnp.einsum("btvk,vkp->btpv", one_hot(space, tokens), table)
