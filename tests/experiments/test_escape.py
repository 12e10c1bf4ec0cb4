import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.escape import chains, gibbs
from experiments.escape.escape import escape
from experiments.escape.poor import FARTHEST, shifted_voices, starts, wrong_cells
from lmjax.judge import notes_of
from lmjax.music import rhythm
from lmjax.music.tokens import Vocabulary
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import one_hot_table
from lmjax.sampling.settings import SamplerSettings

TABLE = one_hot_table((2, 2))


def agreeing(x, sigma, condition):
    """The conditionals of two voices that agree in 9 draws of 10, each frame on its own."""
    other = jax.nn.one_hot(condition.tokens[..., ::-1], 2)
    return from_logits(TABLE, jnp.log(0.1 + 0.8 * other))


def chain(tokens, first, last, seed=0):
    keys = jax.random.split(jax.random.key(seed), len(tokens))
    condition = Condition.free(jnp.zeros((*tokens.shape[:2], 1), jnp.int32), 2)
    ask = gibbs.by_score(agreeing, jnp.zeros(4), 20.0)
    return gibbs.run(keys, ask, tokens, condition, first, last)


def test_gibbs_draws_one_cell_a_step():
    tokens = jnp.zeros((50, 3, 2), jnp.int32)
    moved = []
    for index in range(6):
        after = chain(tokens, index, index + 1)
        moved.append((after != tokens).sum((1, 2)))
        tokens = after
    assert np.max(moved) == 1
    # Every cell but the drawn one is given, so nothing changes but by its conditional.
    assert 0 < np.mean(moved) < 1


def test_gibbs_shows_the_score_network_noise():
    seen = []

    def watched(x, sigma, condition):
        seen.append((np.asarray(x), np.asarray(sigma), condition))
        return agreeing(x, sigma, condition)

    condition = Condition.free(jnp.zeros((200, 3, 1), jnp.int32), 2)
    keys = jax.random.split(jax.random.key(0), 200)
    ask = gibbs.by_score(watched, jnp.full(4, 100.0), 20.0)
    logits = ask(keys, condition)
    (x, sigma, shown), = seen
    assert logits.shape == (200, 3, 2, 2) and shown is condition
    assert (sigma == 20).all()
    assert abs(x.mean() - 100) < 4 * 20 / np.sqrt(x.size)


def test_gibbs_reaches_the_distribution_of_its_conditionals():
    end = chain(jnp.zeros((2000, 1, 2), jnp.int32), 0, 60)
    agree = np.asarray(end[..., 0] == end[..., 1])
    assert abs(agree.mean() - 0.9) < 4 * np.sqrt(0.9 * 0.1 / 2000)
    assert abs(np.asarray(end).mean() - 0.5) < 4 * np.sqrt(0.25 / 2000)


def test_gibbs_goes_on_where_it_stopped():
    tokens = jnp.zeros((5, 4, 2), jnp.int32)
    np.testing.assert_array_equal(chain(chain(tokens, 0, 7), 7, 20), chain(tokens, 0, 20))


@pytest.fixture
def piece():
    pitch = np.repeat(np.array([[72, 67, 60, 48], [74, 67, 59, -1]], np.int16), 8, axis=0)
    return notes_of(pitch, np.zeros(pitch.shape, bool) | (np.arange(16) == 8)[:, None]
                    & (pitch != -1))


def test_spoiled_cells(piece):
    vocabulary, generator = Vocabulary(), np.random.default_rng(0)
    spoiled = [wrong_cells(piece, vocabulary, generator) for _ in range(50)]
    for one in spoiled:
        vocabulary.encode(one.pitch, one.struck)  # all pitches are in range
    share = np.mean([one.pitch != piece.pitch for one in spoiled])
    assert 0.28 < share < 0.34  # a third, but for those that happen to be right


def test_shifted_voices(piece):
    vocabulary, generator = Vocabulary(), np.random.default_rng(0)
    for _ in range(20):
        shift = shifted_voices(piece, vocabulary, generator).pitch - piece.pitch
        sounding = piece.pitch != -1
        assert (shift[~sounding] == 0).all()
        for voice in range(4):
            by, = np.unique(shift[sounding[:, voice], voice])
            assert 0 < abs(by) <= FARTHEST


@pytest.fixture
def settled(composer, data, tmp_path):
    """The experiment on a small network, and its folder."""
    def run():
        escape(composer, data.split("valid"), tmp_path, [6, 12], [0.5, 2.0],
               "predictor_corrector", 2, 16, 0, progress=False)
        return json.loads((tmp_path / "escape.json").read_text())
    return run


def test_what_is_written_and_done_once(settled, tmp_path, monkeypatch):
    record = settled()
    names = ["single-cell Gibbs", "predictor_corrector from sigma 0.5",
             "predictor_corrector from sigma 2"]
    assert len(record["ends"]) == 3
    for budgets in record["ends"].values():
        assert list(budgets) == ["6", "12"]
        for budget, methods in budgets.items():
            assert list(methods) == names
            assert methods["single-cell Gibbs"][0] == int(budget)
            assert all(0 < evaluations <= int(budget) for evaluations, _ in methods.values())
            moved = methods["single-cell Gibbs"][1]["cells whose pitch is not that of the start, %"]
            assert moved[0] <= 100 * int(budget) / 64
    assert "## voices shifted: 12 evaluations at most" in (tmp_path / "escape.md").read_text()
    assert (tmp_path / "escape.png").read_bytes().startswith(b"\x89PNG")

    def never(*arguments):
        raise AssertionError("a chain was run again")

    monkeypatch.setattr(chains, "programs", never)
    monkeypatch.setattr(chains.gibbs, "run", never)
    monkeypatch.setattr(chains.chain, "vary", never)
    assert settled() == record


def test_the_kinds_of_starts(composer, data):
    tracks = rhythm.tracks(16)
    made = starts(composer, data.split("valid"), tracks, 2, 0)
    assert list(made) == ["Bach", "a third of the cells wrong", "voices shifted",
                          "samples of 8 evaluations"]
    assert {len(chorales) for chorales in made.values()} == {2}
    assert {len(one) for chorales in made.values() for one in chorales} == {16}


def test_a_network_that_was_never_given_cells(composer):
    import dataclasses
    never = dataclasses.replace(composer, settings=dataclasses.replace(
        composer.settings, condition=dataclasses.replace(composer.settings.condition, known=0.0),
        sampler=SamplerSettings()))
    with pytest.raises(ValueError, match="trained with given cells"):
        chains.programs(never, rhythm.tracks(16))
