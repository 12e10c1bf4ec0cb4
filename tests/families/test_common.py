"""What networks are told of the tokens that are allowed."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from lmjax.families.common import hears_sets, windows_of
from lmjax.music import rhythm
from lmjax.noise.condition import Condition
from lmjax.sampling.constraints import without_sets
from lmjax.sampling.overlap import spans, stretched
from lmjax.settings import from_config


@pytest.mark.parametrize("allowed, told", [(0.1, True), (0.0, False)])
def test_sets_are_told_to_those_that_know_them(allowed, told):
    settings = from_config(base.get_config())
    condition = dataclasses.replace(settings.condition, allowed=allowed)
    assert hears_sets(dataclasses.replace(settings, condition=condition)) == told


def test_without_sets_a_cell_that_is_left_one_token_is_given():
    allowed = np.ones((1, 2, 4, 5), bool)
    allowed[0, 0, 1] = np.arange(5) == 3
    allowed[0, 1, 2] = np.arange(5) >= 3
    condition = Condition.free(jnp.ones((1, 2, 3), jnp.int32))
    condition = condition._replace(known=condition.known.at[0, 1, 0].set(True),
                                   tokens=condition.tokens.at[0, 1, 0].set(2))
    assert without_sets(condition) is condition
    found = without_sets(condition._replace(allowed=jnp.asarray(allowed)))
    assert found.allowed is None
    known, tokens = np.zeros((2, 1, 2, 4), int)
    known[0, 0, 1], tokens[0, 0, 1] = 1, 3
    known[0, 1, 0], tokens[0, 1, 0] = 1, 2
    np.testing.assert_array_equal(found.known, known)
    np.testing.assert_array_equal(found.tokens, tokens)
    np.testing.assert_array_equal(found.tracks, condition.tracks)


def test_windows_are_told_what_they_would_be_in_training():
    """Of a piece of 44 frames and one of 40 that fills as many windows, padded."""
    each, (generator, frames) = spans(stretched(44, 16, 8), 16, 8), (np.random.default_rng(0), 48)
    whole = [rhythm.tracks(length, sharps=1) for length in (44, 40)]
    tracks = np.stack([np.pad(one, ((0, frames - len(one)), (0, 0))) for one in whole])
    known, tokens, allowed = (generator.integers(0, 2, (2, frames, 4, *size)).astype(kind)
                              for size, kind in (((), bool), ((), int), ((5,), bool)))
    exists = np.arange(frames) < np.array([[44], [40]])
    told = windows_of(Condition(*map(jnp.asarray, (tracks, exists, known, tokens, allowed))),
                      each, 16)
    assert told.tracks.shape == (10, 16, len(rhythm.SIZES)) and told.relations is None
    for number, (start, _, _) in enumerate(each):
        for piece in range(2):
            cropped = rhythm.crop(whole[piece], start, start + 16)
            own, row = slice(start, start + 16), 2 * number + piece
            np.testing.assert_array_equal(told.tracks[row, :len(cropped)], cropped)
            assert not told.tracks[row, len(cropped):].any()
            for mine, all_of_it in ((told.frames, exists), (told.known, known),
                                    (told.tokens, tokens), (told.allowed, allowed)):
                np.testing.assert_array_equal(mine[row], all_of_it[piece, own])
