"""Layers that commute with transposition: what is moved before them is moved after them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.symmetry import (
    ModulatedBlock,
    PitchClassAttention,
    PitchClassDense,
    PitchDense,
    fold,
    over_classes,
    unfold,
)

CHANNELS, LENGTH = 4, 5
LEVEL = np.array([[0.3, -1.0, 2.0]], np.float32)
C, F, G = 0, 5, 7


def moved(x, semitones):
    """A state [..., 12 C] some semitones higher."""
    classes = np.asarray(x).reshape(*x.shape[:-1], 12, -1)
    return np.roll(classes, semitones, axis=-2).reshape(x.shape)


def in_all_keys():
    """One state in twelve keys, float32[12, T, 12 C], the n-th n semitones higher."""
    x = jax.random.normal(jax.random.key(0), (LENGTH, 12 * CHANNELS))
    return jnp.stack([moved(x, n) for n in range(12)])


def randomised(params):
    """Parameters away from zeros and ones, so that no part of a layer is silent."""
    keys = iter(jax.random.split(jax.random.key(1), 100))
    return jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(next(keys), leaf.shape), params)


def computed(layer, *inputs):
    """The output of a layer with random parameters."""
    def run():
        return layer.apply(randomised(layer.init(jax.random.key(2), *inputs)), *inputs)

    return np.asarray(jax.jit(run)())


def dense(tied):
    return computed(PitchClassDense(3, tied), in_all_keys())


def attention(tied):
    present = jnp.broadcast_to(jnp.arange(LENGTH) < 4, (12, LENGTH))
    return computed(PitchClassAttention(2, 3, tied), in_all_keys(), present)


def block(tied):
    level = jnp.broadcast_to(LEVEL, (12, LEVEL.shape[-1]))
    return computed(ModulatedBlock(2, 3, 2, tied=tied), in_all_keys(), level,
                    jnp.ones((12, LENGTH), bool))


@pytest.mark.parametrize("layer", [dense, attention, block])
class TestPitchClasses:
    def test_tied_layers_do_in_every_key_what_they_do_in_one(self, layer):
        out = layer(tied=True)
        for n in range(12):
            np.testing.assert_allclose(out[n], moved(out[0], n), atol=1e-4)
        # What comes out is music in a key, and not the same for all.
        assert np.abs(out[1:] - out[0]).max(axis=(1, 2)).min() > 0.1

    def test_other_layers_do_not(self, layer):
        out = layer(tied=False)
        for n in range(1, 12):
            assert np.abs(out[n] - moved(out[0], n)).max() > 0.1


def on_the_axis(tied, move=4, pitches=20):
    """Notes in the middle of a pitch axis and the same some semitones higher, after a layer."""
    x = np.zeros((2, pitches, CHANNELS), np.float32)
    x[0, 6:10] = np.random.default_rng(0).normal(size=(4, CHANNELS))
    x[1, 6 + move:10 + move] = x[0, 6:10]
    out = computed(PitchDense(3, tied), jnp.asarray(x))
    return out[0, :-move], out[1, move:]


def test_a_tied_layer_along_the_pitch_axis_moves_with_the_notes():
    low, high = on_the_axis(tied=True)
    np.testing.assert_allclose(low, high, atol=1e-5)
    assert np.abs(low[1:] - low[:-1]).max(axis=1).min() > 0.01  # each pitch hears its own distance


def test_another_layer_along_the_pitch_axis_does_not():
    low, high = on_the_axis(tied=False)
    assert np.abs(low - high).max() > 0.1


def test_a_tied_layer_has_a_twelfth_of_the_parameters():
    x = jnp.zeros((1, 12 * CHANNELS))
    (tied, bias), (untied, other_bias) = (
        [jax.eval_shape(PitchClassDense(3, tied).init, jax.random.key(0), x)["params"][name].size
         for name in ("kernel", "bias")] for tied in (True, False))
    assert 12 * tied == untied == 12 * CHANNELS * 12 * 3
    assert bias == other_bias == 3


def test_a_layer_may_do_without_a_bias():
    layer = PitchClassDense(3, bias=False)
    params = jax.eval_shape(layer.init, jax.random.key(0), jnp.zeros((1, 12 * CHANNELS)))
    assert params["params"].keys() == {"kernel"}


def test_a_kernel_that_moves_everything_up_a_fifth():
    channels = 2
    kernel = jnp.zeros((12, channels, channels)).at[7].set(jnp.eye(channels))
    params = {"params": {"kernel": kernel, "bias": jnp.array([0.0, 0.5])}}
    x = np.zeros((12, channels), np.float32)
    x[C], x[F] = [1, 2], [3, 4]
    out = PitchClassDense(channels).apply(params, jnp.asarray(x).reshape(1, -1))
    expected = np.tile(np.array([0.0, 0.5], np.float32), (12, 1))
    expected[G] += [1, 2]
    expected[C] += [3, 4]  # round the circle: a fifth above F is C
    np.testing.assert_allclose(out.reshape(12, channels), expected)


def test_a_kernel_that_moves_pitches_up_a_fifth():
    pitches = 10
    kernel = jnp.zeros((2 * pitches - 1, 1, 1)).at[pitches - 1 + 7].set(1.0)
    params = {"params": {"kernel": kernel, "bias": jnp.array([0.5])}}
    x = jnp.zeros((1, pitches, 1)).at[0, 2, 0].set(3.0).at[0, 5, 0].set(4.0)
    out = PitchDense(1).apply(params, x)
    expected = np.full(pitches, 0.5, np.float32)
    expected[9] += 3  # the other lies beyond the end, and pitches do not go round
    np.testing.assert_allclose(out[0, :, 0], expected)


def test_over_classes_gives_every_pitch_class_the_same():
    np.testing.assert_array_equal(
        over_classes(jnp.array([[1.0, 2.0]])).reshape(12, 2), np.tile([1.0, 2.0], (12, 1)))


def test_octaves_are_summed_by_hand():
    # Fourteen pitches from an A, the pitch class 9: A and A sharp are there twice.
    pitches = jnp.arange(1.0, 15.0)[:, None] * jnp.array([1.0, 10.0])
    by_hand = np.array([4, 5, 6, 7, 8, 9, 10, 11, 12, 1 + 13, 2 + 14, 3])
    np.testing.assert_array_equal(fold(pitches, 9), by_hand[:, None] * [1, 10])


def test_pitches_have_what_their_class_has_by_hand():
    classes = jnp.arange(12.0)[:, None] * jnp.array([1.0, 10.0])
    by_hand = np.array([9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    np.testing.assert_array_equal(unfold(classes, 9, 14), by_hand[:, None] * [1, 10])
    np.testing.assert_array_equal(unfold(classes, 3, 2), [[3, 30], [4, 40]])


class TestPitchClassAttention:
    WIDTH = 12 * 2

    def copying(self, bias, tied=True):
        """Attention that looks at nothing but offsets, and copies what it sees: a table of biases
        for each head, of which there are as many as heads."""
        bias = jnp.asarray(bias, jnp.float32)
        heads, width = len(bias), self.WIDTH
        if tied:
            copy = np.eye(2, dtype=np.float32).reshape(2, heads, -1)
            qkv = np.zeros((12, 2, 3, *copy.shape[1:]), np.float32)
            qkv[0, :, 2] = copy
            out = np.zeros((12, *copy.shape[1:], 2), np.float32)
            out[0] = np.moveaxis(copy, 0, -1)
        else:
            out = np.eye(width)
            qkv = np.concatenate([np.zeros((width, 2 * width)), out], axis=1)
        params = {"bias": bias, "qkv": jnp.asarray(qkv), "out": jnp.asarray(out)}
        layer = PitchClassAttention(heads, bias.shape[-1] // 2, tied)
        return lambda *inputs: layer.apply({"params": params}, *inputs)

    def state(self, length):
        return jax.random.normal(jax.random.key(0), (1, length, self.WIDTH))

    @pytest.mark.parametrize("tied", [True, False])
    def test_without_bias_it_is_the_mean_of_what_is_present(self, tied):
        x, present = self.state(5), jnp.array([[True, True, False, True, False]])
        out = self.copying([[0.0] * 5], tied)(x, present)
        mean = np.asarray(x)[0, [0, 1, 3]].mean(0)
        np.testing.assert_allclose(out[0], np.tile(mean, (5, 1)), rtol=1e-4, atol=1e-6)

    def test_the_bias_is_of_the_offset(self):
        # Only the frame before: query minus key is +1, entry reach + 1 of the table.
        x = self.state(6)
        out = self.copying([[-1e4, -1e4, -1e4, 0.0, -1e4]])(x, jnp.ones((1, 6), bool))
        np.testing.assert_allclose(out[0, 1:], x[0, :-1], rtol=1e-5)

    def test_far_offsets_share_one_bias(self):
        # Only keys two frames or more before the query: each of them weighs the same.
        x = self.state(6)
        out = self.copying([[-1e4, -1e4, -1e4, -1e4, 0.0]])(x, jnp.ones((1, 6), bool))
        np.testing.assert_allclose(out[0, 5], np.asarray(x)[0, :4].mean(0), rtol=1e-4, atol=1e-6)

    def test_each_head_has_its_own_channels_of_all_pitch_classes(self):
        # One hears the frame before in the first channel, one the frame after in the second.
        x = self.state(6)
        out = self.copying([[-1e4, -1e4, 0.0], [0.0, -1e4, -1e4]])(x, jnp.ones((1, 6), bool))
        out, x = (a.reshape(6, 12, 2) for a in (out, x))
        np.testing.assert_allclose(out[5, :, 0], np.asarray(x)[:5, :, 0].mean(0), rtol=1e-4,
                                   atol=1e-6)
        np.testing.assert_allclose(out[1, :, 0], x[0, :, 0], rtol=1e-5)
        np.testing.assert_allclose(out[4, :, 1], x[5, :, 1], rtol=1e-5)

    def test_a_query_finds_the_key_that_is_like_it(self):
        # Queries and keys are the states themselves, far from one another but for two.
        copy = 30.0 * np.eye(2, dtype=np.float32).reshape(2, 1, 2)
        qkv = np.zeros((12, 2, 3, 1, 2), np.float32)
        qkv[0, :, 0] = qkv[0, :, 1] = copy
        qkv[0, :, 2] = copy / 30
        x = np.zeros((1, 3, 12, 2), np.float32)
        x[0, 0, C, 0] = x[0, 1, G, 0] = x[0, 2, C, 0] = 1
        x[0, 2, F, 1] = 1  # the third is C as well, and something else
        out = np.zeros((12, 1, 2, 2), np.float32)
        out[0, 0] = np.eye(2)
        params = {"bias": jnp.zeros((1, 3)), "qkv": jnp.asarray(qkv), "out": jnp.asarray(out)}
        found = PitchClassAttention(1, 1).apply(
            {"params": params}, jnp.asarray(x).reshape(1, 3, -1), jnp.ones((1, 3), bool))
        found = np.asarray(found).reshape(3, 12, 2)
        np.testing.assert_allclose(found[0], (x[0, 0] + x[0, 2]) / 2, atol=1e-5)
        np.testing.assert_allclose(found[1], x[0, 1], atol=1e-5)
        np.testing.assert_allclose(found[2], x[0, 2], atol=1e-5)


class TestModulatedBlock:
    block = ModulatedBlock(heads=2, reach=3, expansion=2)
    x = np.random.default_rng(0).normal(size=(1, LENGTH, 12 * CHANNELS)).astype(np.float32)
    present = np.ones((1, LENGTH), bool)

    def test_it_begins_as_the_identity(self):
        def begin():
            inputs = self.x, LEVEL, self.present
            return self.block.apply(self.block.init(jax.random.key(1), *inputs), *inputs)

        np.testing.assert_array_equal(jax.jit(begin)(), self.x)

    def test_it_hears_the_level_once_it_has_learned(self):
        x, present = (np.repeat(a, 2, axis=0) for a in (self.x, self.present))
        low, high = computed(self.block, x, np.concatenate([0 * LEVEL, LEVEL]), present)
        assert np.abs(low - high).max() > 1e-2
