"""What networks are told of the tokens that are allowed."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from lmjax.families.common import hears_sets
from lmjax.noise.condition import Condition
from lmjax.sampling.constraints import without_sets
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
