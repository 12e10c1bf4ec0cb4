"""The likelihood of whole pieces in nats per frame: a score model's bound, or what is exact.

Pieces longer than the window are cut by the chain rule: earlier frames are given as known cells.
The integral over log sigma is estimated with stratified log-uniform draws, the same for every
model; errors are bootstrapped over pieces. (See `losses.likelihood` for the three terms.)

The integral is the limit of infinitely many levels. A sampler takes few, and pays for it: with
`ladder_bound` the integral is a sum over its rungs (Kingma et al. 2021, equation 13).
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lmjax.data.dataset import Piece
from lmjax.data.windows import Window, cut, stack
from lmjax.losses.likelihood import cross_entropy, integrand, prior
from lmjax.metrics.bootstrap import ratio_interval, standard_error
from lmjax.music.tokens import Vocabulary
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoise, from_logits
from lmjax.noise.embed import coordinates, embed
from lmjax.noise.perturb import perturb

BINS = 16
WHOLE = 128  # pieces measured whole are padded to a multiple of this


class Part(NamedTuple):
    """A window of a piece in which the frames before `new` are given.

    And other cells bool[T, V], if there are any; only a bound by noise levels asks for them.
    """

    piece: int
    window: Window
    new: int
    known: np.ndarray | None = None

    @property
    def given(self) -> np.ndarray:
        """bool[T, V], all cells that are given."""
        frames = self.window.frames
        before = np.arange(len(frames)) < self.new
        known = np.zeros(self.window.tokens.shape, bool) if self.known is None else self.known
        return (before[:, None] | known) & frames[:, None]


@dataclasses.dataclass(frozen=True, eq=False)
class Likelihood:
    """`-log p` of each of P pieces.

    Attributes:
      nats: float[P].
      frames: int[P].
    """

    nats: np.ndarray
    frames: np.ndarray

    @property
    def per_frame(self) -> float:
        """Nats per frame, a ratio of sums."""
        return float(self.nats.sum() / self.frames.sum())

    @property
    def error(self) -> float:
        """Standard error of `per_frame`, bootstrapped over pieces."""
        return standard_error(self.nats, self.frames)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `per_frame`, bootstrapped over pieces."""
        _, low, high = ratio_interval(self.nats, self.frames)
        return low, high


@dataclasses.dataclass(frozen=True, eq=False)
class Bound(Likelihood):
    """Upper bounds on it."""


@dataclasses.dataclass(frozen=True, eq=False)
class NoiseBound(Bound):
    """Those of a score model.

    Attributes:
      terms: the share in nats per frame of "integral", "prior" and "reconstruction".
      log_sigma: float[BINS], the middle of each bin.
      density: float[BINS], nats per frame and unit of log sigma: where the model is ignorant.
    """

    terms: dict[str, float]
    log_sigma: np.ndarray
    density: np.ndarray


