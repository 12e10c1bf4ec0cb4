"""Rhythms of which it is known how lively they are."""

import numpy as np
import pytest

from lmjax.judge import notes_of
from lmjax.metrics.liveliness import ROWS, SPREADS, count, table

BEATS = 4


def window(eighths=(), again=()):
    """Four beats of quarters, each on another pitch; voices that move on the off-beat eighths, and
    voices that strike their pitch again there."""
    pitch = np.repeat(np.arange(60, 60 + BEATS), 4)[:, None] + np.zeros(4, np.int16)
    struck = np.zeros(pitch.shape, bool)
    struck[::4] = True
    for voice in (*eighths, *again):
        struck[2::4, voice] = True
    for voice in eighths:
        pitch.reshape(BEATS, 4, 4)[:, 2:, voice] += 20
    return notes_of(pitch.astype(np.int16), struck)


def test_what_is_struck_off_the_beat_and_on_its_pitch_is_counted():
    assert count(window()) == {"eighths": (0, 4 * BEATS), "again": (0, 60)}
    assert count(window(eighths=[0])) == {"eighths": (BEATS, 4 * BEATS), "again": (0, 60)}
    assert count(window(again=[1, 2])) == {"eighths": (2 * BEATS, 4 * BEATS), "again": (8, 60)}


def test_a_rest_is_not_struck_again():
    pitch = np.full((8, 4), -1, np.int16)
    assert count(notes_of(pitch, np.zeros(pitch.shape, bool)))["again"] == (0, 28)


def test_pieces_that_differ_have_the_mean_of_those_that_are_alike_and_another_spread():
    alike = table([window(eighths=[0, 1])] * 6)
    differing = table([window(), window(eighths=[0, 1, 2, 3])] * 3)
    mean, spread = ROWS["eighths"].label, SPREADS["eighths"].label
    assert alike[mean][0] == differing[mean][0] == 50
    assert alike[spread] == (0, 0, 0)
    assert differing[spread][0] == pytest.approx(100 * np.std([0, 1] * 3, ddof=1))
    assert differing[spread][1] < differing[spread][0]
    assert table([window()]).keys() == {row.label for row in ROWS.values()}


def test_nothing_to_count():
    with pytest.raises(ValueError, match="at least one piece"):
        table([])
