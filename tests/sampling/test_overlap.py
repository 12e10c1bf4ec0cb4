"""Long pieces by overlapping windows."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmjax.sampling.overlap import apart, joined, spans, stretched


@pytest.mark.parametrize("frames, length, step, expected", [
    (16, 16, 8, [(0, 0, 16)]),
    (32, 16, 8, [(0, 0, 12), (8, 12, 20), (16, 20, 32)]),
    (36, 20, 8, [(0, 0, 14), (8, 14, 22), (16, 22, 36)]),
])
def test_windows_over_a_piece(frames, length, step, expected):
    assert spans(frames, length, step) == expected


@given(st.integers(1, 500), st.integers(2, 60).flatmap(
    lambda length: st.tuples(st.just(length), st.integers(1, length // 2))))
def test_every_frame_is_believed_of_one_window_that_reads_around_it(frames, sizes):
    length, step = sizes
    whole = stretched(frames, length, step)
    assert frames <= whole < max(frames, length) + step
    each = spans(whole, length, step)
    assert each[0][:2] == (0, 0) and each[-1].last == whole == each[-1].start + length
    for before, after in itertools.pairwise(each):
        assert after.start == before.start + step and after.first == before.last
        overlap = length - step
        assert after.first - after.start >= overlap // 2  # frames that it has heard before
        assert before.start + length - before.last >= overlap // 2


def test_what_hears_no_further_than_windows_overlap_says_the_same():
    """The sum of a frame and its neighbours, up to 3 to each side: in windows of 16 frames, each
    beginning 8 after the one before, it is that of the whole; with 5 to each side it is not."""
    x = jax.random.normal(jax.random.key(0), (2, 40, 3))

    def around(values, reach):
        return jax.lax.reduce_window(values, 0.0, jax.lax.add, (1, 2 * reach + 1, 1), (1, 1, 1),
                                     ((0, 0), (reach, reach), (0, 0)))

    each = spans(40, 16, 8)
    windows = apart(x, each, 16)
    assert windows.shape == (8, 16, 3)
    np.testing.assert_array_equal(joined(windows, each), x)
    np.testing.assert_allclose(joined(around(windows, 3), each), around(x, 3), atol=1e-5)
    assert jnp.abs(joined(around(windows, 5), each) - around(x, 5)).max() > 0.1
