"""Left-to-right models: what they hear, and that they are distributions."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.losses.likelihood import cross_entropy
from lmjax.music.tokens import Vocabulary
from lmjax.networks.causal import CausalSettings
from lmjax.networks.chained import ChainedSettings
from lmjax.networks.lstm import LSTMSettings, remember
from lmjax.networks.sequential import FARTHEST, SequentialModel
from lmjax.noise.condition import Condition

NETWORKS = {"lstm": LSTMSettings(embedding=4, width=8, layers=2, truncation=3),
            "causal": CausalSettings(embedding=4, layers=2, heads=2, feedforward=8),
            "chained": ChainedSettings(channels=2, pitch_channels=2, cell_channels=4, local_width=8,
                                       layers=2, heads=1, expansion=2, reach=3)}
TIME = 7


@pytest.fixture(scope="module", params=NETWORKS)
def model(request, space_of):
    encoding = "sounding" if request.param == "chained" else "hold"
    vocabulary = Vocabulary(encoding, ranges=((60, 61), (60, 60), (48, 48), (36, 36)))
    return SequentialModel(space_of(vocabulary), NETWORKS[request.param], (3,), awaited_track=0)


def tracks_of(batch, time=TIME):
    return jnp.zeros((batch, time, 1), jnp.int32)


@pytest.fixture(scope="module")
def params(model):
    """Fresh ones, and louder, so that what is heard shows."""
    fresh = jax.jit(model.init)(jax.random.key(0), tracks_of(1))
    return jax.tree.map(lambda leaf: 2 * leaf, fresh)


def tokens_of(model, batch, time=TIME, seed=0):
    sizes = np.asarray(model.space.valid).sum(axis=1)
    return jnp.asarray(np.random.default_rng(seed).integers(0, sizes, (batch, time, 4)), jnp.int32)


def differences(model, params, tokens, voice, time):
    """How much the logits of each cell change with one token: float[T, V]."""
    ask = jax.jit(lambda tokens: model.logits(params, Condition.free(tracks_of(1)), tokens))
    other = jnp.where(tokens[0, time, voice] == 0, 1, 0)
    changed = np.abs(ask(tokens.at[0, time, voice].set(other)) - ask(tokens))
    return np.where(model.space.valid, changed, 0).max(axis=(0, 3))


def test_a_cell_hears_all_frames_before_it_and_none_after(model, params):
    tokens = tokens_of(model, 1)
    for time in range(TIME):
        changed = differences(model, params, tokens, 3, time)
        assert (changed[:time + 1] == 0).all()
        assert (changed[time + 1:].max(axis=1) > 1e-6).all()


def test_form_is_foreseen():
    model = SequentialModel(None, None, (2, 3), awaited_track=1)
    track = jnp.array([[1, 1, 2, 2, 1, 1], [1, 0, 1, 1, 1, 2], [0, 2, 0, 0, 0, 0]])
    tracks = jnp.stack([jnp.zeros_like(track), track], axis=-1)
    np.testing.assert_array_equal(model.foreseen(tracks)[..., :2], tracks)
    np.testing.assert_array_equal(model.foreseen(tracks)[..., 2], [
        [3, 2, 1, 1, 1 + FARTHEST, 1 + FARTHEST], [6, 0, 4, 3, 2, 1], [0, 1, 0, 0, 0, 0]])


def test_only_voices_in_turn_hear_of_a_fermata_to_come(model, params):
    tokens, tracks = tokens_of(model, 1), tracks_of(1) + 1
    later = tracks.at[0, 4].set(2)
    plain, told = (model.logits(params, Condition.free(one), tokens) for one in (tracks, later))
    changed = np.abs(told - plain).max(axis=(0, 2, 3)) > 1e-6
    np.testing.assert_array_equal(changed, [isinstance(model.network, ChainedSettings)] * TIME)


def test_voices_in_turn_hear_those_before_them(model, params):
    tokens = tokens_of(model, 1)
    for voice in range(4):
        changed = differences(model, params, tokens, voice, 2)[2] > 1e-6
        in_turn = isinstance(model.network, ChainedSettings)
        np.testing.assert_array_equal(changed, [in_turn and v > voice for v in range(4)])


def test_frame_by_frame_is_the_same_as_all_at_once(model, params):
    tokens = tokens_of(model, 2)
    whole = model.logits(params, Condition.free(tracks_of(2)), tokens)
    memory, before = model.begin(2, TIME), model.preceding(tokens)
    tracks = model.foreseen(tracks_of(2))
    advance = jax.jit(model.advance)
    for time in range(TIME):
        memory, features = advance(
            params, memory, before[:, time:time + 1], tracks[:, time:time + 1], jnp.int32(time))
        here = model.voices(params, features, tokens[:, time:time + 1])
        np.testing.assert_allclose(here[:, 0], whole[:, time], rtol=1e-4, atol=1e-5)


def test_probabilities_of_all_pieces_sum_to_one(model, params):
    sizes = np.asarray(model.space.valid).sum(axis=1)
    frames = list(itertools.product(*map(range, sizes)))
    every = jnp.array(list(itertools.product(frames, repeat=2)), jnp.int32)
    logits = model.logits(params, Condition.free(tracks_of(len(every), 2)), every)
    surprise = cross_entropy(logits, every, jnp.ones(every.shape, bool))
    assert float(jnp.exp(-surprise).sum()) == pytest.approx(1, abs=1e-4)


def test_dropout_is_drawn_from_the_key(model, params):
    tokens, condition = tokens_of(model, 1), Condition.free(tracks_of(1))
    ask = jax.jit(lambda key: model.logits(params, condition, tokens, key))
    keys = jax.random.split(jax.random.key(0))
    np.testing.assert_array_equal(ask(keys[0]), ask(keys[0]))
    assert not np.array_equal(ask(keys[0]), ask(keys[1]))


def test_an_lstm_layer_is_its_equations():
    generator = np.random.default_rng(0)
    inputs, recurrent = generator.normal(size=(1, 3, 8)), generator.normal(size=(2, 8))
    held = said = np.zeros(2)
    expected = []
    for here in inputs[0]:
        i, f, o, g = np.split(here + said @ recurrent, 4)
        held = held / (1 + np.exp(-f - 1)) + np.tanh(g) / (1 + np.exp(-i))
        said = np.tanh(held) / (1 + np.exp(-o))
        expected.append(said)
    memory = (jnp.zeros((1, 2)), jnp.zeros((1, 2)))
    (last, _), out = remember(memory, jnp.asarray(inputs, jnp.float32),
                              jnp.asarray(recurrent, jnp.float32), jnp.zeros(3, bool))
    np.testing.assert_allclose(out[0], expected, rtol=1e-5)
    np.testing.assert_allclose(last[0], held, rtol=1e-5)


def test_gradients_end_where_they_are_cut():
    inputs = jnp.asarray(np.random.default_rng(0).normal(size=(1, 6, 8)), jnp.float32)
    cut = jnp.arange(6) % 3 == 0

    def last(inputs, cut):
        memory = (jnp.zeros((1, 2)), jnp.zeros((1, 2)))
        return remember(memory, inputs, jnp.ones((2, 8)), cut)[1][0, 4].sum()

    flows = np.abs(jax.grad(last)(inputs, cut)).max(axis=(0, 2)) > 0
    np.testing.assert_array_equal(flows, [False, False, False, True, True, False])
    np.testing.assert_allclose(last(inputs, cut), last(inputs, jnp.zeros(6, bool)))
