import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.networks.layers import sinusoidal_positions
from lmjax.networks.score import EmbeddingSettings, ScoreModel
from lmjax.networks.transformer import TransformerSettings
from lmjax.noise.condition import Condition
from lmjax.noise.embed import NEVER, embed, evidence, scaled

BATCH, TIME, TRACKS = 2, 6, (3, 5)
PAPER = TransformerSettings(width=8, layers=1, heads=2, feedforward=6, dropout=0.5)
SIGMA = jnp.array([0.3, 4.0])


def model_of(space, **changes):
    return ScoreModel(space, dataclasses.replace(PAPER, **changes), EmbeddingSettings(), TRACKS)


def fresh(model, shift=0.0):
    """Parameters; with a shift, away from the start where some of the network says nothing yet."""
    params = jax.jit(model.init)(
        jax.random.key(0), jnp.zeros((BATCH, TIME, len(TRACKS)), jnp.int32))
    return jax.tree.map(lambda leaf: leaf + shift, params)


@functools.partial(jax.jit, static_argnums=0)
def denoise(model, params, x, sigma, condition):
    return model.denoiser(params)(x, sigma, condition)


def state(model):
    return jax.random.normal(jax.random.key(1), (BATCH, TIME, model.table({}).shape[-1]))


def by_hand(params, x):
    """f(x) of a network of one layer and two heads, as the paper describes it."""
    p = jax.tree.map(np.asarray, params["network"]["params"])
    layer = p["layer_0"]

    def dense(name, x, of=layer):
        return x @ of[name]["kernel"] + of[name]["bias"]

    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-6)
        return x * layer[name]["scale"] + layer[name]["bias"]

    hidden = dense("embed", x, p) * np.sqrt(8) + sinusoidal_positions(TIME, 8)
    heads = layer["MultiHeadDotProductAttention_0"]
    q, k, v = (np.einsum("btw,whd->bhtd", hidden, heads[name]["kernel"])
               + heads[name]["bias"][:, None] for name in ("query", "key", "value"))
    weights = np.asarray(jax.nn.softmax(q @ np.swapaxes(k, 2, 3) / np.sqrt(4)))
    attended = np.einsum("bhtd,hdw->btw", weights @ v, heads["out"]["kernel"])
    hidden = norm("LayerNorm_0", hidden + attended + heads["out"]["bias"])
    hidden = norm("LayerNorm_1", hidden + dense("Dense_1", np.maximum(dense("Dense_0", hidden), 0)))
    return dense("decode", hidden, p)


def test_the_papers_network_by_hand(hold_space, random_condition):
    """Its parameters and its output are those of the paper, whatever the fields beside them."""
    model = model_of(hold_space)
    params, x = fresh(model, 0.1), state(model)
    shapes = jax.tree.map(jnp.shape, params["network"]["params"])
    attention = {"kernel": (8, 2, 4), "bias": (2, 4)}
    both = {"scale": (8,), "bias": (8,)}
    assert shapes == {
        "embed": {"kernel": (18, 8), "bias": (8,)},
        "layer_0": {
            "MultiHeadDotProductAttention_0": {
                "query": attention, "key": attention, "value": attention,
                "out": {"kernel": (2, 4, 8), "bias": (8,)}},
            "LayerNorm_0": both, "LayerNorm_1": both,
            "Dense_0": {"kernel": (8, 6), "bias": (6,)},
            "Dense_1": {"kernel": (6, 8), "bias": (8,)}},
        "decode": {"kernel": (8, 18), "bias": (18,)}}
    mean = denoise(model, params, x, SIGMA, random_condition(BATCH, TIME)).mean
    expected = np.asarray(x) + np.asarray(SIGMA)[:, None, None] * by_hand(params, np.asarray(x))
    np.testing.assert_allclose(mean, expected, rtol=1e-4, atol=1e-4)


def test_a_network_that_hears_sigma_starts_as_the_papers_on_scaled_states(
        hold_space, random_condition):
    model = model_of(hold_space, level=True)
    params, x = fresh(model), state(model)
    heard = np.asarray(scaled(model.table({}), x, SIGMA))
    f = (denoise(model, params, x, SIGMA, random_condition(BATCH, TIME)).mean - x) / SIGMA[
        :, None, None]
    np.testing.assert_allclose(f, by_hand(params, heard), rtol=1e-3, atol=1e-3)