def parts_of(pieces: Sequence[Piece], vocabulary: Vocabulary, length: int, stride: int,
             tracks: Sequence[int]) -> list[Part]:
    """The windows by which whole pieces are measured.

    Args:
      pieces: what is measured.
      vocabulary: what the tokens mean.
      length: frames of a window; 0 for each piece whole.
      stride: new frames of every window but a piece's first, which is all new.
      tracks: indices of the conditioning tracks that are given.
    """
    parts = []
    for index, piece in enumerate(pieces):
        size = length or -(-len(piece) // WHOLE) * WHOLE  # few sizes, each compiled once
        done = 0
        while done < len(piece):
            # Every window but the first is full up to its end or the piece's.
            end = min(done + (stride if done else size), len(piece))
            start = max(end - size, 0)
            window = cut(piece, start, size, vocabulary)
            withheld = [i for i in range(window.tracks.shape[-1]) if i not in tracks]
            window.tracks[:, withheld] = 0
            parts.append(Part(index, window, done - start))
            done = end
    return parts


Measure = Callable[..., Any]


def build_measure(denoiser: Callable[..., Denoise], table_of: Callable[..., jax.Array]) -> Measure:
    """A jitted function from parameters and a batch to the three terms, float32[B] each.

    It takes (params, keys [B], tokens int32[B, T, V], tracks int32[B, T, C], frames bool[B, T],
    known bool[B, T, V], sigma float32[B], frequencies float32[V, K], ends float32[2]): known cells
    are given, the integrand is measured at sigma, and ends are the smallest and largest one.

    A model that states only a mean is measured by what `from_mean` makes of it: clipped to the
    simplex of each voice.

    Args:
      denoiser: parameters to a denoiser.
      table_of: parameters to the embedding table.
    """
    @jax.jit
    def measure(params: Any, keys: jax.Array, tokens: jax.Array, tracks: jax.Array,
                frames: jax.Array, known: jax.Array, sigma: jax.Array, frequencies: jax.Array,
                ends: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        table = table_of(params)
        denoise = denoiser(params)
        x = embed(table, tokens)
        condition = Condition(tracks, frames, known, jnp.where(known, tokens, 0))
        unknown = frames[..., None] & ~known
        mask = coordinates(table, unknown)

        def noisy(at: jax.Array, fold: int) -> jax.Array:
            key = jax.vmap(lambda k: jax.random.fold_in(k, fold))(keys)
            one = jax.vmap(lambda k, a, s: perturb(k, a[None], s[None])[0][0])
            return one(key, x, at)

        mean = from_logits(table, denoise(noisy(sigma, 0), sigma, condition).logits).mean
        clean = jnp.full_like(sigma, ends[0])
        rebuilt = cross_entropy(
            denoise(noisy(clean, 1), clean, condition).logits, tokens, unknown)
        centre = jnp.einsum("vk,vkd->d", frequencies, table)
        return integrand(mean, x, sigma, mask), prior(x, centre, ends[1], mask), rebuilt

    return measure


def bound(measure: Measure, params: object, parts: Sequence[Part], frequencies: np.ndarray,
          draws: int, sigma_min: float, sigma_max: float, batch_size: int, seed: int = 0,
          progress: bool = False) -> NoiseBound:
    """The bound over the pieces that the parts make up.

    Args:
      measure: from `build_measure`.
      params: the model's parameters.
      parts: from `parts_of`; frames in which all cells are given do not count.
      frequencies: float[V, K], the share of each token in the training data.
      draws: noise levels per part, stratified over log sigma.
      sigma_min: where the integral ends and reconstruction begins.
      sigma_max: where the prior takes over.
      batch_size: parts at once.
      seed: of the fixed list of noise draws.
      progress: whether to show a bar.
    """
    low, high = np.log(sigma_min), np.log(sigma_max)

    def uniform(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return low + u * (high - low), np.full_like(u, high - low)

    return _bound(measure, params, parts, frequencies, draws, uniform, (sigma_min, sigma_max),
                  batch_size, seed, progress)


def ladder_bound(measure: Measure, params: object, parts: Sequence[Part], frequencies: np.ndarray,
                 draws: int, sigmas: np.ndarray, batch_size: int, seed: int = 0,
                 progress: bool = False) -> NoiseBound:
    """The bound for ancestral sampling down a ladder, if the last tokens are drawn.

    Ancestral steps (`sampling.predictors.ancestral`) are a model with latent states: the divergence
    of a step from sigma to sigma' is `|x - D|^2 (1 / sigma'^2 - 1 / sigma^2) / 2`. That of other
    samplers is not known. Composing takes the most probable of the last tokens instead.

    Args:
      measure, params, parts, frequencies, draws, batch_size, seed, progress: as of `bound`, the
        noise levels being drawn from the rungs with equal chances.
      sigmas: float[L], descending.
    """
    levels = np.asarray(sigmas, np.float64)
    rungs = len(levels) - 1

    def rung(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        index = np.minimum((u * rungs).astype(int), rungs - 1)
        here, there = levels[index], levels[index + 1]
        return np.log(here), rungs * (np.square(here / there) - 1) / 2

    return _bound(measure, params, parts, frequencies, draws, rung, (levels[-1], levels[0]),
                  batch_size, seed, progress)


# (params, condition, tokens int32[B, T, V]) -> logits [B, T, V, K], of each cell given those before
Logits = Callable[[Any, Condition, jax.Array], jax.Array]


def build_exact(logits: Logits) -> Measure:
    """A jitted function from a left-to-right model to `-log p` of a batch, float32[B].

    It takes (params, tokens int32[B, T, V], tracks int32[B, T, C], frames bool[B, T], new int32[B])
    and counts the frames from `new` on.
    """
    @jax.jit
    def measure(params: Any, tokens: jax.Array, tracks: jax.Array, frames: jax.Array,
                new: jax.Array) -> jax.Array:
        condition = Condition.free(tracks)._replace(frames=frames)
        counts = frames & (jnp.arange(tokens.shape[1]) >= new[:, None])
        return cross_entropy(logits(params, condition, tokens), tokens,
                             jnp.broadcast_to(counts[..., None], tokens.shape))

    return measure


def exact(measure: Measure, params: object, parts: Sequence[Part], batch_size: int,
          progress: bool = False) -> Likelihood:
    """The likelihood of the pieces that the parts make up, under a left-to-right model.

    Args:
      measure: from `build_exact`.
      params, parts, batch_size, progress: as of `bound`.
    """
    pieces = max(part.piece for part in parts) + 1
    nats, frames = np.zeros(pieces), np.zeros(pieces, int)
    for chosen in tqdm(list(batches(parts, _each(parts), batch_size)), disable=not progress,
                       desc="likelihood", unit="batch", leave=False):
        some = [parts[i] for i, _ in chosen]
        batch, new = stack([part.window for part in some]), np.array([part.new for part in some])
        owner = np.array([part.piece for part in some])
        np.add.at(nats, owner, np.asarray(measure(params, *batch, new), np.float64))
        np.add.at(frames, owner, batch.frames.sum(1) - new)
    return Likelihood(nats, frames)


# u float[N] in [0, 1) -> log sigma, and the weight of the integrand there, float[N] each.
Levels = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _bound(measure: Measure, params: object, parts: Sequence[Part], frequencies: np.ndarray,
           draws: int, levels: Levels, ends: tuple[float, float], batch_size: int, seed: int,
           progress: bool) -> NoiseBound:
    """The bound whose first term is a mean over u; ends are the smallest and the largest sigma."""
    low, high = np.log(ends)
    shift = np.random.default_rng(seed).random(len(parts))
    base = jax.random.key(seed)
    pieces = max(part.piece for part in parts) + 1
    integral, fixed, frames = np.zeros(pieces), np.zeros((2, pieces)), np.zeros(pieces)
    binned, counted = np.zeros(BINS), np.zeros(BINS)
    for chosen in tqdm(list(batches(parts, _each(parts, draws), batch_size)), disable=not progress,
                       desc="bound", unit="batch", leave=False):
        index = np.array([i for i, _ in chosen])
        u = (np.array([j for _, j in chosen]) + shift[index]) / draws
        batch = stack([parts[i].window for i in index])
        known = np.stack([parts[i].given for i in index])
        keys = jax.vmap(lambda i: jax.random.fold_in(base, i))(
            jnp.array([i * draws + j for i, j in chosen]))
        log_sigma, weights = levels(u)
        terms = measure(params, keys, *batch, known, jnp.asarray(np.exp(log_sigma), jnp.float32),
                        jnp.asarray(frequencies, jnp.float32), jnp.array(ends, jnp.float32))
        slope, before, rebuilt = (np.asarray(term, np.float64) for term in terms)
        owner = np.array([parts[i].piece for i in index])
        count = (batch.frames & ~known.all(axis=-1)).sum(1)
        np.add.at(integral, owner, slope * weights / draws)
        for total, term in zip(fixed, (before, rebuilt), strict=True):
            np.add.at(total, owner, term / draws)
        np.add.at(frames, owner, count / draws)
        place = (log_sigma - low) / (high - low)
        bins = np.clip((place * BINS).astype(int), 0, BINS - 1)
        np.add.at(binned, bins, slope)
        np.add.at(counted, bins, count)
    whole = frames.round().astype(int)
    shares = np.array([integral.sum(), *fixed.sum(1)]) / whole.sum()
    middle = low + (np.arange(BINS) + 0.5) / BINS * (high - low)
    terms = zip(("integral", "prior", "reconstruction"), map(float, shares), strict=True)
    return NoiseBound(integral + fixed.sum(0), whole, dict(terms), middle,
                      binned / np.maximum(counted, 1))


def _each(parts: Sequence[Part], draws: int = 1) -> Iterator[tuple[int, int]]:
    """All (part, draw)."""
    return itertools.product(range(len(parts)), range(draws))


def batches(parts: Sequence[Part], asked: Iterable[tuple[int, int]],
            size: int) -> Iterator[list[tuple[int, int]]]:
    """(part, draw) pairs in batches of windows of equal length."""
    by_length: dict[int, list[tuple[int, int]]] = {}
    for part, number in asked:
        by_length.setdefault(len(parts[part].window.frames), []).append((part, number))
    for pairs in by_length.values():
        for start in range(0, len(pairs), size):
            yield pairs[start:start + size]
