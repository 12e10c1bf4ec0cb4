"""Whether there is any music that holds what is asked of its voices together."""

import numpy as np

from lmjax.music.chorale import REST, VOICES
from lmjax.requests.request import SILENCE, Together


def first_impossible(allowed: np.ndarray, held: np.ndarray, together: Together) -> int | None:
    """The first frame such that no music up to and with it holds all that is asked.

    Reachability over the pitches of all four voices, frame after frame, so it is exact: what a held
    note is asked for in one frame counts in all the others in which it sounds.

    Args:
      allowed: bool[T, 4, 129], the pitches and, last, silence that cells may have.
      held: bool[T, 4], the cells that go on with what sounded before.
      together: what the voices of a frame have to be.

    Returns:
      None if there is such music for all frames.
    """
    chords: dict[bytes, np.ndarray] = {}
    before: list[np.ndarray] = []
    # Whatever was before the first frame.
    reached: np.ndarray = np.ones((1,) * len(VOICES), bool)
    for frame, may in enumerate(allowed):
        asked = Together._make(np.asarray(part[frame])[None] for part in together)
        signature = may.tobytes() + b"".join(part.tobytes() for part in asked)
        pitches = [np.flatnonzero(row) for row in may]
        if signature not in chords:
            chords[signature] = _chords(pitches, asked)
        for voice, now in enumerate(pitches):
            if not held[frame, voice]:
                reached = np.any(reached, axis=voice, keepdims=True)
            elif frame:
                same = now[:, None] == before[voice]
                same_place = np.take(reached, same.argmax(axis=1), axis=voice)
                shape = [-1 if other == voice else 1 for other in range(len(VOICES))]
                reached = same_place & same.any(axis=1).reshape(shape)
        reached = chords[signature] & reached
        if not reached.any():
            return frame
        before = pitches
    return None


def _chords(pitches: list[np.ndarray], asked: Together) -> np.ndarray:
    """Which chords of some pitches of each voice are as is asked of one frame, an axis a voice."""
    shape = tuple(map(len, pitches))
    if not (asked.order.any() or asked.least.any() or asked.most.any()):
        return np.ones(shape, bool)
    every = np.stack(np.meshgrid(*pitches, indexing="ij"), axis=-1).reshape(-1, len(VOICES))
    every = np.where(every == SILENCE, REST, every)
    return ~asked.broken(every).reshape(shape)