def test_sigma_is_heard_once_that_is_learned(hold_space, random_condition):
    model = model_of(hold_space, level=True)
    params, x, condition = fresh(model, 0.1), state(model), random_condition(BATCH, TIME)
    table, stated = model.table({}), []
    for sigma in (jnp.full(BATCH, 0.5), jnp.full(BATCH, 2.0)):
        # States that are the same when scaled.
        here = x / scaled(table, jnp.ones_like(x), sigma)
        stated.append((denoise(model, params, here, sigma, condition).mean - here)
                      / sigma[:, None, None])
    assert float(jnp.abs(stated[0] - stated[1]).max()) > 1e-2


@pytest.mark.parametrize("name", ["space", "hold_space"])
def test_without_context_logits_are_the_exact_evidence(request, name, random_condition):
    """The posterior under a uniform prior: what is known of a finite set of points."""
    space = request.getfixturevalue(name)
    model = model_of(space, output="logits")
    params = fresh(model)
    decode = params["network"]["params"]["decode"]
    assert decode["kernel"].shape == (8, space.valid.size)
    params["network"]["params"]["decode"] = jax.tree.map(jnp.zeros_like, decode)
    x, table = state(model), model.table({})
    denoised = denoise(model, params, x, SIGMA, random_condition(BATCH, TIME))
    own = evidence(table, x, SIGMA)
    np.testing.assert_allclose(
        denoised.logits, jnp.where(space.valid, own, NEVER), rtol=1e-5, atol=1e-5)
    shares = jax.nn.softmax(jnp.where(space.valid, own, -jnp.inf))
    np.testing.assert_allclose(
        denoised.mean, jnp.einsum("btvk,vkd->btd", shares, table), atol=1e-5)
    assert model.states_logits


def test_logits_are_sure_of_clean_tokens(space, random_condition):
    model = model_of(space, output="logits", level=True, tracks=True)
    tokens = jax.random.randint(
        jax.random.key(2), (BATCH, TIME, 4), 0, space.valid.sum(axis=1))
    x = embed(model.table({}), tokens)
    denoised = denoise(model, fresh(model), x, jnp.full(BATCH, 0.05),
                       random_condition(BATCH, TIME))
    np.testing.assert_array_equal(denoised.logits.argmax(-1), tokens)


@pytest.mark.parametrize("kind", ["random", "learned"])
def test_logits_work_with_vectors_of_any_width(space, random_condition, kind):
    network = dataclasses.replace(PAPER, output="logits")
    model = ScoreModel(space, network, EmbeddingSettings(kind, width=3), TRACKS)
    params = fresh(model)
    x = jax.random.normal(jax.random.key(1), (BATCH, TIME, 12))
    denoised = denoise(model, params, x, SIGMA, random_condition(BATCH, TIME))
    assert denoised.mean.shape == x.shape
    assert denoised.logits.shape == (BATCH, TIME, *space.valid.shape)


@pytest.mark.parametrize("tracks", [False, True])
def test_metre_and_form_are_heard_if_asked(hold_space, random_condition, tracks):
    model = model_of(hold_space, tracks=tracks)
    params, x = fresh(model), state(model)
    means = [denoise(model, params, x, SIGMA, random_condition(BATCH, TIME, seed)).mean
             for seed in (0, 1)]
    assert (float(jnp.abs(means[0] - means[1]).max()) > 1e-2) == tracks


@pytest.mark.parametrize("tracks", [False, True])
def test_frames_that_do_not_exist_are_attended_to_by_the_papers_network_alone(
        hold_space, random_condition, tracks):
    model = model_of(hold_space, tracks=tracks)
    params, x = fresh(model), state(model)
    condition: Condition = random_condition(BATCH, TIME)
    condition = condition._replace(frames=condition.frames.at[:, 4:].set(False))
    means = [denoise(model, params, here, SIGMA, condition).mean[:, :4]
             for here in (x, x.at[:, 4:].add(1.0))]
    assert (float(jnp.abs(means[0] - means[1]).max()) < 1e-6) == tracks


def test_an_unknown_output_is_refused():
    with pytest.raises(ValueError, match=r"network\.output must be one of 'score', .* not 'x'"):
        TransformerSettings(output="x")
