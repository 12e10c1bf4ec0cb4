"""Composing by Gibbs sampling: some cells at a time drawn anew, given all others.

With one cell a step this is the pseudo-Gibbs sampling of DeepBach (Hadjeres et al. 2017). With
blocks, cells of a step are drawn independently of each other, which is wrong as long as blocks are
large; so they become smaller on the way (Yao et al. 2014), as Coconet does it (Huang et al. 2017):
in step n of N, each cell is drawn anew with probability

    max(smallest, largest - (largest - smallest) n / (over N)).

The conditionals are a network's, and need not be those of any joint distribution (Heckerman et al.
2000).
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lmjax.noise.condition import Condition
from lmjax.noise.embed import forbid
from lmjax.sampling.constraints import narrow
from lmjax.sampling.decode import CERTAIN, Legal, decode
from lmjax.sampling.guidance import check_guidance

KINDS = ("blocked_gibbs", "single_gibbs")


@dataclasses.dataclass(frozen=True)
class GibbsSettings:
    """Which cells are drawn anew, and how.

    Attributes:
      kind: "blocked_gibbs", each cell with a probability that falls; or "single_gibbs", one cell.
      steps: N, after a first one in which all cells are drawn; however long the piece is, so that
        single cells of a long one are seldom drawn anew.
      largest, smallest: of that probability.
      over: share of the steps in which it falls.
      temperature: what logits are divided by before a draw.
      guidance: w of guidance by metre, form and key (see `sampling.guidance`); 1 for none.
    """

    kind: str = "blocked_gibbs"
    steps: int = 512
    largest: float = 0.9
    smallest: float = 0.1
    over: float = 0.7
    temperature: float = 1.0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"sampler.kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.steps < 1:
            raise ValueError(f"sampler.steps must be at least 1, not {self.steps}")
        if not 0 < self.smallest <= self.largest <= 1:
            raise ValueError(f"sampler.smallest and sampler.largest must lie between 0 and 1, in "
                             f"this order; they are {self.smallest} and {self.largest}")
        if not 0 < self.over <= 1:
            raise ValueError(f"sampler.over must be above 0 and at most 1, not {self.over}")
        if self.temperature <= 0:
            raise ValueError(f"sampler.temperature must be positive, not {self.temperature}")
        check_guidance(self.guidance)

    def share(self, step: jax.Array) -> jax.Array:
        """The probability with which a cell is drawn anew in step n, of blocked sampling."""
        fall = (self.largest - self.smallest) * step / (self.over * self.steps)
        return jnp.maximum(self.smallest, self.largest - fall)


class Diagnostics(NamedTuple):
    """What happened at each step, over the cells that are not given; float32[N, B].

    Attributes:
      entropy: mean entropy of the probabilities of a cell that was drawn, nats.
      drawn: share of the cells that were drawn.
      changed: share of the cells that were changed.
    """

    entropy: jax.Array
    drawn: jax.Array
    changed: jax.Array


class Generated(NamedTuple):
    """Finished chorales.

    Attributes:
      tokens: int32[B, T, V]; 0 in padding.
      logits: float32[B, T, V, K], as of independent cells: each is nearly certain of its token.
      corrected: int32[B], cells changed at the end so that every token may follow the one before.
      diagnostics: float32[N, B] each, the first step in which all cells were drawn left out.
    """

    tokens: jax.Array
    logits: jax.Array
    corrected: jax.Array
    diagnostics: Diagnostics


# (keys [B], condition) -> logits float32[B, T, V, K] of the cells that are not known
Ask = Callable[[jax.Array, Condition], jax.Array]


# (logits float32[B, T, V, K], frames) -> the same, tilted
Tilt = Callable[[jax.Array, jax.Array], jax.Array]


def redraw(keys: jax.Array, ask: Ask, tokens: jax.Array, hidden: jax.Array, condition: Condition,
           temperature: float = 1.0, tilt: Tilt | None = None) -> tuple[jax.Array, jax.Array]:
    """Draws hidden cells anew, independently of each other, given all others.

    Args:
      keys: B PRNG keys.
      ask: the model.
      tokens: int32[B, T, V].
      hidden: bool[B, T, V].
      condition: its tracks, its frames, what is allowed and its relations are used.
      temperature: see `GibbsSettings`.
      tilt: by what is wished for (see `energies.tilt_cells`).

    Returns:
      The tokens after it, and the entropies of all cells, float32[B, T, V].
    """
    ask_keys, draw_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    known = condition.frames[..., None] & ~hidden
    shown = condition._replace(known=known, tokens=jnp.where(known, tokens, 0))
    logits = narrow(ask(ask_keys, shown), shown)
    if tilt is not None:
        logits = tilt(logits, condition.frames)
    log_p = jax.nn.log_softmax(logits / temperature)
    drawn = jax.vmap(jax.random.categorical)(draw_keys, log_p)
    entropy = -(jnp.exp(log_p) * log_p).sum(-1)
    return jnp.where(hidden, drawn, tokens).astype(jnp.int32), entropy


def one_cell(keys: jax.Array, free: jax.Array) -> jax.Array:
    """One cell of each chorale, of those that are free bool[B, T, V], as a mask like it."""
    tickets = jax.vmap(lambda key: jax.random.uniform(key, free.shape[1:]))(keys)
    tickets = jnp.where(free, tickets, -1.0).reshape(len(free), -1)
    chosen = jax.nn.one_hot(tickets.argmax(-1), tickets.shape[-1], dtype=bool)
    return chosen.reshape(free.shape) & free


def generate(keys: jax.Array, ask: Ask, settings: GibbsSettings, condition: Condition,
             legal: Legal, tilt: Tilt | None = None) -> Generated:
    """Composes: all cells are drawn, and then some again and again.

    Chorale b depends on `keys[b]` and its own condition only. Given cells stand as they are given,
    and no token is drawn that is not allowed.

    Args:
      keys: B PRNG keys.
      ask: the model.
      settings: which cells, and how.
      condition: what is known; its frames give B and T.
      legal: bool[V, K] and bool[V, K, K], which tokens may begin and which may follow which.
      tilt: see `redraw`.
    """
    free = condition.frames[..., None] & ~condition.known
    cells = jnp.maximum(free.sum((1, 2)), 1)

    def share(mask: jax.Array) -> jax.Array:
        return (mask & free).sum((1, 2)) / cells

    def step(tokens: jax.Array, number: jax.Array) -> tuple[jax.Array, Diagnostics]:
        step_keys = jax.vmap(lambda key: jax.random.split(jax.random.fold_in(key, number)))(keys)
        if settings.kind == "single_gibbs":
            hidden = one_cell(step_keys[:, 0], free)
        else:
            chance = settings.share(number)
            hidden = free & jax.vmap(
                lambda key: jax.random.bernoulli(key, chance, free.shape[1:]))(step_keys[:, 0])
        after, entropy = redraw(step_keys[:, 1], ask, tokens, hidden, condition,
                                settings.temperature, tilt)
        mean = (entropy * hidden).sum((1, 2)) / jnp.maximum(hidden.sum((1, 2)), 1)
        return after, Diagnostics(mean, share(hidden), share(after != tokens))

    start_keys = jax.vmap(lambda key: jax.random.fold_in(key, settings.steps))(keys)
    tokens, _ = redraw(start_keys, ask, condition.tokens, free, condition, settings.temperature,
                       tilt)
    tokens, diagnostics = jax.lax.scan(step, tokens, jnp.arange(settings.steps))
    sure = CERTAIN * jax.nn.one_hot(tokens, legal[0].shape[-1])
    possible = condition.possible(sure.shape[-1])
    logits = forbid(sure, possible)
    tokens, corrected = decode(logits, legal, condition.frames)
    return Generated(tokens, logits, corrected, diagnostics)
