"""Composing from left to right: one frame after the other, one voice after the other.

What is drawn has heard what lies before it, and nothing of what is given later: a cell that is
given stands, and the music before it does not lead there. Only a model that hears all frames at
once, such as the score model, can foresee.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition, Relations
from lmjax.noise.embed import NEVER, forbid
from lmjax.sampling.decode import CERTAIN, Legal
from lmjax.sampling.guidance import check_guidance
from lmjax.sampling.relations import conditional

KINDS = ("cold", "warm")


@dataclasses.dataclass(frozen=True)
class SequentialSettings:
    """How a token is chosen.

    Attributes:
      kind: "cold", the most probable; or "warm", drawn at random.
      temperature: what logits are divided by before a draw.
      top_k: a draw is from the so many most probable tokens; 0 for all.
      top_p: a draw is from the fewest tokens that have this probability together (Holtzman et al.
        2020); 1 for all.
      guidance: w of guidance by metre, form and key (see `sampling.guidance`); 1 for none.
    """

    kind: str = "warm"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"sampler.kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.temperature <= 0:
            raise ValueError(f"sampler.temperature must be positive, not {self.temperature}; for "
                             f"the most probable tokens use sampler.kind='cold'")
        if self.top_k < 0:
            raise ValueError(f"sampler.top_k must not be negative, but is {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"sampler.top_p must be above 0 and at most 1, not {self.top_p}")
        check_guidance(self.guidance)


def choices(logits: jax.Array, settings: SequentialSettings) -> jax.Array:
    """The logits float32[..., K] by which a token is drawn: minus infinity where it cannot be."""
    if settings.kind == "cold":
        best = jax.nn.one_hot(logits.argmax(-1), logits.shape[-1], dtype=bool)
        return jnp.where(best, 0.0, -jnp.inf)
    logits = logits / settings.temperature
    order = jnp.argsort(logits, axis=-1, descending=True)
    ranked = jnp.take_along_axis(logits, order, axis=-1)
    shares = jax.nn.softmax(ranked, axis=-1)
    # A token stays if those before it have not reached top_p: the most probable always does.
    kept = jnp.cumsum(shares, axis=-1) - shares < settings.top_p
    if settings.top_k:
        kept &= jnp.arange(logits.shape[-1]) < settings.top_k
    kept = jnp.take_along_axis(kept, jnp.argsort(order, axis=-1), axis=-1)
    return jnp.where(kept, logits, -jnp.inf)


class Diagnostics(NamedTuple):
    """What happened at each frame; float32[T, B].

    Attributes:
      entropy: mean entropy of a cell's token probabilities, nats.
    """

    entropy: jax.Array


class Generated(NamedTuple):
    """Finished chorales.

    Attributes:
      tokens: int32[B, T, V]; 0 in padding.
      logits: float32[B, T, V, K], as of independent cells: each is nearly certain of its token, and
        knows what else was likely when it was drawn.
      corrected: int32[B], cells in which the most probable token was not legal, or not allowed.
      diagnostics: float32[T, B] each.
    """

    tokens: jax.Array
    logits: jax.Array
    corrected: jax.Array
    diagnostics: Diagnostics


# (memory, tokens before int32[B, 1, V], tracks int32[B, 1, C], frame int32[]) -> memory, features
Advance = Callable[[Any, jax.Array, jax.Array, jax.Array], tuple[Any, jax.Array]]
# (features, tokens of the frame as far as they are drawn int32[B, 1, V]) -> logits [B, 1, V, K]
Voices = Callable[[jax.Array, jax.Array], jax.Array]
# (logits [B, K], tokens of the frame before int32[B, V], and of this one, voice) -> logits, tilted
Tilt = Callable[[jax.Array, jax.Array, jax.Array, int], jax.Array]


def generate(keys: jax.Array, memory: Any, advance: Advance, voices: Voices,
             settings: SequentialSettings, condition: Condition, legal: Legal,
             tilt: Tilt | None = None) -> Generated:
    """Draws chorales, frame by frame and voice by voice.

    Chorale b depends on `keys[b]` and its own condition only. Given cells stand as they are given,
    and no token is drawn that is not allowed: where none that is is legal, legality gives way.

    Args:
      keys: B PRNG keys.
      memory: the model's, before the first frame.
      advance, voices: the model.
      settings: how a token is chosen.
      condition: what is known; its frames give B and T.
      legal: bool[V, K] and bool[V, K, K], which tokens may begin and which may follow which.
      tilt: by what is wished for (see `energies.tilt_next`).
    """
    begin, follow = map(jnp.asarray, legal)
    (batch, time, parts), size = condition.known.shape, begin.shape[-1]

    def frame(carry: tuple[Any, jax.Array], row: tuple[jax.Array, ...],
              ) -> tuple[tuple[Any, jax.Array], tuple[jax.Array, ...]]:
        memory, before = carry
        number, tracks, given, tokens, may, relations = row
        memory, features = advance(memory, before[:, None], tracks[:, None], number)
        here, corrected, entropy = jnp.zeros_like(before), jnp.zeros(batch, int), jnp.zeros(batch)
        # What is known of voices before they are drawn.
        outlook = forbid(jnp.zeros(may.shape), may)
        kept = outlook
        for voice in range(parts):
            logits = voices(features, here[:, None])[:, 0, voice]
            # Before the first frame there is token K, which no table has: all that may begin.
            after = jnp.where(number == 0, begin[voice], follow[voice][before[:, voice] % size])
            fits = may[:, voice] & after
            fits = jnp.where(fits.any(-1, keepdims=True), fits, may[:, voice])
            outlook = outlook.at[:, voice].set(forbid(logits, fits))
            kept = kept.at[:, voice].set(forbid(jax.nn.log_softmax(logits), may[:, voice]))
            if related is not None:
                order, groups, least, most = (part[:, None] for part in relations)
                now = Relations(order, groups, least, most, related.sounds)
                logits = conditional(outlook[:, None], now)[:, 0, voice]
            if tilt is not None:
                logits = tilt(logits, before, here, voice)
            drawn = jax.vmap(lambda key, choice, v=voice: jax.random.categorical(
                jax.random.fold_in(jax.random.fold_in(key, number), v), choice))(
                keys, choices(jnp.where(fits, logits, -jnp.inf), settings))
            token = jnp.where(given[:, voice], tokens[:, voice], drawn).astype(jnp.int32)
            here = here.at[:, voice].set(token)
            sure = jax.nn.one_hot(token, size, dtype=bool)
            outlook = outlook.at[:, voice].set(jnp.where(sure, 0.0, NEVER))
            kept = kept.at[:, voice].add(CERTAIN * sure)
            best = jnp.take_along_axis(fits, logits.argmax(-1)[:, None], -1)[:, 0]
            corrected += ~best & ~given[:, voice]
            log_p = jax.nn.log_softmax(logits)
            entropy += -(jnp.exp(log_p) * log_p).sum(-1) / parts
        return (memory, here), (here, kept, corrected, entropy)

    nothing = jnp.full((batch, parts), size, jnp.int32)
    related = condition.relations
    rows = (jnp.arange(time), *jax.tree.map(lambda part: jnp.moveaxis(part, 1, 0), (
        condition.tracks, condition.known, condition.tokens, condition.possible(size),
        None if related is None else related[:-1])))
    _, (tokens, logits, corrected, entropy) = jax.lax.scan(frame, (memory, nothing), rows)
    exist = condition.frames
    return Generated(
        jnp.where(exist[..., None], jnp.moveaxis(tokens, 0, 1), 0),
        jnp.moveaxis(logits, 0, 1),
        (jnp.moveaxis(corrected, 0, 1) * exist).sum(1),
        Diagnostics(entropy))
