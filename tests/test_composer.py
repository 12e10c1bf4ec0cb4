import shutil

import jax
import numpy as np
import pytest

import lmjax
from lmjax import composer as composer_module


@pytest.fixture(scope="module")
def composer(trained):
    return lmjax.load(trained)


def test_a_composer_is_loaded_from_any_folder(composer, copy, tmp_path, monkeypatch):
    shutil.move(copy / "best", tmp_path / "a b" / "best")
    monkeypatch.chdir(tmp_path)
    for path in ("a b", str(tmp_path / "a b"), tmp_path / "a b"):
        found = lmjax.load(path)
        assert found.settings == composer.settings and found.vocabulary == composer.vocabulary
        jax.tree.map(np.testing.assert_array_equal, found.params, composer.params)
        np.testing.assert_array_equal(found.frequencies, composer.frequencies)


def test_the_frequencies_are_those_of_the_training_data(composer, tiny):
    with np.load(tiny.with_name("tiny.npz")) as file:
        pitch = file["train_pitches"]
    assert composer.frequencies.shape == composer.vocabulary.valid.shape
    for voice, (low, high) in enumerate(composer.vocabulary.ranges):
        share = [(pitch[:, voice] == midi).mean() for midi in range(low, high + 1)]
        np.testing.assert_allclose(composer.frequencies[voice, 1:len(share) + 1], share, atol=1e-6)
        assert composer.frequencies[voice, 0] == 0


def test_a_composer_with_fresh_weights(composer):
    fresh, other = (composer_module.untrained(composer.settings, articulation=False, seed=seed)
                    for seed in (0, 1))
    assert fresh.settings == composer.settings and fresh.vocabulary == composer.vocabulary
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), one.params)
              for one in (fresh, composer)]
    assert shapes[0] == shapes[1]
    assert any((a != b).any() for a, b in zip(
        jax.tree.leaves(fresh.params), jax.tree.leaves(other.params), strict=True))
    np.testing.assert_allclose(fresh.frequencies.sum(axis=1), 1, rtol=1e-6)
    assert ((fresh.frequencies > 0) == fresh.vocabulary.valid).all()


def test_a_checkpoint_of_another_version(copy, monkeypatch):
    about = lmjax.load(copy).about
    del about["config"]["network"]["channels"]
    monkeypatch.setattr(composer_module.checkpoints, "read_about", lambda *_: about)
    with pytest.raises(ValueError, match=r"made by another version of lmjax .*lacks the field"):
        lmjax.load(copy)
