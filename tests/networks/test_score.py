import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.evidence import EvidenceSettings
from lmjax.networks.score import EmbeddingSettings, ScoreModel, UnitVectors
from lmjax.networks.transformer import TransformerSettings
from lmjax.noise.denoiser import score

TINY = EvidenceSettings(channels=2, frame_channels=2, pitch_channels=2, cell_channels=4,
                        local_width=8, layers=1, heads=2, expansion=2, reach=4, offsets=2,
                        level_width=8, dropout=0.5)
PAPER = TransformerSettings(width=8, layers=1, heads=2, feedforward=8, dropout=0.5)
TRACKS = jnp.ones((2, 6, 2), jnp.int32)


def fresh(model):
    return jax.jit(model.init)(jax.random.key(0), TRACKS)


@functools.partial(jax.jit, static_argnums=0)
def denoise(model, params, x, sigma, condition, key=None):
    return model.denoiser(params, key)(x, sigma, condition)


@pytest.fixture(scope="module")
def learned(space):
    model = ScoreModel(space, TINY, EmbeddingSettings("learned", width=6), (3, 5))
    return model, fresh(model)


def test_learned_vectors_have_length_one(learned, space):
    model, params = learned
    table = model.table(params)
    assert table.shape == (*space.valid.shape, 4 * 6)
    np.testing.assert_allclose(
        jnp.linalg.norm(table, axis=-1), space.valid.astype(float), atol=1e-5)


def test_learned_vectors_stand_in_their_voices_slice(learned, space):
    model, params = learned
    slices = np.asarray(model.table(params)).reshape(*space.valid.shape, 4, 6)
    for voice in range(4):
        others = np.delete(slices[voice], voice, axis=1)
        assert (others == 0).all()


def test_struck_and_held_share_the_vector_of_their_pitch(learned):
    model, params = learned
    # With no vector for the articulation, the two are the same.
    inner = dict(params["embedding"]["params"])
    inner["articulation"] = jnp.zeros_like(inner["articulation"])
    table = model.table({"embedding": {"params": inner}})
    np.testing.assert_allclose(table[:, 1], table[:, 2], rtol=1e-6)  # the lowest pitch
    assert float(jnp.abs(table[0, 1] - table[0, 3]).max()) > 0.01  # and the next
    # With one, they are not.
    table = model.table(params)
    assert float(jnp.abs(table[0, 1] - table[0, 2]).max()) > 0.01


def test_random_vectors_are_those_learning_begins_with(space):
    model = ScoreModel(space, TINY, EmbeddingSettings("random", width=6), (3, 5))
    assert "embedding" not in jax.eval_shape(model.init, jax.random.key(0), TRACKS)
    start = UnitVectors(space, 6)
    table = model.table({})
    np.testing.assert_array_equal(table, start.apply(start.init(jax.random.key(0))))
    np.testing.assert_allclose(
        jnp.linalg.norm(table, axis=-1), space.valid.astype(float), atol=1e-5)


def test_one_hot_struck_and_held_share_an_axis(space):
    model = ScoreModel(space, TINY, EmbeddingSettings("one_hot", articulation=0.5), (3, 5))
    struck, held = model.table({})[0, 1:3]
    assert float(struck @ held) == 1 - 0.25
    np.testing.assert_allclose(jnp.abs(struck - held).sum(), 1.0)


def test_hold_tokens_are_one_hot(hold_space):
    model = ScoreModel(hold_space, PAPER, EmbeddingSettings("one_hot"), (3, 5))
    table = np.asarray(model.table({}))
    existing = table[hold_space.valid]
    np.testing.assert_array_equal(existing, np.eye(len(existing)))


@pytest.mark.parametrize(
    "embedding", [EmbeddingSettings(kind) for kind in ("one_hot", "random", "learned")])
def test_the_papers_network_needs_one_hot_tokens(space, embedding):
    with pytest.raises(ValueError, match="use encoding 'hold' and embedding 'one_hot'"):
        ScoreModel(space, PAPER, embedding, (3, 5))


def test_an_unknown_embedding_is_refused():
    with pytest.raises(ValueError, match=r"embedding.kind must be one of .* not 'two_hot'"):
        EmbeddingSettings("two_hot")


def test_the_evidence_models_mean_is_that_of_its_logits(learned, random_condition):
    model, params = learned
    x, sigma = jax.random.normal(jax.random.key(1), (2, 6, 24)), jnp.array([0.3, 3.0])
    denoised = denoise(model, params, x, sigma, random_condition(2, 6))
    mean = np.einsum("btvk,vkd->btd", jax.nn.softmax(denoised.logits), model.table(params))
    np.testing.assert_allclose(denoised.mean, mean, atol=1e-5)
    assert model.states_logits


def test_the_papers_score_is_its_output_over_sigma(hold_space, random_condition):
    model = ScoreModel(hold_space, PAPER, EmbeddingSettings("one_hot"), (3, 5))
    params = fresh(model)
    x = jax.random.normal(jax.random.key(1), (2, 6, model.table(params).shape[-1]))
    condition = random_condition(2, 6)
    scores = []
    for level in (0.5, 2.0):
        sigma = jnp.full(2, level)
        scores.append(score(denoise(model, params, x, sigma, condition), x, sigma))
    # The network does not know sigma, so f(x) = sigma * score is the same at every level.
    np.testing.assert_allclose(0.5 * scores[0], 2.0 * scores[1], rtol=1e-3, atol=1e-4)
    assert not model.states_logits


@pytest.mark.parametrize("network", [TINY, PAPER])
def test_dropout_acts_in_training_only(network, hold_space, random_condition):
    model = ScoreModel(hold_space, network, EmbeddingSettings("one_hot"), (3, 5))
    # Away from the start, where much of the network says nothing yet.
    params = jax.tree.map(lambda leaf: leaf + 0.1, fresh(model))
    x = jax.random.normal(jax.random.key(1), (2, 6, model.table(params).shape[-1]))
    arguments = x, jnp.ones(2), random_condition(2, 6)
    keys = jax.random.split(jax.random.key(2))
    first, second = (denoise(model, params, *arguments, key=key).mean for key in keys)
    assert float(jnp.abs(first - second).max()) > 1e-3
    first, second = (denoise(model, params, *arguments).mean for _ in keys)
    np.testing.assert_array_equal(first, second)
