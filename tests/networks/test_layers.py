import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.layers import (
    channel_dropout,
    fourier_features,
    relative_bias,
    sinusoidal_positions,
)


def test_fourier_features_of_sigma_one():
    # log sigma is 0: every sine is 0 and every cosine 1.
    features = fourier_features(jnp.zeros(2), 8)
    np.testing.assert_allclose(features, np.tile([0.0] * 4 + [1.0] * 4, (2, 1)), atol=1e-6)


def test_fourier_features_tell_levels_apart():
    features = np.asarray(fourier_features(jnp.linspace(np.log(0.05), np.log(20), 50), 32))
    distance = np.linalg.norm(features[:, None] - features, axis=-1)
    assert distance[~np.eye(50, dtype=bool)].min() > 0.1


def test_sinusoidal_positions_by_hand():
    positions = sinusoidal_positions(3, 4)
    by_hand = [[np.sin(t), np.cos(t), np.sin(t / 100), np.cos(t / 100)] for t in range(3)]
    np.testing.assert_allclose(positions, by_hand, rtol=1e-5, atol=1e-6)


def test_a_relative_bias_is_of_query_minus_key_and_far_offsets_share_one():
    bias = relative_bias(jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), 4)
    by_hand = np.array([[2, 1, 1, 1], [3, 2, 1, 1], [3, 3, 2, 1], [3, 3, 3, 2]])
    np.testing.assert_array_equal(bias, [by_hand, by_hand + 3])


def test_a_relative_bias_of_a_reach_beyond_the_ends():
    bias = relative_bias(jnp.arange(9.0)[None], 2)
    np.testing.assert_array_equal(bias, [[[4, 3], [5, 4]]])


def test_channels_are_dropped_whole_and_the_mean_stays():
    x = jnp.ones((50, 3, 400))
    apply = channel_dropout(0.2, train=True).apply
    dropped = np.asarray(apply({}, x, rngs={"dropout": jax.random.key(0)}))
    assert (dropped == dropped[:, :1]).all()  # the same channels in every frame
    assert len(np.unique(dropped[:, 0], axis=0)) == 50  # others in every example
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.8], rtol=1e-6)
    # Twenty thousand draws: five standard errors of their mean.
    assert abs(dropped[:, 0].mean() - 1) < 5 * np.sqrt(0.25 / dropped[:, 0].size)
    np.testing.assert_array_equal(channel_dropout(0.2, train=False).apply({}, x), x)
