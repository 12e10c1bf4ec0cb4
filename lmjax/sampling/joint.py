"""The most probable chorale in which relations of frames hold as well as the legality of voices.

Viterbi's algorithm over frames of all voices. A frame has K^V states, so of each cell only some
tokens are tried: the likeliest, and then all that could still be part of a better chorale than the
one that has been found. No chorale with a token k in a cell can be better than the best without
relations, less what the voice by itself loses by k there; so when those tokens are all tried, what
was found is the best of all.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lmjax.noise.condition import Relations
from lmjax.noise.embed import NEVER

WIDTHS = (3, 6)  # tokens of a cell that are tried, one number after the other
IMPOSSIBLE = -np.inf


class Found(NamedTuple):
    """A chorale.

    Attributes:
      tokens: int32[T, V].
      exact: whether it is certain that none is more probable.
    """

    tokens: np.ndarray
    exact: bool


def decode_jointly(logits: np.ndarray, legal: tuple[np.ndarray, np.ndarray],
                   relations: Relations) -> Found | None:
    """The most probable chorale that is legal and holds all relations.

    Args:
      logits: float[T, V, K], as of independent cells; at most NEVER where a token is forbidden.
      legal: bool[V, K] and bool[V, K, K], which tokens may begin and which may follow which.
      relations: of these frames, without an axis B.

    Returns:
      None if there is none.
    """
    pitches = np.asarray(relations.sounds).argmax(-1) - 1
    log_p = _log_softmax(logits)
    losses, best = _losses(log_p, legal)
    rank = np.argsort(np.argsort(losses, axis=-1), axis=-1)
    needed = np.isfinite(losses)
    extra = np.zeros(losses.shape, bool)
    found = None
    for width in WIDTHS:
        tried = needed & ((rank < width) | extra)
        path = _viterbi(log_p, legal, relations, pitches, tried)
        if path is None:
            if not extra.any():
                extra = _helpful(log_p, losses, relations, pitches)
            continue
        tokens, value = path
        found = tokens
        # Room for the rounding of sums.
        needed = losses <= best - value + 1e-6 * (1 + abs(best))
        if not (needed & ~tried).any():
            return Found(tokens, True)
    if found is None:
        path = _viterbi(log_p, legal, relations, pitches, np.isfinite(losses) & extra)
        found = None if path is None else path[0]
    return None if found is None else Found(found, False)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, float)
    logits = np.where(logits > NEVER / 2, logits, IMPOSSIBLE)
    peak = logits.max(-1, keepdims=True)
    return logits - peak - np.log(np.exp(logits - peak).sum(-1, keepdims=True))


def _losses(log_p: np.ndarray, legal: tuple[np.ndarray, np.ndarray],
            ) -> tuple[np.ndarray, float]:
    """What each voice by itself loses by a token in a cell, float[T, V, K]; and the sum of the
    voices' best log probabilities."""
    start, follow = legal
    penalty = np.where(follow, 0.0, IMPOSSIBLE)
    forward, backward = np.empty_like(log_p), np.zeros_like(log_p)
    forward[0] = log_p[0] + np.where(start, 0.0, IMPOSSIBLE)
    for t in range(1, len(log_p)):
        forward[t] = log_p[t] + (forward[t - 1][:, :, None] + penalty).max(1)
    for t in range(len(log_p) - 2, -1, -1):
        backward[t] = (penalty + (log_p[t + 1] + backward[t + 1])[:, None, :]).max(2)
    through = forward + backward
    best = through.max(-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        losses = np.where(np.isfinite(through), best - through, np.inf)
    return losses, float(best[0].sum())


def _viterbi(log_p: np.ndarray, legal: tuple[np.ndarray, np.ndarray], relations: Relations,
             pitches: np.ndarray, tried: np.ndarray) -> tuple[np.ndarray, float] | None:
    """The best chorale of the tokens bool[T, V, K] that are tried, and its log probability."""
    start, follow = legal
    voices = range(log_p.shape[1])
    before: list[np.ndarray] = []
    value = np.zeros(())
    came_from: list[list[np.ndarray]] = []
    tokens_of = []
    for t in range(len(log_p)):
        now = [np.flatnonzero(tried[t, v] & (start[v] if t == 0 else True)) for v in voices]
        if not all(map(len, now)):
            return None
        stages = []
        if t > 0:
            for v in voices:
                may = follow[v][np.ix_(before[v], now[v])]
                # Most tokens may follow any other, so there are few kinds of them.
                kinds, which = np.unique(may, axis=1, return_inverse=True)
                rows = np.moveaxis(value, v, 0)
                options = [np.where(kind.reshape(-1, *(1,) * (rows.ndim - 1)), rows, IMPOSSIBLE)
                           for kind in kinds.T]
                best = [row.argmax(0) for row in options]
                reached = [np.take_along_axis(row, at[None], 0)[0]
                           for row, at in zip(options, best, strict=True)]
                value = np.moveaxis(np.stack(reached)[which.ravel()], 0, v)
                stages.append(np.moveaxis(np.stack(best)[which.ravel()], 0, v).astype(np.int16))
        frame = sum(log_p[t, v, now[v]].reshape([-1 if u == v else 1 for u in voices])
                    for v in voices)
        holds = _holds(relations, t, [pitches[v][now[v]] for v in voices], now)
        value = np.where(holds, value + frame, IMPOSSIBLE)
        if not np.isfinite(value).any():
            return None
        before = now
        came_from.append(stages)
        tokens_of.append(now)
    place = [int(index) for index in np.unravel_index(int(value.argmax()), value.shape)]
    tokens = np.empty(log_p.shape[:2], np.int32)
    for t in range(len(log_p) - 1, -1, -1):
        tokens[t] = np.array([tokens_of[t][v][place[v]] for v in voices], np.int32)
        for v, stage in reversed(list(enumerate(came_from[t]))):
            place[v] = int(stage[tuple(place)])
    return tokens, float(value.max())


def _holds(relations: Any, t: int, pitch: Sequence[np.ndarray],
           tokens: Sequence[np.ndarray]) -> np.ndarray:
    """Whether a frame of so many tokens of each voice holds its relations, one axis a voice."""
    voices = range(len(tokens))

    def along(values: np.ndarray, voice: int) -> np.ndarray:
        return values.reshape([-1 if u == voice else 1 for u in voices])

    holds = np.ones([len(row) for row in tokens], bool)
    if relations.order[t]:
        for high, low in itertools.combinations(voices, 2):
            upper, lower = along(pitch[high], high), along(pitch[low], low)
            holds &= (upper < 0) | (lower < 0) | (upper >= lower)
    for r in np.flatnonzero(relations.least[t] | relations.most[t]):
        count = np.zeros(holds.shape, int)
        for v in voices:
            count += along(relations.groups[t, r, v][tokens[v]], v)
        if relations.least[t, r]:
            holds &= count >= 1
        if relations.most[t, r]:
            holds &= count <= 1
    return holds


def _helpful(log_p: np.ndarray, losses: np.ndarray, relations: Relations,
             pitches: np.ndarray) -> np.ndarray:
    """bool[T, V, K]: the tokens with the pitches of some chord for each frame that holds its
    relations, and of those for the frames beside it."""
    possible = np.isfinite(losses)
    wanted = []
    for t in range(len(losses)):
        for tokens in _chords(losses[t], possible[t], relations, t, pitches):
            wanted.append([pitches[v][k] for v, k in enumerate(tokens)])
            break
        else:
            wanted.append([None] * len(pitches))
    helpful = np.zeros(losses.shape, bool)
    for t in range(len(losses)):
        for near in wanted[max(t - 4, 0):t + 5]:
            for v, pitch in enumerate(near):
                if pitch is not None:
                    helpful[t, v] |= possible[t, v] & (pitches[v] == pitch)
    return helpful


def _chords(losses: np.ndarray, possible: np.ndarray, relations: Any, t: int,
            pitches: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Tokens of a frame that hold its relations, voice after voice, the likelier first."""
    groups = np.flatnonzero(relations.least[t] | relations.most[t])

    def go(voice: int, chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        counts = [sum(int(relations.groups[t, r, v, k]) for v, k in enumerate(chosen))
                  for r in groups]
        if any(n > 1 and relations.most[t, r] for n, r in zip(counts, groups, strict=True)):
            return
        lacking = sum(n < 1 and relations.least[t, r] for n, r in zip(counts, groups, strict=True))
        if voice == len(pitches):
            if not lacking:
                yield chosen
            return
        above = [pitches[v][k] for v, k in enumerate(chosen) if pitches[v][k] >= 0]
        tokens = np.flatnonzero(possible[voice])
        for k in tokens[np.argsort(losses[voice, tokens], kind="stable")]:
            pitch = pitches[voice][k]
            if relations.order[t] and pitch >= 0 and above and pitch > min(above):
                continue
            yield from go(voice + 1, (*chosen, int(k)))

    return go(0, ())
