import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.training.optimizer import OptimizerSettings, build, learning_rate

PLAIN = OptimizerSettings(
    learning_rate=0.01, warmup=0, decay=0.0, weight_decay=0.0, clip=0.0, ema=0.0)


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
    schedule = learning_rate(OptimizerSettings(0.01, warmup=10, decay=0.5), 100)
    np.testing.assert_allclose(schedule(step), rate, rtol=1e-5)


def test_without_warmup_and_decay_the_rate_is_one():
    schedule = learning_rate(PLAIN, 100)
    np.testing.assert_allclose([schedule(i) for i in range(101)], 0.01, rtol=1e-6)


def test_a_training_shorter_than_its_warmup_only_rises():
    rates = [float(learning_rate(OptimizerSettings(0.01, 10, 0.5), 4)(i))
             for i in range(4)]
    assert rates == sorted(rates) and rates[-1] < 0.01


def test_adams_first_steps_have_the_length_of_the_rate():
    np.testing.assert_allclose(updates(PLAIN, [3.0, 3.0, 3.0]), -0.01, rtol=1e-4)


def test_a_large_gradient_is_clipped():
    clipped = OptimizerSettings(0.01, 0, 0.0, weight_decay=0.0, clip=1.0)
    np.testing.assert_allclose(
        updates(clipped, [0.5, 1000.0]), updates(PLAIN, [0.5, 1.0]), rtol=2e-2)
    assert abs(updates(PLAIN, [0.5, 1000.0])[1] - updates(clipped, [0.5, 1000.0])[1]) > 1e-3


def test_weights_decay_by_rate_times_decay():
    decaying = OptimizerSettings(0.01, 0, 0.0, weight_decay=0.1, clip=0.0)
    np.testing.assert_allclose(updates(decaying, [0.0], param=5.0), -0.01 * 0.1 * 5, rtol=1e-5)


@pytest.mark.parametrize("field, value", [
    ("learning_rate", 0.0), ("decay", 1.5), ("b2", -0.1), ("ema", 2.0), ("warmup", -1),
    ("clip", -1.0), ("weight_decay", -0.1)])
def test_impossible_numbers_are_refused(field, value):
    with pytest.raises(ValueError, match=f"optimizer.{field}"):
        OptimizerSettings(**{field: value})
