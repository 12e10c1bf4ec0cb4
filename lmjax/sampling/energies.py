"""Soft wishes, as energies of token probabilities, and the tilt of a model by them.

A wish is a weight w of something that can be counted in a chorale. Its energy is w times the
expected count, where every cell's token is drawn by itself from the cell's own probabilities:

- parallels: pairs of voices that move from one frame to the next by the same interval and are a
  fifth or an octave apart, 7 or 0 semitones modulo 12, before and after;
- motion: semitones that voices move from one frame to the next;
- attacks: notes that are struck.

Silence does not move. Nor does a note that is held, however uncertain its pitch may be: a voice
moves to a pitch by striking it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.noise.condition import Condition, Wishes
from lmjax.noise.denoiser import Denoise, Denoised, from_logits

SILENT = -1  # the height of a token without a pitch
PERFECT = (0, 7)  # semitones, modulo the octave
LARGEST_TILT = 1e5  # nats: more than any wish needs, and too little to make up for a NEVER


class Counts(NamedTuple):
    """What can be wished for, counted over the frames and voices of a chorale: float32[B] each.

    Attributes:
      parallels: fifths and octaves.
      motion: semitones moved.
      attacks: notes struck.
    """

    parallels: jax.Array
    motion: jax.Array
    attacks: jax.Array


class Notes(NamedTuple):
    """What tokens are as notes: constants of the program, not to be traced.

    Attributes:
      height: int[V, K], the pitch in semitones, `SILENT` if a token has none. Every voice has some.
      struck: bool[V, K], whether a token begins a note; False for all tokens of a voice if they do
        not tell, and any pitch may be new.
    """

    height: np.ndarray
    struck: np.ndarray


class _Voice(NamedTuple):
    """A voice at every step from one frame to the next, as probabilities of its H pitches.

    Frames come last, since pitches are cut out of their axis, and cuts of the last axis are slow.

    Attributes:
      low: its lowest pitch.
      before: float32[H, B, T - 1], the pitch that sounds before the step.
      after: float32[H, B, T - 1], the pitch that is struck after it, be it the same.
    """

    low: int
    before: jax.Array
    after: jax.Array

    @property
    def high(self) -> int:
        return self.low + len(self.before) - 1


def expected(p: jax.Array, notes: Notes, frames: jax.Array) -> Counts:
    """The expected counts, cells being independent.

    On music that is certain, and in which what is held continues, parallels are those that
    `metrics.theory` counts, but for similar motion between intervals that differ by octaves (in
    which a voice leaps by more than an octave).

    Args:
      p: float32[B, T, V, K], the cells' token probabilities.
      notes: what the tokens are.
      frames: bool[B, T], the frames that exist; others count for nothing.
    """
    voices = list(_voices(p, notes))
    nothing = jnp.zeros(())
    parallels = sum((_parallels(upper, lower) for number, upper in enumerate(voices)
                     for lower in voices[number + 1:]), nothing)
    motion = sum((_motion(voice) for voice in voices), nothing)
    attacks = jnp.einsum("btvk,vk->bt", p, notes.struck.astype(np.float32))
    steps = frames[:, :-1] & frames[:, 1:]
    return Counts((parallels * steps).sum(-1), (motion * steps).sum(-1), (attacks * frames).sum(-1))


def energy(p: jax.Array, notes: Notes, frames: jax.Array, wishes: Wishes) -> jax.Array:
    """`U(p) = sum_i w_i E_p[count_i]`, float32[B], nats; linear in the probabilities of each cell.

    Args:
      p, notes, frames: as in `expected`.
      wishes: the weights w. With a positive one there are fewer parallels, voices are smoother and
        music is calmer; with a negative one it is the other way round.
    """
    counts = expected(p, notes, frames)
    weights = wishes.parallels, wishes.motion, wishes.attacks
    return sum((weight * count for weight, count in zip(weights, counts, strict=True)
                if weight is not None), jnp.zeros(len(p)))


def tilt(denoise: Denoise, table: jax.Array, notes: Notes, wishes: Wishes) -> Denoise:
    """A model of the same music, in which a chorale is `exp(-U)` times as likely as it was.

    By Tweedie's formula its score needs the mean of the posterior `p(x0 | x) exp(-U(x0))`, up to a
    constant. With a posterior p of independent cells, the q of independent cells that is closest
    to that has the least `KL(q || p) + U(q)`, so that in each cell

        log q = log p - dU/dp(q) + constant.

    This is evaluated in the even frames and then, with what came out, in the odd ones, for a frame
    hears of its neighbours: if both gave way to one another at once, nothing would be gained.

    To first order in the weights it is the same as adding `-grad_x U(p(x))` to the score, since
    `sigma^2 grad_x E[U | x] = Cov(x0, U | x)`; but the network is not differentiated, and a large
    weight cannot throw the state off: the mean is always that of some tokens.

    Args:
      denoise: the model, with whatever holds it exactly (see `constraints.hold`): tokens whose
        logit is NEVER stay so.
      table: float32[V, K, D], its embedding.
      notes: what the tokens are.
      wishes: the weights; where all of an example's are 0, its logits are those of the model.
    """
    def tilted(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        logits = denoise(x, sigma, condition).logits
        return from_logits(table, tilt_cells(logits, notes, condition.frames, wishes))

    return tilted


def tilt_cells(logits: jax.Array, notes: Notes, frames: jax.Array, wishes: Wishes) -> jax.Array:
    """The q of `tilt` as logits float32[B, T, V, K], given those of p; given cells are certain."""
    def settle(now: jax.Array, turn: jax.Array) -> tuple[jax.Array, None]:
        wished = logits - _slope(jax.nn.softmax(now), notes, frames, wishes)
        return jnp.where(turn[:, None, None], wished, now), None

    # Even frames first: it is there that most notes begin, and can best be others.
    turns = jnp.arange(logits.shape[1]) % 2 == jnp.arange(2)[:, None]
    return jax.lax.scan(settle, logits, turns)[0]


def tilt_next(logits: jax.Array, before: jax.Array, here: jax.Array, voice: int, notes: Notes,
              wishes: Wishes) -> jax.Array:
    """The logits float32[B, K] by which a voice draws its next token, tilted by the energy of the
    step to it. This is exact but for what is still to come: voices not yet drawn do not count.

    Args:
      logits: float32[B, K], untilted.
      before: int32[B, V], the tokens of the frame before, K where there is none.
      here: int32[B, V], those of this frame, of the voices before this one.
      voice: which.
      notes, wishes: as of `tilt`.
    """
    drawn = (jnp.arange(here.shape[1]) < voice)[:, None]
    p = jnp.stack([jax.nn.one_hot(before, logits.shape[-1]),
                   jax.nn.one_hot(here, logits.shape[-1]) * drawn], axis=1)
    # The energy is linear in the cell, so its slope is there what every token costs.
    return logits - _slope(p, notes, jnp.ones(p.shape[:2], bool), wishes)[:, 1, voice]


def _slope(p: jax.Array, notes: Notes, frames: jax.Array, wishes: Wishes) -> jax.Array:
    """`dU/dp`, float32[B, T, V, K], bounded."""
    slope = jax.grad(lambda p: energy(p, notes, frames, wishes).sum())(p)
    return jnp.clip(slope, -LARGEST_TILT, LARGEST_TILT)


def _voices(p: jax.Array, notes: Notes) -> Iterator[_Voice]:
    """The voices of p float32[B, T, V, K]."""
    for number, (height, struck) in enumerate(zip(*notes, strict=True)):
        low, high = int(height[height != SILENT].min()), int(height.max())
        sounds = (height == np.arange(low, high + 1)[:, None]).astype(np.float32)
        new = sounds * struck if struck.any() else sounds
        # Cut into steps here: pitches of whole arrays are cut out faster, most of all backwards.
        yield _Voice(low, jnp.einsum("hk,btk->hbt", sounds, p[:, :-1, number]),
                     jnp.einsum("hk,btk->hbt", new, p[:, 1:, number]))


def _motion(voice: _Voice) -> jax.Array:
    """Expected semitones at every step, float32[B, T - 1]."""
    pitch = np.arange(len(voice.before), dtype=np.float32)
    distance = np.abs(pitch[:, None] - pitch)
    return jnp.einsum("hbt,hg,gbt->bt", voice.before, distance, voice.after)


def _parallels(one: _Voice, other: _Voice) -> jax.Array:
    """The probability that every step of two voices is a parallel, float32[B, T - 1].

    As cells are independent, that is the probability of an interval before times that of the same
    interval after, less the probability that both notes are repeated.
    """
    probability = jnp.zeros(())
    for interval in range(one.low - other.high, one.high - other.low + 1):
        if abs(interval) % 12 not in PERFECT:
            continue
        low, high = max(one.low, other.low + interval), min(one.high, other.high + interval)
        here = slice(low - one.low, high + 1 - one.low)
        there = slice(low - interval - other.low, high + 1 - interval - other.low)
        before = one.before[here] * other.before[there]
        after = one.after[here] * other.after[there]
        probability += before.sum(0) * after.sum(0) - (before * after).sum(0)
    return probability
