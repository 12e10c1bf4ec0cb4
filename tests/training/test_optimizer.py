import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.training.optimizer import (
    MUON_RMS,
    OptimizerSettings,
    build,
    hidden_matrices,
    learning_rate,
)

PLAIN = OptimizerSettings(
    kind="adam", learning_rate=0.01, warmup=0, decay=0.0, weight_decay=0.0, clip=0.0, ema=0.0)


def updates(settings, gradients, param=1.0):
    """What the optimizer adds to one parameter, gradient by gradient."""
    rule, param = build(settings, 100), jnp.array([param])
    state, out = rule.init(param), []
    for gradient in gradients:
        update, state = rule.update(jnp.array([gradient]), state, param)
        out.append(float(update[0]))
    return out


@pytest.mark.parametrize("step, rate", [
    (0, 0.001), (5, 0.0055), (10, 0.01), (30, 0.01), (50, 0.01), (75, 0.00505), (100, 0.0001)])
def test_the_rate_rises_stays_and_falls(step, rate):
    schedule = learning_rate(OptimizerSettings("adam", 0.01, warmup=10, decay=0.5), 100)
    np.testing.assert_allclose(schedule(step), rate, rtol=1e-5)


def test_without_warmup_and_decay_the_rate_is_one():
    schedule = learning_rate(PLAIN, 100)
    np.testing.assert_allclose([schedule(i) for i in range(101)], 0.01, rtol=1e-6)


def test_a_training_shorter_than_its_warmup_only_rises():
    rates = [float(learning_rate(OptimizerSettings("adam", 0.01, 10, 0.5), 4)(i))
             for i in range(4)]
    assert rates == sorted(rates) and rates[-1] < 0.01


def test_adams_first_steps_have_the_length_of_the_rate():
    np.testing.assert_allclose(updates(PLAIN, [3.0, 3.0, 3.0]), -0.01, rtol=1e-4)


def test_a_large_gradient_is_clipped():
    clipped = OptimizerSettings("adam", 0.01, 0, 0.0, weight_decay=0.0, clip=1.0)
    np.testing.assert_allclose(
        updates(clipped, [0.5, 1000.0]), updates(PLAIN, [0.5, 1.0]), rtol=2e-2)
    assert abs(updates(PLAIN, [0.5, 1000.0])[1] - updates(clipped, [0.5, 1000.0])[1]) > 1e-3


def test_weights_decay_by_rate_times_decay():
    decaying = OptimizerSettings("adam", 0.01, 0, 0.0, weight_decay=0.1, clip=0.0)
    np.testing.assert_allclose(updates(decaying, [0.0], param=5.0), -0.01 * 0.1 * 5, rtol=1e-5)


@pytest.mark.parametrize("field, value", [
    ("learning_rate", 0.0), ("decay", 1.5), ("b2", -0.1), ("ema", 2.0), ("warmup", -1),
    ("clip", -1.0), ("weight_decay", -0.1), ("kind", "sgd")])
def test_impossible_numbers_are_refused(field, value):
    with pytest.raises(ValueError, match=f"optimizer.{field}"):
        OptimizerSettings(**{field: value})


MUON = dataclasses.replace(PLAIN, kind="muon")
PARAMS = {
    "block": {"qkv": (12, 8, 3, 2, 4), "out": (12, 2, 4, 8), "bias": (2, 129)},
    "dense": {"kernel": (6, 4), "bias": (4,)},
    "tied": {"kernel": (12, 6, 4)},
    "cells": {"kernel": (6, 4)},
    "rest_cells_3": {"kernel": (6, 4)},
    "plain_3": {"kernel": (6, 4)},
    "motion": (4, 69),
}


def shaped(value):
    """Normal arrays of these shapes."""
    return jax.tree.map(lambda shape: jax.random.normal(jax.random.key(0), shape), value,
                        is_leaf=lambda node: isinstance(node, tuple))


def test_the_matrices_of_hidden_layers():
    axes = hidden_matrices(shaped(PARAMS))
    assert axes.pop("block") == {"qkv": ((0, 1), (2, 3, 4)), "out": ((0, 1, 2), (3,)),
                                 "bias": None}
    assert axes == {"dense": {"kernel": ((0,), (1,)), "bias": None},
                    "tied": {"kernel": ((0, 1), (2,))},
                    "cells": {"kernel": None}, "rest_cells_3": {"kernel": None},
                    "plain_3": {"kernel": ((0,), (1,))}, "motion": None}
    assert hidden_matrices({"qkv": jnp.ones((8, 24))}) == {"qkv": ((0,), (1,))}


def test_muons_steps_have_equal_singular_values():
    """All near the rate, times what gives the matrix an RMS of 0.2."""
    params = shaped({"kernel": (32, 8)})
    # Singular values from 1 to 100: Adam's step would keep them far apart.
    left, _, right = jnp.linalg.svd(params["kernel"], full_matrices=False)
    gradient = {"kernel": left * jnp.logspace(0, 2, 8) @ right}
    rule = build(MUON, 100)
    update, _ = rule.update(gradient, rule.init(params), params)
    values = jnp.linalg.svd(update["kernel"], compute_uv=False)
    np.testing.assert_allclose(values, 0.01 * MUON_RMS * np.sqrt(32), rtol=0.35)
    assert float(jnp.vdot(update["kernel"], gradient["kernel"])) < 0


def test_the_rest_follows_adam():
    """Whose first step is as long for a small gradient as for a large one."""
    gradient = shaped({"bias": (5,), "cells": {"kernel": (6, 4)}})
    params = jax.tree.map(jnp.ones_like, gradient)
    rule = build(MUON, 100)
    update, _ = rule.update(gradient, rule.init(params), params)
    for value, slope in zip(jax.tree.leaves(update), jax.tree.leaves(gradient), strict=True):
        lengths = -value * jnp.sign(slope)
        np.testing.assert_allclose(lengths, lengths.max(), rtol=1e-4)
        assert 0.01 <= lengths.max() < 0.02  # Nesterov's momentum looks a step ahead
