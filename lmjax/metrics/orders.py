"""The likelihood of an order-agnostic model, over random orders, and a figure that is none.

A model of every hidden cell given those that are known is one of joint probabilities in any order
of the cells. With n cells, over orders chosen at random (Uria et al. 2014),

    -log p(tokens) <= E over h uniform in 1..n and sets H of h hidden cells
                      [ n / h  sum over H of -log p(token | all cells outside H) ].

Huang et al. (2017, "Algorithm 1") report another figure for Coconet, `framewise`: each frame given
a random set of other frames, its voices in random order, each given *what the model finds most
probable* in the voices before it, not what they are; and probabilities, not nats, averaged over
orders frame by frame. That is no likelihood of a piece, and only comparable with itself.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lmjax.data.windows import stack
from lmjax.losses.likelihood import cross_entropy
from lmjax.metrics.likelihood import Bound, Likelihood, Measure, Part, batches
from lmjax.noise.condition import Condition, hide

ORDERS, FRAMES = 4, 8  # of the framewise figure: orders of a frame, and frames of a piece

# (params, condition) -> logits float32[B, T, V, K] of the cells that are not known
Logits = Callable[[Any, Condition], jax.Array]


def build_measure(logits: Logits) -> Measure:
    """A jitted function from an order-agnostic model to one draw of the bound, float32[B] nats.

    It takes (params, keys [B], tokens int32[B, T, V], tracks int32[B, T, C], frames bool[B, T],
    new int32[B], level float32[B]): frames before `new` are given.
    """
    @jax.jit
    def measure(params: Any, keys: jax.Array, tokens: jax.Array, tracks: jax.Array,
                frames: jax.Array, new: jax.Array, level: jax.Array) -> jax.Array:
        fresh = frames & (jnp.arange(tokens.shape[1]) >= new[:, None])
        hidden, weight = hide(keys, level, jnp.broadcast_to(fresh[..., None], tokens.shape))
        known = frames[..., None] & ~hidden
        condition = Condition(tracks, frames, known, jnp.where(known, tokens, 0))
        return weight * cross_entropy(logits(params, condition), tokens, hidden)

    return measure


def order_bound(measure: Measure, params: object, parts: Sequence[Part], draws: int,
                batch_size: int, seed: int = 0, progress: bool = False) -> Bound:
    """The bound over the pieces that the parts make up, draws stratified over the hidden share.

    Args:
      measure: from `build_measure`.
      params: the model's parameters.
      parts: from `metrics.likelihood.parts_of`.
      draws: sets of hidden cells per part.
      batch_size: parts at once.
      seed: of the fixed list of draws.
      progress: whether to show a bar.
    """
    shift, base = np.random.default_rng(seed).random(len(parts)), jax.random.key(seed)
    pieces = max(part.piece for part in parts) + 1
    nats, frames = np.zeros(pieces), np.zeros(pieces)
    for chosen in tqdm(list(batches(parts, itertools.product(
            range(len(parts)), range(draws)), batch_size)), disable=not progress, desc="bound",
                       unit="batch", leave=False):
        some = [parts[i] for i, _ in chosen]
        batch, new = stack([part.window for part in some]), np.array([part.new for part in some])
        level = np.array([(j + shift[i]) / draws for i, j in chosen], np.float32)
        keys = jax.vmap(lambda i: jax.random.fold_in(base, i))(
            jnp.array([i * draws + j for i, j in chosen]))
        owner = np.array([part.piece for part in some])
        np.add.at(nats, owner, np.asarray(
            measure(params, keys, *batch, new, level), np.float64) / draws)
        np.add.at(frames, owner, (batch.frames.sum(1) - new) / draws)
    return Bound(nats, frames.round().astype(int))


def build_framewise(logits: Logits) -> Measure:
    """A jitted function to the log-probability of one frame of each window, float32[B].

    It takes (params, keys [B], tokens, tracks, frames as `build_measure`, frame int32[B]): the
    other frames are given, all of one number that is drawn uniformly, chosen at random.
    """
    @jax.jit
    def measure(params: Any, keys: jax.Array, tokens: jax.Array, tracks: jax.Array,
                frames: jax.Array, frame: jax.Array) -> jax.Array:
        (batch, time, voices), rows = tokens.shape, jnp.arange(tokens.shape[0])

        def draw(key: jax.Array, exist: jax.Array, at: jax.Array) -> tuple[jax.Array, jax.Array]:
            keys = jax.random.split(key, 3)
            # Frames before this one in a random order of all: each other with the same chance.
            tickets = jax.random.uniform(keys[0], (time,))
            earlier = (tickets < jax.random.uniform(keys[1])) & exist
            return earlier.at[at].set(False), jax.random.permutation(keys[2], voices)

        earlier, order = jax.vmap(draw)(keys, frames, frame)
        known = jnp.broadcast_to(earlier[..., None], tokens.shape)
        guessed, total = jnp.where(known, tokens, 0), jnp.zeros(batch)
        for i in range(voices):
            voice = order[:, i]
            log_p = jax.nn.log_softmax(logits(params, Condition(tracks, frames, known, guessed)))
            asked = log_p[rows, frame, voice]
            total += asked[rows, tokens[rows, frame, voice]]
            known = known.at[rows, frame, voice].set(True)
            guessed = guessed.at[rows, frame, voice].set(asked.argmax(-1))
        return total

    return measure


def framewise(measure: Measure, params: object, parts: Sequence[Part], batch_size: int,
              seed: int = 0, progress: bool = False) -> Likelihood:
    """Coconet's framewise figure, of `FRAMES` frames of each part in `ORDERS` orders.

    Its "frames" are those of the sample, so that errors over pieces are as of any likelihood.
    """
    generator, base = np.random.default_rng(seed), jax.random.key(seed)
    pieces = max(part.piece for part in parts) + 1
    nats, counted = np.zeros(pieces), np.zeros(pieces, int)
    chosen = [np.sort(generator.choice(fresh, min(FRAMES, len(fresh)), replace=False))
              for part in parts
              for fresh in [np.arange(part.new, int(part.window.frames.sum()))]]
    found = [np.zeros((len(frames), ORDERS)) for frames in chosen]
    asked = [(i, j) for i, frames in enumerate(chosen) for j in range(len(frames) * ORDERS)]
    for some in tqdm(list(batches(parts, asked, batch_size)), disable=not progress,
                     desc="framewise", unit="batch", leave=False):
        batch = stack([parts[i].window for i, _ in some])
        frame = np.array([chosen[i][j // ORDERS] for i, j in some])
        keys = jax.vmap(lambda i: jax.random.fold_in(base, i))(
            jnp.array([i * ORDERS * FRAMES + j for i, j in some]))
        values = np.asarray(measure(params, keys, *batch, frame), float)
        for (i, j), value in zip(some, values, strict=True):
            found[i][divmod(j, ORDERS)] = value
    for part, values in zip(parts, found, strict=True):
        nats[part.piece] -= np.log(np.exp(values).mean(axis=1)).sum()
        counted[part.piece] += len(values)
    return Likelihood(nats, counted)
