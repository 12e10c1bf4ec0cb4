import dataclasses
import functools
import runpy

import jax
import numpy as np
import pytest

import lmjax
from experiments.command import fields_of
from experiments.dive import dive
from experiments.dive.dive import FORM, run
from lmjax.composer import Composer
from lmjax.networks.score import ScoreModel
from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import evidence, forbid
from lmjax.settings import from_config


class PlainModel(ScoreModel):
    """No network: all tokens of a cell are equally likely but for the noisy state."""

    def denoiser(self, params, dropout_key=None):
        table = self.table(params)
        return lambda x, sigma, m: from_logits(
            table, forbid(evidence(table, x, sigma), self.space.valid))


class PlainComposer(Composer):
    @functools.cached_property
    def model(self):
        return PlainModel(**fields_of(super().model))


@pytest.fixture(scope="module")
def whole(tiny):
    """A composer that composes eight bars in one window."""
    settings = from_config(runpy.run_path(str(tiny))["get_config"]())
    vocabulary = settings.data.vocabulary(False)
    share = vocabulary.valid / vocabulary.valid.sum(axis=1, keepdims=True)
    composer = PlainComposer(settings, vocabulary, {}, share.astype(np.float32), {})
    return composer.using(compose=dataclasses.replace(settings.compose, window=512))


@pytest.fixture(scope="module")
def found(whole):
    return run(whole, 3)


def test_to_watch_a_run_changes_nothing(whole, found):
    plain, = lmjax.compose(whole, jax.random.key(3), form=FORM)
    assert found.chorale.same_notes(plain)
    assert found.chorale.title == "Chorale 3.0"


def test_probabilities_are_those_of_pitches(whole, found):
    steps = len(whole.settings.sampler.build().plan.sigma)
    low, high = np.array(whole.vocabulary.ranges).T
    assert found.lowest == low.min()
    assert found.struck.shape == found.held.shape == (
        steps, len(FORM), 4, high.max() - low.min() + 1)
    sounding = found.struck + found.held
    assert (sounding.sum(-1) <= 1 + 1e-5).all() and sounding.min() >= 0
    pitches = found.lowest + np.arange(sounding.shape[-1])
    outside = (pitches < low[:, None]) | (pitches > high[:, None])
    assert not sounding[:, :, outside].any() and (sounding[:, :, ~outside] > 0).all()
    assert not found.struck.any()  # this data tells no re-attacks
    # The entropy of the same probabilities, silence among them.
    silent = 1 - sounding.sum(-1)
    entropy = -(sounding * np.log(np.maximum(sounding, 1e-30))).sum(-1) - silent * np.log(silent)
    np.testing.assert_allclose(found.entropy, entropy.mean((1, 2)), rtol=1e-3)
    assert (np.diff(found.sigma) < 0).all() and found.score_norm[0] < found.score_norm[-1]


def test_struck_and_held_are_told_apart(whole):
    vocabulary = dataclasses.replace(whole.vocabulary, articulation=True)
    other = dataclasses.replace(whole, vocabulary=vocabulary)
    pitch, struck = np.full((2, 4), 60), np.array([[True] * 4, [False] * 4])
    tokens = np.eye(vocabulary.size)[vocabulary.encode(pitch, struck)]
    begun, held, lowest = dive.pitches_of(other, tokens[None])
    assert begun[0, 0, :, 60 - lowest].tolist() == held[0, 1, :, 60 - lowest].tolist() == [1] * 4
    assert begun.sum() == held.sum() == 4


def test_models_whose_tokens_do_not_say_what_sounds_are_refused(whole):
    vocabulary = dataclasses.replace(whole.vocabulary, encoding="hold", articulation=True)
    with pytest.raises(ValueError, match="a dive is that of a score model"):
        run(dataclasses.replace(whole, vocabulary=vocabulary), 0)


def test_what_is_written(whole, found, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dive, "load", lambda workdir: whole)
    monkeypatch.setattr(dive, "run", lambda composer, seed: found)
    for name in ("write_strip", "write_animation"):
        monkeypatch.setattr(dive, name, lambda run, path, start: path.write_text(f"{start}"))
    dive.main([f"--folder={tmp_path / 'dive'}"])
    assert capsys.readouterr().out.startswith(f"{len(found.sigma)} steps in ")
    assert {path.name: path.read_text() for path in (tmp_path / "dive").iterdir()} == {
        "dive.gif": "96", "strip.png": "96"}
