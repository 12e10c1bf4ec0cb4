"""The weights that travel with the package, a tiny model in their place."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

import lmjax
from lmjax.export import export
from lmjax.training import checkpoints
from lmjax.training.checkpoints import BEST, CheckpointError

ROOT = Path(__file__).parents[1]
SAMPLE, EVALUATE = "--mode=sample", "--mode=evaluate"
PUT_IN_PLACE = """
import pathlib
from lmjax.training import checkpoints
checkpoints.PRETRAINED = pathlib.Path({folder!r})
"""
NO_DATA = """
from lmjax import evaluate, train
from lmjax.data import build, dataset, jsb
def fail(*arguments):
    raise AssertionError("the data was asked for")
for module in (evaluate, train, dataset):
    module.load_dataset = fail
build.load = build.load_corpus = jsb.load = fail
"""


@pytest.fixture(scope="module")
def pretrained(trained, tmp_path_factory):
    """What is to be `lmjax/pretrained`. Read only."""
    folder = tmp_path_factory.mktemp("package") / "pretrained"
    export(trained, folder / checkpoints.SHIPPED)
    return folder


@pytest.fixture
def in_place(pretrained, monkeypatch):
    monkeypatch.setattr(checkpoints, "PRETRAINED", pretrained)


@pytest.fixture
def run(command, tiny, pretrained):
    """The command line with the tiny config and the shipped weights; options override fields."""
    def with_shipped(mode, workdir, *options, before="", folder=pretrained):
        return command(f"--config={tiny}", f"--workdir={workdir}", mode, *(
            f"--config.{option}" for option in options),
            before=PUT_IN_PLACE.format(folder=str(folder)) + before)

    return with_shipped


def test_the_shipped_weights_are_loaded_by_name_or_by_none(in_place, trained, tmp_path,
                                                           monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = lmjax.load(trained)
    for arguments in ((), ("pretrained/ncsn",), (Path("pretrained") / "ncsn",)):
        found = lmjax.load(*arguments)
        assert found.folder == checkpoints.shipped()
        jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)
        assert found.vocabulary == expected.vocabulary
    # A folder of the user's own comes first.
    shutil.copytree(trained / BEST, tmp_path / "pretrained" / "ncsn" / BEST)
    assert lmjax.load("pretrained/ncsn").folder == Path("pretrained/ncsn")
    assert lmjax.load().folder == checkpoints.shipped()


def test_a_name_of_no_shipped_weights(in_place, pretrained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        lmjax.load("pretrained/lstm")
    assert str(caught.value) == (
        f"no weights named lstm travel with this copy of lmjax: {pretrained / 'lstm' / BEST} holds "
        "none; install lmjax anew, or train first, with --mode=train")


def test_composing_needs_neither_training_nor_data(run, tmp_path, contents):
    ended = run(SAMPLE, tmp_path, "data.path=nowhere.npz", before=NO_DATA)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[0] == (
        f"no weights in {tmp_path}: composing with the shipped weights lmjax/pretrained/ncsn, "
        "step 6")
    assert {name.split("/")[-1] for name in contents(tmp_path)} == {
        "chorale-000.mid", "chorale-001.mid", "samples.npz", "sampling.png", "report.html"}


def test_the_folders_own_weights_come_first_and_make_the_same_music(run, trained, tmp_path,
                                                                    contents):
    mine, none = tmp_path / "mine", tmp_path / "none"
    mine.mkdir()
    (mine / BEST).symlink_to(trained / BEST)
    ended = run(SAMPLE, mine, before=NO_DATA)
    assert ended.out.splitlines()[0] == f"composing with the weights of {mine}, step 6"
    assert run(SAMPLE, none).code == 0
    made = contents(mine / "samples"), contents(none / "samples")
    for found in made:
        found.pop("seed-0/report.html")  # it tells which weights these are
    assert made[0] == made[1]


# How a model was trained is no matter; how large the shipped one is, it says itself.
TRAINED_OTHERWISE = ("training.steps=8", "training.length=32", "optimizer.warmup=1",
                     "condition.known=0.0", "loss.kind=sliced", "seed=3", "network.dropout=0.5")


def test_a_config_chooses_how_the_weights_are_used_and_nothing_else(run, trained, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / BEST).symlink_to(trained / BEST)
    for name, *options in (("mine",), ("none", "network.channels=4", "network.layers=2")):
        ended = run(SAMPLE, tmp_path / name, *TRAINED_OTHERWISE, *options, "compose.num=1",
                    "compose.bars=1", "sampler.levels=4")
        assert ended.code == 0, ended.err
        with np.load(tmp_path / name / "samples" / "seed-0" / "samples.npz") as file:
            assert file["pitch"].shape == (1, 16, 4)
            assert file["diagnostics_entropy"].shape == (1, 1, 3)  # from level to level


@pytest.mark.parametrize("mode", [SAMPLE, EVALUATE])
@pytest.mark.parametrize("option, found", [
    ("data.source=corpus", "data.source='jsb16', and the config asks for 'corpus'"),
    ("data.encoding=hold", "data.encoding='sounding', and the config asks for 'hold'"),
    ("embedding.kind=learned", "embedding.kind='one_hot', and the config asks for 'learned'"),
])
def test_a_config_of_another_kind_of_model(run, tmp_path, mode, option, found):
    ended = run(mode, tmp_path, option)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (f"lmjax: {tmp_path} holds no weights; the shipped ones are of a model "
                         f"with {found}; train first, with --mode=train\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "description gone"])
def test_damaged_shipped_weights(run, pretrained, tmp_path, damage):
    shutil.copytree(pretrained, tmp_path / "pretrained")
    newest = tmp_path / "pretrained" / "ncsn" / BEST / "6"
    for path in [path for path in newest.rglob("*") if path.is_file()]:
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:50])
        elif "about" in path.parts:
            path.unlink()
    ended = run(SAMPLE, tmp_path / "run", folder=tmp_path / "pretrained")
    assert (ended.code, ended.out) == (1, "") and len(ended.err.splitlines()) == 1
    assert ended.err.startswith(f"lmjax: the checkpoint in {newest} is damaged or of another ")
    assert ended.err.endswith("); install lmjax anew\n")
    assert not (tmp_path / "run").exists()


def test_fields_of_how_a_model_is_used_may_come_and_go(in_place, monkeypatch):
    about = lmjax.load().about
    about["config"]["compose"]["voices"] = 5
    del about["config"]["compose"]["bars"], about["config"]["evaluation"]["draws"]
    monkeypatch.setattr(checkpoints, "read_about", lambda *_: about)
    assert lmjax.load().settings.compose.bars == 8
    del about["config"]["network"]["channels"]
    with pytest.raises(CheckpointError, match=r"another version of lmjax .* install lmjax anew"):
        lmjax.load()


def test_the_shipped_weights_are_measured_on_any_split_of_any_file(run, tiny, tmp_path):
    with np.load(tiny.with_name("tiny.npz")) as file:
        np.savez(tmp_path / "other.npz", fresh_pitches=file["valid_pitches"],
                 fresh_lengths=file["valid_lengths"])
    ended = run(EVALUATE, tmp_path / "run", f"data.path={tmp_path / 'other.npz'}",
                "evaluation.split=fresh", "evaluation.samples=0")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[0] == (
        f"no weights in {tmp_path / 'run'}: measuring the shipped weights lmjax/pretrained/ncsn, "
        "step 6")
    assert "pieces (" in ended.out and " of fresh: " in ended.out
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["split"] == "fresh"


@pytest.fixture(scope="module")
def wheel(pretrained, tmp_path_factory):
    """The content of a wheel that was built with the shipped weights in their place."""
    pytest.importorskip("setuptools", minversion="70.1")
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT / "lmjax", source / "lmjax",
                    ignore=shutil.ignore_patterns("__pycache__", "pretrained"))
    shutil.copytree(pretrained, source / "lmjax" / "pretrained")
    (source / "lmjax" / "pretrained" / "ncsn" / "README.md").write_text("a model card")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-c", "from setuptools import build_meta\n"
         f"build_meta.build_wheel({str(built)!r})"], cwd=source, check=True, capture_output=True)
    zipfile.ZipFile(next(built.glob("*.whl"))).extractall(built / "content")
    return built / "content"


def test_a_wheel_holds_every_file(wheel, pretrained, contents):
    found = contents(wheel / "lmjax")
    for path in (path for path in (ROOT / "lmjax").rglob("*") if path.suffix in (".py", ".json")):
        if "pretrained" not in path.parts:
            assert str(path.relative_to(ROOT / "lmjax")) in found
    expected = {f"pretrained/{name}": content for name, content in contents(pretrained).items()}
    expected["pretrained/ncsn/README.md"] = b"a model card"
    assert {name: content for name, content in found.items() if "pretrained" in name} == expected


def test_a_wheel_composes(wheel, environ, tmp_path):
    program = ("import jax, lmjax\n"
               "form = lmjax.Form(bars=1, key=None)\n"
               "chorale, = lmjax.compose(lmjax.load(), jax.random.key(0), form=form)\n"
               "print(lmjax.__file__, len(chorale))")
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**environ, "PYTHONPATH": str(wheel)},
        capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [os.fspath(wheel / "lmjax" / "__init__.py"), "16"]
