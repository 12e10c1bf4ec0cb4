import jax.numpy as jnp
import numpy as np
import optax

from lmjax.training.state import TrainState


def run(steps, decay):
    """A parameter that goes 0, 1, 2, ... and its average after each step."""
    rule = optax.sgd(1.0)
    state = TrainState.create({"w": jnp.zeros(1)}, rule)
    averages = []
    for _ in range(steps):
        state = state.updated({"w": -jnp.ones(1)}, rule, decay)
        averages.append(float(state.ema["w"][0]))
    return state, averages


def test_steps_are_counted_and_parameters_moved():
    state, _ = run(3, 0.9)
    assert int(state.step) == 3
    assert float(state.params["w"][0]) == 3.0


def test_the_average_starts_with_the_first_weights_and_grows_longer():
    # Decays 0, 1/11, 2/12 on the values 1, 2, 3.
    first, second = 1.0, 1 / 11 * 1 + 10 / 11 * 2
    _, averages = run(3, 0.999)
    np.testing.assert_allclose(averages, [first, second, 2 / 12 * second + 10 / 12 * 3], rtol=1e-6)


def test_the_average_is_never_longer_than_the_decay():
    # With decay 1/2 from some step on, the average lags one step behind a steady climb.
    state, averages = run(60, 0.5)
    np.testing.assert_allclose(float(state.params["w"][0]) - averages[-1], 1.0, rtol=1e-4)


def test_no_decay_is_no_average():
    _, averages = run(4, 0.0)
    assert averages == [1.0, 2.0, 3.0, 4.0]


def test_average_and_weights_do_not_share_memory():
    # Training donates the state's buffers, and none can be donated twice.
    state = TrainState.create({"w": jnp.zeros(1)}, optax.sgd(1.0))
    assert (state.params["w"].unsafe_buffer_pointer() != state.ema["w"].unsafe_buffer_pointer())
