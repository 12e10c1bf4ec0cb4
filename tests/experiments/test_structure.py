import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lmjax
from experiments.structure import structure
from experiments.structure.neighbours import near, near_composer
from lmjax.composing import draw
from lmjax.judge import notes_of
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoised
from lmjax.requests.prior import fit

BATCH, TIME = 2, 22


def spread(x, sigma, condition):
    """The sum over all frames that exist, and how many those are, in every frame."""
    there = condition.frames[..., None].astype(float)
    total = (x * there).sum(axis=1, keepdims=True) + sigma[:, None, None]
    count = jnp.broadcast_to(there.sum(axis=1, keepdims=True), (*x.shape[:2], 1))
    return Denoised(jnp.broadcast_to(total, x.shape), count[..., None])


@pytest.mark.parametrize("block, margin", [(4, 2), (5, 0), (16, 8), (30, 3)])
def test_a_cell_hears_its_block_and_the_margins(block, margin):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(BATCH, TIME, 3)), jnp.float32)
    sigma = jnp.array([0.5, 2.0])
    heard = near(spread, block, margin)(
        x, sigma, Condition.free(jnp.zeros((BATCH, TIME, 2), jnp.int32)))
    assert heard.mean.shape == x.shape and heard.logits.shape == (BATCH, TIME, 1, 1)
    for frame in range(TIME):
        first = frame // block * block
        here = slice(max(first - margin, 0), min(first + block + margin, TIME))
        np.testing.assert_allclose(
            heard.mean[:, frame], x[:, here].sum(axis=1) + sigma[:, None], rtol=1e-4, atol=1e-4)
        assert (heard.logits[:, frame] == here.stop - here.start).all()


def test_one_block_of_all_is_the_model_itself(composer):
    tracks = lmjax.Form(bars=1, key=None).tracks()
    mine = draw(composer, jax.random.key(0), 2, tracks, 2)
    whole = draw(near_composer(composer, 16, 0), jax.random.key(0), 2, tracks, 2)
    np.testing.assert_array_equal(mine.tokens, whole.tokens)
    near_by = draw(near_composer(composer, 4, 0), jax.random.key(0), 2, tracks, 2)
    assert (near_by.tokens != mine.tokens).any()


def test_what_is_written(composer, data, tmp_path, monkeypatch, capsys):
    forms = fit([lmjax.Form(bars=4, key="G major", fermatas=((2, 3), (4, 1, 4)))]).to_json()
    able = dataclasses.replace(composer, about={"forms": forms})
    chorales = [dataclasses.replace(piece, chorale=notes_of(piece.pitch, piece.struck))
                for piece in data.split("valid")]
    monkeypatch.setattr(structure, "load", lambda workdir: able)
    monkeypatch.setattr(structure, "held_out", lambda composer, path: chorales)
    structure.main([f"--folder={tmp_path}", "--samples=2", "--block=4", "--margin=4"])
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "structure.md").read_text()
    assert printed.startswith("2 chorales of each, seed 0; Bach: valid.")
    tables = json.loads((tmp_path / "structure.json").read_text())
    for table in tables:
        assert list(table) == ["all frames", "4 frames and 4 to each side", "Bach"]


@pytest.mark.parametrize("option", ["--samples=0", "--block=0", "--margin=-1"])
def test_numbers_that_will_not_do(composer, data, monkeypatch, option):
    monkeypatch.setattr(structure, "load", lambda workdir: composer)
    with pytest.raises(SystemExit, match="must be at least 1 and margin not negative"):
        structure.main([option])
