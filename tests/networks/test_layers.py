import jax
import jax.numpy as jnp
import numpy as np

from lmjax.networks.layers import (
    ModulatedBlock,
    RelativeAttention,
    channel_dropout,
    fourier_features,
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


class TestRelativeAttention:
    apply = staticmethod(jax.jit(RelativeAttention(heads=1, reach=2).apply))

    def params(self, bias, width=2):
        """Attention that looks at nothing but offsets, and copies what it sees."""
        nothing, copy = np.zeros((width, 2 * width)), np.eye(width)
        return {"params": {
            "bias": jnp.asarray([bias], jnp.float32), "out": {"kernel": jnp.asarray(copy)},
            "qkv": {"kernel": jnp.asarray(np.concatenate([nothing, copy], axis=1))}}}

    def test_without_bias_it_is_the_mean_of_what_is_present(self):
        x = jax.random.normal(jax.random.key(0), (1, 5, 2))
        present = jnp.array([[True, True, False, True, False]])
        out = self.apply(self.params([0.0] * 5), x, present)
        mean = np.asarray(x)[0, [0, 1, 3]].mean(0)
        np.testing.assert_allclose(out[0], np.tile(mean, (5, 1)), rtol=1e-5)

    def test_the_bias_is_of_the_offset(self):
        # Only the frame before: query minus key is +1, entry reach + 1 of the table.
        x = jax.random.normal(jax.random.key(0), (1, 6, 2))
        bias = [-1e4, -1e4, -1e4, 0.0, -1e4]
        out = self.apply(self.params(bias), x, jnp.ones((1, 6), bool))
        np.testing.assert_allclose(out[0, 1:], x[0, :-1], rtol=1e-5)

    def test_far_offsets_share_one_bias(self):
        # Only keys two frames or more before the query: each of them weighs the same.
        x = jax.random.normal(jax.random.key(0), (1, 6, 2))
        bias = [-1e4, -1e4, -1e4, -1e4, 0.0]
        out = self.apply(self.params(bias), x, jnp.ones((1, 6), bool))
        np.testing.assert_allclose(out[0, 5], np.asarray(x)[0, :4].mean(0), rtol=1e-5)


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


def test_a_block_begins_as_the_identity():
    block = ModulatedBlock(heads=2, reach=4, expansion=2)
    x = jax.random.normal(jax.random.key(0), (2, 6, 8))
    level, present = jnp.ones((2, 3)), jnp.ones((2, 6), bool)
    params = jax.jit(block.init)(jax.random.key(1), x, level, present)
    np.testing.assert_array_equal(jax.jit(block.apply)(params, x, level, present), x)


def test_a_block_hears_the_level_once_it_has_learned():
    block = ModulatedBlock(heads=2, reach=4, expansion=2)
    x = jax.random.normal(jax.random.key(0), (1, 6, 8))
    present = jnp.ones((1, 6), bool)
    fresh = jax.jit(block.init)(jax.random.key(1), x, jnp.ones((1, 3)), present)
    params = jax.tree.map(lambda leaf: leaf + 0.1, fresh)
    low, high = (jax.jit(block.apply)(params, x, jnp.full((1, 3), level), present)
                 for level in (0.0, 1.0))
    assert float(jnp.abs(low - high).max()) > 1e-2
