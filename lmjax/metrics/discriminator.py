"""A judge that was told nothing: a small network that learns to tell two sets of windows apart.

It reads what does not change if all is transposed: the intervals between voices, how each has moved
and what is struck. Every window is judged by a network trained on others only (cross-validation,
folds by piece), so what is learned by heart does not count. The area under the curve is 0.5 where
the two sets cannot be told apart, by this judge.
"""

import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lmjax.metrics.distances import auc
from lmjax.music.chorale import REST, VOICES, Chorale

FOLDS, SEEDS = 5, 4
WIDTH, HEARD = 16, 8  # channels, and frames that are heard together
STEPS, LEARNING_RATE, WEIGHT_DECAY = 120, 1e-2, 1e-2
LARGEST_STEP = 12  # semitones; larger ones are not told apart
PITCH_CLASSES = 12

Params = dict[str, jax.Array]


def features(window: Chorale) -> np.ndarray:
    """Of every frame, float32[T, F]: the interval of each pair of voices modulo the octave, and
    which is higher; the step of each voice since the frame before; what is struck, and rests."""
    pitch, struck = window.pitch.astype(int), window.struck
    rests = pitch == REST
    parts = [struck, rests]
    for upper, lower in itertools.combinations(range(len(VOICES)), 2):
        sounding = ~(rests[:, upper] | rests[:, lower])
        interval = pitch[:, upper] - pitch[:, lower]
        one_hot = interval[:, None] % PITCH_CLASSES == np.arange(PITCH_CLASSES)
        parts += [one_hot & sounding[:, None], ((interval < 0) & sounding)[:, None]]
    step = np.diff(pitch, axis=0, prepend=pitch[:1]).clip(-LARGEST_STEP, LARGEST_STEP)
    moved = ~rests & ~np.concatenate([rests[:1], rests[:-1]]) & (step != 0)
    steps = step[..., None] == np.arange(-LARGEST_STEP, LARGEST_STEP + 1)
    parts.append((steps & moved[..., None]).reshape(len(pitch), -1))
    return np.concatenate(parts, axis=1).astype(np.float32)


def strikes(window: Chorale) -> np.ndarray:
    """Of every frame, float32[T, 4], in which voices a note begins: rhythm, and no pitch."""
    return window.struck.astype(np.float32)


def init(key: jax.Array, size: int) -> Params:
    """Fresh parameters for windows of so many features a frame."""
    keys = jax.random.split(key, 3)
    return {"frame": jax.random.normal(keys[0], (size, WIDTH)) * size**-0.5,
            "heard": jax.random.normal(keys[1], (HEARD, WIDTH, WIDTH)) * (HEARD * WIDTH)**-0.5,
            "bias": jnp.zeros((2, WIDTH)),
            "out": jax.random.normal(keys[2], (2 * WIDTH,)) * WIDTH**-0.5}


def logits(params: Params, windows: jax.Array) -> jax.Array:
    """How surely windows float32[N, T, F] are of the first set, float32[N]."""
    frame = jax.nn.gelu(windows @ params["frame"] + params["bias"][0])
    heard = jax.nn.gelu(params["bias"][1] + sum(
        frame[:, i:frame.shape[1] - HEARD + 1 + i] @ params["heard"][i] for i in range(HEARD)))
    pooled = jnp.concatenate([heard.mean(axis=1), heard.max(axis=1)], axis=-1)
    return pooled @ params["out"]


@jax.jit
def _fit(key: jax.Array, windows: jax.Array, labels: jax.Array, weights: jax.Array) -> jax.Array:
    """Trains on the windows that have a weight, float32[N]; the logits of all."""
    optimizer = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def loss(params: Params) -> jax.Array:
        found = optax.sigmoid_binary_cross_entropy(logits(params, windows), labels)
        return (found * weights).sum() / weights.sum()

    def step(carry: tuple[Params, optax.OptState], _: None,
             ) -> tuple[tuple[Params, optax.OptState], None]:
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    params = init(key, windows.shape[-1])
    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), None, STEPS)
    return logits(params, windows)


def told_apart(samples: Sequence[Chorale], bach: Sequence[Chorale],
               seed: int = 0, heard: Callable[[Chorale], np.ndarray] = features,
               ) -> tuple[float, float, float]:
    """How well samples are told from Bach: the area under the curve and its 95 % interval.

    Sets count alike, however large. What is compared is the mean logit of a window over `SEEDS`
    networks and ways to fold.

    Args:
      samples, bach: windows of one length, each of another piece.
      seed: of folds and networks.
      heard: what a network hears of a window, float32[T, F].

    Raises:
      ValueError: if a set has too few windows to be folded.
    """
    sizes = len(samples), len(bach)
    if min(sizes) < FOLDS:
        raise ValueError(f"a discriminator needs {FOLDS} windows of each kind, not {min(sizes)}")
    windows = jnp.asarray(np.stack([heard(window) for window in (*samples, *bach)]))
    labels = np.repeat([1.0, 0.0], sizes)
    balance = np.repeat([1 / sizes[0], 1 / sizes[1]], sizes)
    scores = np.zeros(len(labels))
    for number in range(SEEDS):
        generator = np.random.default_rng((seed, number))
        fold = np.concatenate([generator.permutation(size) % FOLDS for size in sizes])
        for held in range(FOLDS):
            key = jax.random.fold_in(jax.random.key(seed), number * FOLDS + held)
            found = np.asarray(_fit(key, windows, labels, balance * (fold != held)))
            scores[fold == held] += found[fold == held] / SEEDS
    return auc(scores[:sizes[0]], scores[sizes[0]:], seed)
