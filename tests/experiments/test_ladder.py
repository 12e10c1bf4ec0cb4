"""The ladder from the paper's configuration to ours: its configs, and two rungs of it in small."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

from configs import ncsn, ncsn_paper
from experiments.why_ncsn_failed import ladder, rungs
from experiments.why_ncsn_failed.rungs import LADDER, PATHS, TABLES, config_of, weights_of
from lmjax.settings import from_config

NOTHING = "nothing"  # in place of a field that a section does not have


def flat(config):
    return {f"{section}.{field}": value
            for section, fields in config.to_dict().items() if isinstance(fields, dict)
            for field, value in fields.items()}


def changes(before, after):
    """The fields in which two configs differ, and their values in the second."""
    before, after = flat(before), flat(after)
    return {name: after.get(name, NOTHING) for name in before.keys() | after.keys()
            if before.get(name, NOTHING) != after.get(name, NOTHING)}


@pytest.mark.parametrize("name", PATHS)
def test_every_rung_is_a_config(name):
    config = config_of(name)
    assert from_config(config).name == name
    # All are measured alike: on the same pieces, each read whole.
    assert config.evaluation == ncsn_paper.get_config().evaluation


def test_the_ladder_stands_on_the_papers_config():
    assert changes(ncsn_paper.get_config(), config_of(LADDER[0].name)) == {}


def test_the_ladder_ends_at_ours():
    """But for how long, and how closely watched, it is trained; and for what is measured of it.

    Its samples are shorter than any window.
    """
    left = changes(config_of(LADDER[-1].name), ncsn.get_config())
    left.pop("compose.window")
    assert {name.split(".")[0] for name in left} <= {"training", "evaluation"}
    assert not left.keys() & {"training.batch_size", "training.length", "training.devices"}


@pytest.mark.parametrize("name", [name for name, path in PATHS.items() if len(path) > 1])
def test_a_rung_changes_what_it_says_and_no_more(name):
    *_, before, rung = PATHS[name]
    made = changes(config_of(before.name), config_of(name))
    assert made
    for name, value in made.items():
        section, field = name.split(".")
        if value == NOTHING:
            assert section in rung.changes
        else:
            said = rung.changes[name] if name in rung.changes else rung.changes[section][field]
            assert value == said


def test_the_largest_changes_stand_alone():
    alone = {"level": "network.level", "logits": "network.output", "cross_entropy": "loss.kind",
             "articulation": "embedding.articulation", "smoothing": "network.smoothing",
             "spacing": "network.spacing", "pulse": "network.pulse",
             "symmetry": "network.symmetry",
             "known": "condition.known", "average": "optimizer.ema"}
    for name, field in alone.items():
        *_, before, _ = PATHS[name]
        assert changes(config_of(before.name), config_of(name)).keys() == {field}


def test_names_are_those_of_one_rung():
    assert len(PATHS) == sum(len(others) for _, others in TABLES.values())


def test_other_chains_need_no_other_weights():
    assert weights_of("sampler") == "paper"
    assert weights_of("padding") == "padding"
    assert weights_of("learned_8") == "learned_8"
    assert {weights_of(rung.name) for rung in rungs.CHAINS} == {"muon"}


def test_chains_of_equal_cost():
    cost = {name: from_config(config_of(name)).sampler.evaluations for name in PATHS}
    assert cost.pop("paper") == cost.pop("chain_paper") == 2001
    assert cost.pop("guidance") == 92  # with a level more, 102
    assert cost.pop("early_guidance") == 97
    assert set(cost.values()) == {96}


def test_nothing_is_edited_twice():
    """A rung leaves the config that it was given as it was, and the next call finds its own."""
    paper = ncsn_paper.get_config()
    config = config_of("symmetry", paper)
    config.network.channels = 1
    assert changes(ncsn_paper.get_config(), paper) == {}
    assert config_of("symmetry").network.channels == ncsn.get_config().network.channels


@pytest.fixture(scope="module")
def paper(tiny):
    """The paper's config, made small, on the tiny data."""
    config = ncsn_paper.get_config()
    config.data.update(source="jsb16", path=str(tiny.with_name("tiny.npz")), metres=())
    config.network.update(width=8, layers=1, heads=2, feedforward=8)
    config.training.update(batch_size=2, length=16, evaluate_windows=2)
    config.sampler.update(levels=3, steps=2)
    config.compose.batch_size = 2
    config.evaluation.update(metres=(), length=16, stride=16, draws=2, sample_length=16)
    return config


