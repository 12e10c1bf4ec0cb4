"""What voices can be together, against all the music that there is."""

import itertools

import numpy as np
import pytest

from lmjax.music.chorale import REST
from lmjax.requests.feasible import first_impossible
from lmjax.requests.request import SILENCE, Together

PITCHES = (60, 61, 62, SILENCE)


def first_by_force(allowed, held, together):
    """By trying all chords of every frame after each of those that were left before it."""
    left = None
    for frame in range(len(allowed)):
        part = Together._make(np.asarray(values)[frame:frame + 1] for values in together)
        chords = [chord for chord in itertools.product(*map(np.flatnonzero, allowed[frame]))
                  if not part.broken(np.array([[REST if p == SILENCE else p for p in chord]]))[0]]
        if left is not None:
            chords = [chord for chord in chords if any(
                all(now == before or not over for now, before, over in zip(
                    chord, earlier, held[frame], strict=True)) for earlier in left)]
        if not chords:
            return frame
        left = chords
    return None


@pytest.mark.parametrize("seed", range(40))
def test_the_first_frame_that_cannot_be(seed):
    rng = np.random.default_rng(seed)
    frames, groups = 4, 2
    allowed = np.zeros((frames, 4, SILENCE + 1), bool)
    allowed[..., PITCHES] = rng.random((frames, 4, len(PITCHES))) < 0.6
    allowed[..., 60] |= ~allowed.any(axis=-1)
    held = rng.random((frames, 4)) < 0.6
    held[0] = False
    sets = np.zeros((frames, groups, SILENCE), bool)
    sets[..., PITCHES[:3]] = rng.random((frames, groups, 3)) < 0.5
    together = Together(rng.random(frames) < 0.5, sets, rng.random((frames, groups)) < 0.5,
                        rng.random((frames, groups)) < 0.5)
    expected = first_by_force(allowed, held, together)
    assert first_impossible(allowed, held, together) == expected


def test_a_held_note_counts_in_both_frames():
    """The same can be if it is struck anew, and cannot be if it is held."""
    nothing = Together.open(2, 1)
    allowed = np.zeros((2, 4, SILENCE + 1), bool)
    allowed[..., [60, 62]] = True
    still = np.ones((2, 4), bool)
    assert first_impossible(allowed, still, nothing) is None
    allowed[1, :, 60] = False
    one = np.zeros((2, 1, SILENCE), bool)
    one[0, 0, 60] = True
    wanted = nothing._replace(groups=one, least=np.array([[True], [False]]))
    assert first_impossible(allowed, ~still, wanted) is None
    assert first_impossible(allowed, still, wanted) == 1
