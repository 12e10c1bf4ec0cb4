"""What networks are told of the tokens that are allowed."""

import dataclasses

import jax.numpy as jnp
import pytest

import lmjax
from configs import base
from lmjax.families.common import hears_sets
from lmjax.noise.condition import Condition
from lmjax.sampling.constraints import without_sets
from lmjax.settings import from_config


@pytest.mark.parametrize("fields, told", [
    ({}, True), ({"allowed": 0.0}, False), ({"shared": False}, False)])
def test_sets_are_told_to_those_that_know_them(fields, told):
    settings = from_config(base.get_config())
    condition = dataclasses.replace(settings.condition, **fields)
    assert hears_sets(dataclasses.replace(settings, condition=condition)) == told


def test_a_checkpoint_that_says_nothing_of_shared_sets_knows_none():
    composer = lmjax.load()
    assert composer.settings.condition.shared == composer.about["config"]["condition"].get(
        "shared", False)


def test_without_sets_a_model_hears_all_else():
    heard = []
    condition = Condition.free(jnp.ones((1, 2, 3), jnp.int32))._replace(
        allowed=jnp.zeros((1, 2, 4, 5), bool))
    without_sets(lambda *said: heard.append(said))(1, 2, condition)
    assert heard == [(1, 2, condition._replace(allowed=None))]