@pytest.fixture(scope="module")
def climbed(paper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ladder")
    return folder, ladder.climb(folder, 0.005, 2, 0, ["paper", "sampler"], paper, progress=False)


def test_two_rungs(climbed):
    folder, result = climbed
    first, second = result["rungs"]["paper"], result["rungs"]["sampler"]
    assert json.dumps(result) == json.dumps(json.loads((folder / "ladder.json").read_text()))
    assert first["steps"] >= 1
    assert first["steps"] == pytest.approx(0.3 / first["seconds_per_step"], abs=0.51)
    assert (first["evaluations"], second["evaluations"]) == (7, 96)
    assert not first["states_logits"]
    # The second uses the weights of the first, which are measured once.
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["paper"]
    for name in ("parameters", "steps", "seconds_per_step", "nats_per_frame", "interval"):
        assert first[name] == second[name]
    assert np.isfinite(first["nats_per_frame"])
    assert first["pieces"] == 3


def test_the_tables(climbed):
    folder, result = climbed
    text = (folder / "ladder.md").read_text()
    row = result["rungs"]["paper"]
    lines = [line for line in text.splitlines() if line.startswith("| paper | ")]
    assert len(lines) == 2
    assert (f"{row['nats_per_frame']:.2f} ± {row['standard_error']:.2f} "
            f"[{row['interval'][0]:.2f}, {row['interval'][1]:.2f}]\\*") in lines[0]
    value, low, high = row["counterpoint"]["samples"]["dissonant voice pairs, %"]
    assert f" {value:.1f} [{low:.1f}, {high:.1f}] " in lines[1]
    assert sum(line.startswith("| Bach (valid) | ") for line in text.splitlines()) == 1
    assert "clipped to the simplex" in text and "## Chains" not in text
    # Every line of a table has as many cells as its header.
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    assert all(len({line.count(" | ") for line in lines}) == 1 for lines in tables)


def test_the_picture(climbed):
    folder, _ = climbed
    height, width = imread(folder / "ladder.png").shape[:2]
    assert width > height > 0


def test_a_rung_that_is_done_is_not_run_again(climbed, paper, monkeypatch):
    folder, result = climbed
    monkeypatch.setattr(ladder, "judged", lambda *arguments: pytest.fail("run again"))
    again = ladder.climb(folder, 0.005, 2, 0, ["paper", "sampler"], paper, progress=False)
    assert json.dumps(again) == json.dumps(result)


def test_another_protocol_is_another_ladder(climbed, paper):
    folder, _ = climbed
    with pytest.raises(ValueError, match=r"holds a ladder with minutes=0\.005, not 1; choose ano"):
        ladder.climb(folder, 1, 2, 0, ["paper"], paper, progress=False)


def test_a_training_that_diverges_is_a_result(paper, tmp_path, monkeypatch):
    def diverging(*arguments):
        raise ladder.DivergedError("training diverged: the loss of step 3 is nan")

    monkeypatch.setattr(ladder, "judged", diverging)
    result = ladder.climb(tmp_path, 0.005, 2, 0, ["paper"], paper, progress=False)
    assert result["rungs"] == {
        "paper": {"diverged": "training diverged: the loss of step 3 is nan"}}
    assert "the loss of step 3 is nan |" in (tmp_path / "ladder.md").read_text()
