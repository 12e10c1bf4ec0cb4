"""Soft wishes, as energies of token probabilities, and the tilt of a model by them.

A wish is a weight w of something that can be counted in a chorale, and its energy the expected
count U(p) where every cell's token is drawn by itself, from its own probabilities p:

- parallels: pairs of voices that move from one frame to the next by the same interval, a fifth or
  an octave (or unison, modulo 12) apart before and after;
- motion: semitones that voices move from one frame to the next;
- attacks: notes that are struck.

Silence neither moves nor makes a parallel. A note is reached by striking it: what is held is the
note before, so no move ends on a held token, however uncertain its pitch is by itself.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, Denoised, from_logits

SILENT = -1  # the height of a token without a pitch
PERFECT = (0, 7)  # semitones modulo the octave: octaves and fifths
LARGEST_TILT = 1e5  # nats: beyond any probability, and far from making up for a NEVER


class Wishes(NamedTuple):
    """A number for each wish and example, float32[B] each: weights in nats per count, or counts.

    Attributes:
      parallels: of parallel fifths and octaves; a positive weight shuns them.
      motion: of semitones moved, summed over voices; a positive weight makes smoother voices, a
        negative one livelier.
      attacks: of notes struck; a positive weight makes calmer music, a negative one busier.
    """

    parallels: jax.Array
    motion: jax.Array
    attacks: jax.Array

    @classmethod
    def none(cls, batch: int) -> "Wishes":
        """No wishes: weights 0."""
        return cls(*jnp.zeros((len(cls._fields), batch)))


class Notes(NamedTuple):
    """What tokens are as notes: constants, not to be traced.

    Attributes:
      height: int[V, K], the pitch in semitones, `SILENT` if a token has none; each voice has some.
      struck: bool[V, K], whether a note begins.
    """

    height: np.ndarray
    struck: np.ndarray


class _Voice(NamedTuple):
    """Probabilities of a voice's pitches, from `low` upwards, float32[H, B, T] each.

    Frames last, since pitches are cut out of their axis, and cuts of the last axis are slow.
    """

    low: int
    sounds: jax.Array
    begins: jax.Array

    @property
    def high(self) -> int:
        return self.low + len(self.sounds) - 1


def expected(p: jax.Array, notes: Notes, frames: jax.Array) -> Wishes:
    """Expected counts if all cells are independent.

    Parallels are those of `metrics.theory.count`, but for the ones in which a voice leaps by more
    than an octave to a fifth or octave of another size.

    Args:
      p: float32[B, T, V, K], the cells' token probabilities.
      notes: what the tokens are.
      frames: bool[B, T], the frames that exist; others count for nothing.
    """
    voices = list(_voices(p, notes))
    moved = sum(jnp.einsum("hbt,hg,gbt->bt", voice.sounds[..., :-1], _distances(len(voice.sounds)),
                           voice.begins[..., 1:]) for voice in voices)
    parallel = sum(_parallels(upper, lower) for number, upper in enumerate(voices)
                   for lower in voices[number + 1:])
    attacks = jnp.einsum("btvk,vk->bt", p, notes.struck.astype(np.float32))
    both = frames[:, 1:] & frames[:, :-1]
    return Wishes((parallel * both).sum(-1), (moved * both).sum(-1), (attacks * frames).sum(-1))


def energy(p: jax.Array, notes: Notes, frames: jax.Array, wishes: Wishes) -> jax.Array:
    """`U(p) = sum_i w_i E_p[count_i]`, nats, float32[B].

    It is linear in the probabilities of each cell. Cells whose token is given count as all others.

    Args:
      p, notes, frames: as in `expected`.
      wishes: the weights w.
    """
    counts = expected(p, notes, frames)
    return sum((w * count for w, count in zip(wishes, counts, strict=True)), jnp.zeros(len(p)))


def tilt(denoise: Denoise, table: jax.Array, notes: Notes, wishes: Wishes) -> Denoise:
    """A model of the music that it knew, each chorale weighted by `exp(-U)`.

    The tilted posterior is `p(x0 | x) exp(-U(x0))`, up to a constant, and its mean is all that
    Tweedie's formula needs for the score of the tilted distribution. Of independent cells q the
    nearest to it minimises `KL(q || p) + U(q)`, where each cell has

        log q = log p - dU/dp(q) + constant,

    which is solved once for the even frames and then, q being settled there, for the odd ones. All
    at once they would evade each other, and meet again: frames hear only of their neighbours.

    To first order in the weights this is the step `-w grad_x U(p(x))` beside the score, for
    `sigma^2 d E[U | x] / dx = Cov(x0, U | x)`, but no derivative of the network is taken, and large
    weights do no more than rule tokens out.

    Args:
      denoise: the model. Tokens to which it gives the logit NEVER keep it within `LARGEST_TILT`,
        so what it holds (see `constraints.hold`) stays held.
      table: float32[V, K, D], its embedding.
      notes: what the tokens are.
      wishes: the weights; an example whose weights are 0 is left as it is.
    """
    def tilted(x: jax.Array, sigma: jax.Array, condition: Condition) -> Denoised:
        logits = denoise(x, sigma, condition).logits

        def total(p: jax.Array) -> jax.Array:
            return energy(p, notes, condition.frames, wishes).sum()

        def settle(now: jax.Array, turn: jax.Array) -> tuple[jax.Array, None]:
            slope = jax.grad(total)(jax.nn.softmax(now))
            slope = jnp.clip(slope, -LARGEST_TILT, LARGEST_TILT)
            return jnp.where(turn[:, None, None], logits - slope, now), None

        # Even frames first: most notes begin on them, and odd ones hold what has begun.
        turns = jnp.arange(logits.shape[1]) % 2 == jnp.arange(2)[:, None]
        return from_logits(table, jax.lax.scan(settle, logits, turns)[0])

    return tilted


def _voices(p: jax.Array, notes: Notes) -> Iterator[_Voice]:
    """The voices of p float32[B, T, V, K]."""
    for number, (height, struck) in enumerate(zip(*notes, strict=True)):
        low = int(height[height != SILENT].min())
        sounds = (height == np.arange(low, height.max() + 1)[:, None]).astype(np.float32)
        yield _Voice(low, *(jnp.einsum("hk,btk->hbt", tokens, p[:, :, number])
                            for tokens in (sounds, sounds * struck)))


def _distances(size: int) -> np.ndarray:
    """Semitones between pitches, float32[size, size]."""
    pitch = np.arange(size, dtype=np.float32)
    return np.abs(pitch[:, None] - pitch)


def _parallels(one: _Voice, other: _Voice) -> jax.Array:
    """The probability that two voices make a parallel from a frame to the next, float32[B, T - 1].

    Cells being independent, this is the probability of an interval before times that of the same
    interval after, less that of both notes being repeated.
    """
    chance = jnp.zeros(())
    for interval in range(one.low - other.high, one.high - other.low + 1):
        if abs(interval) % 12 not in PERFECT:
            continue
        low, high = max(one.low, other.low + interval), min(one.high, other.high + interval)
        here = slice(low - one.low, high - one.low + 1)
        there = slice(low - interval - other.low, high - interval - other.low + 1)
        before = one.sounds[here, :, :-1] * other.sounds[there, :, :-1]
        after = one.begins[here, :, 1:] * other.begins[there, :, 1:]
        chance += before.sum(0) * after.sum(0) - (before * after).sum(0)
    return chance
