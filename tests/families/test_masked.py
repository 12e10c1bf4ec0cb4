"""Order-agnostic models by the same calls as the score model: train, load, draw, evaluate."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

import lmjax
from lmjax.composing import draw
from lmjax.evaluate import evaluate
from lmjax.families.common import FORM
from lmjax.music.chorale import REST
from lmjax.requests.request import Request, Wishes
from lmjax.sampling.gibbs import GibbsSettings


@pytest.fixture(scope="module")
def config(no_score):
    config = no_score
    config.network.update(kind="masked", dropout=0.1)
    config.sampler = ConfigDict(dataclasses.asdict(GibbsSettings(steps=5)))
    return config


@pytest.mark.parametrize("kind", ["blocked_gibbs", "single_gibbs"])
def test_it_composes_by_windows_all_at_once(folder, kind):
    composer = lmjax.load(folder)
    composer = dataclasses.replace(composer, settings=dataclasses.replace(
        composer.settings, sampler=GibbsSettings(kind, steps=5)))
    tracks = lmjax.Form(bars=3).tracks()  # five windows of 16 sixteenths
    drawn = draw(composer, jax.random.key(0), 3, tracks, 10, filled=True)
    again = draw(composer, jax.random.key(0), 3, tracks, 2)  # one by one
    np.testing.assert_array_equal(drawn.tokens, again.tokens)
    assert drawn.pitch.shape == (3, 48, 4) and (drawn.pitch != REST).any()
    assert drawn.evaluations == 6
    assert all(values.shape == (3, 1, 5) and np.isfinite(values).all()
               for values in drawn.diagnostics.values())


def test_its_bound_and_coconets_figure_are_told_apart(config, folder, capsys):
    result = evaluate(config, folder, progress=False)
    record = json.loads((folder / "evaluation.json").read_text())
    assert record["nats_per_frame"] == pytest.approx(result.likelihood.per_frame)
    assert record["framewise"]["nats_per_frame"] == pytest.approx(result.framewise.per_frame)
    assert "terms" not in record and not (folder / "density.png").exists()
    said = capsys.readouterr().out
    assert "likelihood bound on 3 pieces" in said
    assert f"and no likelihood: {result.framewise.per_frame:.3f} ± " in said


def wished(tracks, **wishes):
    """A request for one bar, with wishes."""
    return dataclasses.replace(Request.open(tracks), wishes=Wishes(**wishes))


def test_wishes_are_heard(folder):
    composer, tracks = lmjax.load(folder), lmjax.Form(bars=1, key="A major").tracks()

    def drawn(*requests):
        return draw(composer, jax.random.key(0), len(requests), list(requests), len(requests))

    def moved(chorales):
        before, after = chorales.pitch[:, :-1].astype(int), chorales.pitch[:, 1:].astype(int)
        return (np.abs(after - before) * (before != REST) * (after != REST)).mean()

    free, calm = (drawn(*[wished(tracks, motion=weight)] * 4) for weight in (0.0, 2.0))
    assert moved(calm) < 0.5 * moved(free)
    sure = drawn(*[wished(tracks, temperature=1e-3)] * 4)
    assert sure.diagnostics["entropy"].mean() < 0.5 * free.diagnostics["entropy"].mean()
    guided = draw(composer.using(sampler=GibbsSettings(steps=5, guidance=9.0)),
                  jax.random.key(0), 2, tracks, 2)
    np.testing.assert_array_equal(guided.tokens, drawn(*[wished(tracks, form=9.0)] * 2).tokens)
    assert guided.evaluations == 2 * free.evaluations
    unheard, tracks = drawn(*[wished(tracks, form=0.0)] * 2), tracks.copy()
    tracks[:, FORM] = 0
    np.testing.assert_array_equal(unheard.tokens, drawn(*[Request.open(tracks)] * 2).tokens)
