"""How likely each voice is to have moved, and by which step, as a chain of `smoothing` has it.

That a voice moves from one note to another is a fact of two frames, and the posteriors of single
frames do not tell it: C or D in either frame may be one held note, or a step. The chain's messages
do. Moves are counted on the pitch axis, where a step is a shift.

How often voices move, and where in a beat, is a matter of the whole piece: some chorales run in
eighths throughout, and some hardly leave their quarters. `pulse` tells it to every frame.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.repeats import BEAT
from lmjax.networks.smoothing import Chain, shifted
from lmjax.networks.tokens import PITCH_CLASSES, TokenSpace

STEPS = (-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7)  # semitones
MOVES = len(STEPS) + 2  # each step by itself; all steps upwards, and all downwards
REACH = max(STEPS)


class Moves:
    """The moves of all voices of a chain.

    Shapes are [V, Q, B, T] for what is said of a pitch, on the axis of `TokenSpace.octaves`: frames
    last, since steps and octaves are slices of an axis, and slices of the last one are slow.

    Attributes:
      arriving: for each of the `MOVES`, the weight of every pitch as one that is reached by it,
        given all frames before: a part of the chain's `before`.
      drawn: the weight of every pitch as one that is not held over, given all frames before.
      heard: what the frame itself and those after it make of a pitch; its posterior is that times
        the chain's `before`.
      filtered: the distribution of a frame's pitch given that frame and those before it.
    """

    def __init__(self, space: TokenSpace, chain: Chain) -> None:
        """Reads a chain over the sounds of `space`."""
        self._axis, self._chain = jnp.asarray(space.octaves), chain
        size = self._axis.shape[-1]
        interval = np.arange(size) - np.arange(size)[:, None]
        moving = jnp.einsum("vsp,vsr,vrq->vpq", self._axis, chain.motion, self._axis)
        # What a step is worth depends on the interval alone: it is the same all along the axis.
        # A mean by a product, since a CPU would take a maximum anew for every pitch.
        step = (interval == np.reshape(STEPS, (-1, 1, 1))).astype(np.float32)
        exists = space.octaves.max(axis=1)
        often = np.einsum("vp,dpq,vq->dv", exists, step, exists)
        worth = jnp.einsum("dpq,vpq->dv", step, moving) / np.maximum(often, 1)
        self._worth = worth[..., None, None, None]
        self.filtered = self._lay(chain.filtered)
        past = shifted(self.filtered, -1, axis=-1)
        fresh = chain.fresh * (1 - chain.hold[..., None])
        drawn = self._lay(fresh)
        self.drawn = self._lay(fresh * jnp.einsum(
            "btvs,vsr->btvr", shifted(chain.filtered, -1), chain.motion))
        self.arriving = [drawn * moved for moved in (
            *(worth * _by(past, step) for step, worth in zip(STEPS, self._worth, strict=True)),
            *(jnp.einsum("vpq,vpbt->vqbt", jnp.where(where, moving, 0), past)
              for where in (interval > 0, interval < 0)))]
        joint = chain.seen * chain.after
        self.heard = self._lay(joint / (joint * chain.before).sum(axis=-1, keepdims=True))

    def _lay(self, shares: jax.Array) -> jax.Array:
        """What is said of sounds, float32[B, T, V, S], on the pitch axis."""
        return jnp.einsum("vsq,btvs->vqbt", self._axis, shares)

    def taken(self) -> jax.Array:
        """The probability of each move, float32[B, T, V, MOVES]."""
        return jnp.stack([(part * self.heard).sum(axis=1) for part in self.arriving],
                         axis=-1).transpose(1, 2, 0, 3)

    def leaving(self) -> tuple[list[jax.Array], jax.Array]:
        """For each of `STEPS`, the likelihood of all frames after, of a pitch that is left by it;
        and the whole of that likelihood."""
        hold, fresh, joint = (shifted(part, 1) for part in (
            self._chain.hold[..., None], self._chain.fresh,
            self._chain.seen * self._chain.after))
        reached = (1 - hold) * fresh * joint
        whole = self._lay(hold * joint + jnp.einsum(
            "btvr,vsr->btvs", reached, self._chain.motion))
        reached = self._lay(reached)
        exists = self._axis.max(axis=1)[..., None, None]  # it cannot leave what it cannot sing
        return [exists * worth * _by(reached, -step)
                for step, worth in zip(STEPS, self._worth, strict=True)], whole


def pulse(often: jax.Array, present: jax.Array) -> jax.Array:
    """What is usual in a window: the means of `often`, float32[B, T, F], over all frames that lie
    as far into a beat as each frame does, and as the one, two and three frames after it.

    Returns float32[B, T, 4 F]. Frames that are not `present`, bool[B, T], do not count.
    """
    batch, time, _ = often.shape
    beats = -(-time // BEAT)
    ragged = ((0, 0), (0, beats * BEAT - time), (0, 0))
    total, count = (jnp.pad(part, ragged).reshape(batch, beats, BEAT, -1).sum(axis=1)
                    for part in (often * present[..., None], present[..., None]))
    means = total / jnp.maximum(count, 1)
    around = jnp.concatenate([jnp.roll(means, -i, axis=1) for i in range(BEAT)], axis=-1)
    return jnp.tile(around, (1, beats, 1))[:, :time]


def over_octaves(values: jax.Array) -> jax.Array:
    """Sums over octaves: float32[V, Q, B, T] to float32[V, 12, B, T]."""
    # Slices: far cheaper on a CPU than the sum over an axis of a reshaped array.
    return functools.reduce(jnp.add, [values[:, i:i + PITCH_CLASSES]
                                      for i in range(0, values.shape[1], PITCH_CLASSES)])


def _by(values: jax.Array, step: int) -> jax.Array:
    """values[:, q - step] at every q, zeros beyond the ends."""
    widened = jnp.pad(values, [(0, 0), (REACH, REACH), (0, 0), (0, 0)])
    return widened[:, REACH - step:REACH - step + values.shape[1]]
