"""What one passage says of another that repeats it.

Chorales repeat: their opening phrases note for note, or a melody under a new harmony. What sounds
twice was seen twice through the noise, and may be put together once it is known that the one
repeats the other. Of frames t and t + d of a voice, the ratio

    G = sum_s P(s) R_t(s) R_{t+d}(s),   R_t(s) = p(x_t | s) / sum_r P(r) p(x_t | r),

is how much better one sound explains both than two sounds do (P: how often a voice has sound s).
Along a passage it is gathered by a chain of two states for each lag d, "repeats" and "does not":
one for each voice by itself, and one for all together. What a cell is told is a mixture over the
frames that it may repeat or be repeated by, and none.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

BEAT = 4  # frames; lags are whole beats
LARGEST_RATIO = 5.0  # nats of evidence, per cell
LARGEST_STEP = 40.0  # the same, per frame, for float32 to hold
GAIN = 10.0  # these parameters are few, and an optimizer's steps small
# At first: shares of cells that differ in a repetition; weights of evidence, below 1 since held
# notes are no new evidence; logits of a repetition's lasting and beginning from one frame to the
# next; trust in each source of log-odds.
VARIED, WEIGHT, LASTING, BEGINNING, TRUST = 0.12, 0.3, 4.0, -9.0, 0.5


class Repeats(nn.Module):
    """The likelihood of what sounds in a cell, by the passages that it may repeat.

    Attributes:
      reach: beats; longer lags are as frequent as each other.
    """

    reach: int

    @nn.compact
    def __call__(self, seen: jax.Array, usual: jax.Array,
                 frames: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Hears what is repeated.

        Args:
          seen: float32[B, T, V, S], the likelihood of each sound, up to a factor per cell.
          usual: float32[V, S], how often each voice has it.
          frames: bool[B, T], the frames that exist.

        Returns:
          The likelihood of a cell's sounds by what other frames have seen, float32[B, T, V, S], of
          which 1 says nothing; and how likely it is that there is such a frame, float32[B, T, V].
        """
        voices = seen.shape[2]

        def learned(name: str, start: float, shape: tuple[int, ...]) -> jax.Array:
            return GAIN * self.param(name, nn.initializers.constant(start / GAIN), shape)

        ratio = _beats(seen / jnp.einsum("btvs,vs->btv", seen, usual)[..., None], 1.0)
        varied = nn.sigmoid(learned("varied", _logit(VARIED), (voices,)))[:, None, None]
        # [B, BEAT, V, N, N]: pairs of beats last, since they are many and voices few.
        same = jnp.einsum("bpivs,vs,bpjvs->bpvij", ratio, usual, ratio)
        same = jnp.minimum(jnp.log(varied + (1 - varied) * same), LARGEST_RATIO)
        there = _beats(frames, False)[:, :, None]
        there = _by_lag(there[..., :, None] & there[..., None, :])

        # Evidence float32[T, B, V, lags], and that of all voices.
        weight = jnp.exp(learned("weight", float(np.log(WEIGHT)), (2, voices)))[..., None]
        same = _by_lag(same)
        apart, together = weight[0] * same, weight[1] * same
        every = together.sum(axis=2, keepdims=True)
        beginning = learned("beginning", BEGINNING, (self.reach, voices + 1))
        lag = jnp.minimum(jnp.arange(same.shape[-1]), self.reach - 1)
        odds = _along(jnp.where(there, jnp.concatenate([apart, every], axis=2), 0.0),
                      learned("lasting", LASTING, (voices + 1,))[:, None], beginning[lag].T)

        # A voice hears its own chain, that of all, and what the others say in this frame.
        trust = learned("trust", TRUST, (3, voices))[..., None]
        odds = (trust[0] * odds[:, :, :-1] + trust[1] * odds[:, :, -1:]
                + trust[2] * (every - together))
        odds = _by_beat(jnp.where(there, odds, -jnp.inf))
        odds = jnp.maximum(odds, jnp.swapaxes(odds, -1, -2))  # either may be told of the other
        # One more, last, for a cell that repeats nothing.
        shares = jax.nn.softmax(jnp.pad(odds, [(0, 0)] * 4 + [(0, 1)]), axis=-1)
        nothing = jnp.swapaxes(shares[..., -1], 2, 3)
        told = nothing[..., None] + jnp.einsum(
            "bpvij,bpjvs->bpivs", shares[..., :-1], varied[..., 0] + (1 - varied[..., 0]) * ratio)
        return _frames(told, seen.shape[1]), _frames(1 - nothing, seen.shape[1])


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _beats(x: jax.Array, beyond: float) -> jax.Array:
    """Of frames [B, T, ...], those at each place in a beat, beat by beat: [B, BEAT, N, ...]."""
    pad = [(0, 0)] * x.ndim
    pad[1] = (0, -x.shape[1] % BEAT)
    x = jnp.pad(x, pad, constant_values=beyond)
    return jnp.swapaxes(x.reshape(len(x), -1, BEAT, *x.shape[2:]), 1, 2)


