"""Left-to-right models by the same calls as the score model: train, load, draw, evaluate."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

import lmjax
from lmjax.composing import draw
from lmjax.data.dataset import load_dataset
from lmjax.evaluate import evaluate
from lmjax.families.common import FORM
from lmjax.music import rhythm
from lmjax.music.chorale import REST
from lmjax.noise.condition import Condition
from lmjax.requests.request import Request, Wishes
from lmjax.sampling.sequential import SequentialSettings

NETWORKS = {
    "lstm": {"kind": "lstm", "embedding": 4, "width": 8, "layers": 2, "dropout": 0.1,
             "truncation": 8},
    "causal": {"kind": "causal", "embedding": 4, "layers": 1, "heads": 2, "feedforward": 8,
               "dropout": 0.1},
    "chained": {"kind": "chained", "channels": 2, "pitch_channels": 2, "cell_channels": 4,
                "local_width": 8, "layers": 1, "heads": 1, "expansion": 2, "reach": 4,
                "dropout": 0.1, "pairs": True}}


@pytest.fixture(scope="module", params=NETWORKS)
def config(request, no_score):
    config = no_score.copy_and_resolve_references()
    config.network = ConfigDict(NETWORKS[request.param])
    config.condition.update(drop=0.2 if request.param == "chained" else 0.0)
    config.sampler = ConfigDict({"kind": "warm", "temperature": 1.0, "top_k": 0, "top_p": 1.0,
                                 "guidance": 1.0})
    return config


def test_it_composes_in_windows_each_given_the_one_before(folder):
    composer = lmjax.load(folder)
    tracks = lmjax.Form(bars=3).tracks()  # three windows of 16 sixteenths, but for what overlaps
    drawn = draw(composer, jax.random.key(0), 3, tracks, 2)
    again = draw(composer, jax.random.key(0), 3, tracks, 3)
    np.testing.assert_array_equal(drawn.tokens, again.tokens)
    assert drawn.pitch.shape == (3, 48, 4) and (drawn.pitch != REST).any()
    assert drawn.evaluations == 16
    assert np.isfinite(drawn.diagnostics["entropy"]).all()
    # It begins as its first window by itself.
    first = draw(composer, jax.random.key(0), 3, rhythm.crop(tracks, 0, 16), 2)
    np.testing.assert_array_equal(drawn.pitch[:, :16], first.pitch)


def test_of_pieces_of_several_widths_the_shorter_takes_fewer_steps(folder):
    tracks = lmjax.Form(bars=1).tracks()
    drawn = draw(lmjax.load(folder), jax.random.key(0), 2, [tracks[:8], tracks], 2)
    steps = np.isfinite(drawn.diagnostics["entropy"])
    assert steps.shape == (2, 1, 16)
    np.testing.assert_array_equal(steps.sum((1, 2)), [8, 16])


def test_cold_is_the_same_for_every_key(folder):
    composer = lmjax.load(folder)
    cold = dataclasses.replace(composer, settings=dataclasses.replace(
        composer.settings, sampler=SequentialSettings("cold")))
    tracks = lmjax.Form(bars=1).tracks()
    one, two = (draw(cold, jax.random.key(seed), 1, tracks, 1).tokens for seed in range(2))
    np.testing.assert_array_equal(one, two)


def test_its_likelihood_is_exact(config, folder, capsys):
    result = evaluate(config, folder, progress=False)
    record = json.loads((folder / "evaluation.json").read_text())
    assert record["nats_per_frame"] == pytest.approx(result.likelihood.per_frame)
    assert "terms" not in record and not (folder / "density.png").exists()
    data = load_dataset("jsb16", config.data.path, False)
    frames = sum(len(piece) for piece in data.split("valid"))
    assert record["frames"] == frames
    assert f"likelihood (exact) on 3 pieces ({frames} frames) of valid" in capsys.readouterr().out
    composer, nats = lmjax.load(folder), 0.0
    for piece in data.split("valid"):  # each by itself, without padding
        tokens = jnp.asarray(composer.vocabulary.encode(piece.pitch, piece.struck))[None]
        logits = composer.model.logits(
            composer.params, Condition.free(jnp.zeros_like(piece.tracks)[None]), tokens)
        nats -= jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[..., None], axis=-1).sum()
    assert record["nats_per_frame"] == pytest.approx(float(nats) / frames, rel=1e-4)


def wished(tracks, **wishes):
    """A request for one bar, with wishes."""
    return dataclasses.replace(Request.open(tracks), wishes=Wishes(**wishes))


def test_wishes_are_granted_at_their_ends(config, folder):
    """So large that they leave no choice: no voice moves; the likeliest tokens, as drawn cold."""
    composer, tracks = lmjax.load(folder), lmjax.Form(bars=1).tracks()
    calm = draw(composer, jax.random.key(0), 3, [wished(tracks, motion=100.0)] * 3, 3)
    free = draw(composer, jax.random.key(0), 3, tracks, 3)
    for drawn, moves in ((calm, False), (free, True)):
        before, after = drawn.pitch[:, :-1], drawn.pitch[:, 1:]
        assert ((before != after) & (before != REST) & (after != REST)).any() == moves
    if config.network.kind == "chained":
        return  # alike in every key, and hardly trained: several tokens are the likeliest
    likeliest = draw(composer, jax.random.key(0), 1, [wished(tracks, temperature=1e-4)], 1)
    cold = composer.using(sampler=SequentialSettings("cold"))
    np.testing.assert_array_equal(
        likeliest.tokens, draw(cold, jax.random.key(0), 1, tracks, 1).tokens)


def test_without_weight_the_form_is_not_heard(config, folder):
    composer, tracks = lmjax.load(folder), lmjax.Form(bars=1, key="A major").tracks()
    request = [wished(tracks, form=0.0)] * 3
    if not config.condition.drop:
        with pytest.raises(ValueError, match="cannot be guided by it"):
            draw(composer, jax.random.key(0), 3, request, 3)
        return
    unheard = draw(composer, jax.random.key(0), 3, request, 3)
    tracks = tracks.copy()
    tracks[:, FORM] = 0
    np.testing.assert_array_equal(
        unheard.tokens, draw(composer, jax.random.key(0), 3, tracks, 3).tokens)


def test_a_sampler_that_is_guided_grants_the_wish_for_form_to_all(config, folder):
    if not config.condition.drop:
        return  # it cannot be guided
    composer, tracks = lmjax.load(folder), lmjax.Form(bars=1, key="A major").tracks()
    wish = draw(composer, jax.random.key(0), 3, [wished(tracks, form=9.0)] * 3, 3)
    guided = draw(composer.using(sampler=SequentialSettings(guidance=9.0)),
                  jax.random.key(0), 3, tracks, 3)
    np.testing.assert_array_equal(guided.tokens, wish.tokens)
    assert (wish.tokens != draw(composer, jax.random.key(0), 3, tracks, 3).tokens).any()
    assert guided.evaluations == 2 * wish.evaluations
