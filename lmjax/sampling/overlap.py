"""Long pieces as one state, which a network reads in overlapping windows at every step.

A network that has learned from windows is asked of a long piece window by window, each beginning in
the middle of the one before, and of each frame the window is believed in whose middle it lies. All
of them read one state, which the sampler moves as it moves any other, so what one decides the
others hear of at the next step, and no music is composed before other (after Bar-Tal et al. 2023,
"MultiDiffusion").
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Span(NamedTuple):
    """A window: the frame in which it begins, and from which and up to which it is believed."""

    start: int
    first: int
    last: int


def stretched(frames: int, length: int, step: int) -> int:
    """The least number of frames, not below `frames`, that windows of a length fill which each
    begin a step after the one before."""
    return length + max(0, -(-(frames - length) // step)) * step


def spans(frames: int, length: int, step: int) -> list[Span]:
    """The windows of a piece, `frames` as `stretched` gives them."""
    assert frames >= length and (frames - length) % step == 0
    starts = range(0, frames - length + 1, step)
    # Between two windows, in the middle of what both read.
    turns = [start + (step + length) // 2 for start in starts[:-1]]
    return list(map(Span, starts, [0, *turns], [*turns, frames]))


def apart(values: jax.Array, each: Sequence[Span], length: int) -> jax.Array:
    """The windows of pieces [B, T, ...], one after the other: [windows B, length, ...]."""
    return jnp.concatenate([values[:, span.start:span.start + length] for span in each])


def joined(said: jax.Array, each: Sequence[Span]) -> jax.Array:
    """What windows say of their frames, [windows B, length, ...], of pieces: [B, T, ...]."""
    return jnp.concatenate([
        part[:, span.first - span.start:span.last - span.start]
        for part, span in zip(jnp.split(said, len(each)), each, strict=True)], axis=1)