def _frames(x: jax.Array, time: int) -> jax.Array:
    """Back to [B, T, ...]."""
    return jnp.swapaxes(x, 1, 2).reshape(len(x), -1, *x.shape[3:])[:, :time]


def _by_lag(square: jax.Array) -> jax.Array:
    """Of [B, BEAT, C, N, N], at every frame what is said of it and one so many beats later.

    [BEAT N, B, C, N - 1], zeros beyond the end.
    """
    batch, places, channels, size, _ = square.shape
    none = [(0, 0)] * 3
    flat = jnp.pad(square, [*none, (0, 0), (0, size)]).reshape(batch, places, channels, -1)
    lags = jnp.pad(flat, [*none, (0, size)]).reshape(
        batch, places, channels, size, 2 * size + 1)[..., 1:size]
    return lags.transpose(3, 1, 0, 2, 4).reshape(size * places, batch, channels, size - 1)


def _by_beat(lags: jax.Array) -> jax.Array:
    """Where `_by_lag` had it from; minus infinity on and below the diagonal."""
    time, batch, channels, _ = lags.shape
    size = time // BEAT
    lags = lags.reshape(size, BEAT, batch, channels, size - 1).transpose(2, 1, 3, 0, 4)
    wide = jnp.pad(lags, [(0, 0)] * 4 + [(1, size + 1)], constant_values=-jnp.inf)
    flat = wide.reshape(batch, BEAT, channels, -1)[..., :2 * size * size]
    return flat.reshape(batch, BEAT, channels, size, 2 * size)[..., :size]


def _along(evidence: jax.Array, lasting: jax.Array, beginning: jax.Array) -> jax.Array:
    """Log-odds of repeating, by all evidence but the frame's own: float32[T, ...], as `evidence`.

    Lasting and beginning are the logits of the chain's two transitions, and the first frame is one
    of many: a window may begin within a repetition.
    """
    stay, leave = jax.nn.sigmoid(lasting), jax.nn.sigmoid(-lasting)
    enter, remain = jax.nn.sigmoid(beginning), jax.nn.sigmoid(-beginning)
    # Odds, and not their logarithms, within the scans: the logarithm of a sum is slow.
    ratio = jnp.exp(jnp.clip(evidence, -LARGEST_STEP, LARGEST_STEP))

    def forward(odds: jax.Array, here: jax.Array) -> tuple[jax.Array, jax.Array]:
        now = odds * here
        return (stay * now + enter) / (leave * now + remain), odds

    def backward(odds: jax.Array, here: jax.Array) -> tuple[jax.Array, jax.Array]:
        now = odds * here
        return (stay * now + leave) / (enter * now + remain), odds

    first = jnp.broadcast_to(enter / leave, evidence.shape[1:])
    _, past = jax.lax.scan(forward, first, ratio)
    _, future = jax.lax.scan(backward, jnp.ones_like(first), ratio, reverse=True)
    return jnp.log(past) + jnp.log(future)
