import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lmjax
from lmjax import export as export_module
from lmjax.export import export, portable
from lmjax.training import checkpoints
from lmjax.training.checkpoints import BEST, COMMITTED, CheckpointError


@pytest.fixture
def run(monkeypatch):
    """The command as a function of its arguments: None, or what it ended with."""
    def command(*argv):
        monkeypatch.setattr(sys, "argv", ["export", *map(str, argv)])
        try:
            return export_module.main()
        except SystemExit as end:
            return end.code

    return command


def test_what_was_exported_is_what_was_trained(run, trained, tmp_path, contents, capsys):
    folder = tmp_path / "a" / "b"
    assert run(trained, folder) is None
    size = sum(map(len, contents(folder).values()))
    assert capsys.readouterr().out == f"{folder}: {size / 1e6:.1f} MB\n"
    assert [path.name for path in folder.iterdir()] == [BEST]
    found, composer = lmjax.load(folder), lmjax.load(trained)
    jax.tree.map(np.testing.assert_array_equal, found.params, composer.params)
    np.testing.assert_array_equal(found.frequencies, composer.frequencies)
    assert found.vocabulary == composer.vocabulary
    assert found.about["data"] == composer.about["data"]
    assert found.about["config"]["data"].pop("path") == "tiny.npz"
    assert composer.about["config"]["data"].pop("path").endswith("/tiny.npz")
    assert found.about == composer.about


def test_no_path_travels(trained, tmp_path, contents):
    assert any(str(trained).encode() in content for content in contents(trained / BEST).values())
    export(trained, tmp_path / "made")
    found = contents(tmp_path / "made")
    assert any(name.endswith(COMMITTED) for name in found)
    for root in (trained.parents[1], tmp_path):
        assert not any(str(root).encode() in content for content in found.values())


def test_what_a_training_began_with_is_named_without_its_folder():
    about = {"config": {"data": {"path": ""}, "training": {"init_from": "/home/me/runs/first"}}}
    assert portable(about)["config"]["training"]["init_from"] == "first"
    assert about["config"]["training"]["init_from"] == "/home/me/runs/first"
    older = {"config": {"data": {"path": ""}, "training": {}}}  # of before it could be chosen
    assert portable(older)["config"]["training"]["init_from"] == ""


def test_half_the_digits(trained, tmp_path):
    sizes = {half: export(trained, tmp_path / str(half), half) for half in (False, True)}
    assert sizes[True] < sizes[False]
    half, whole = (lmjax.load(tmp_path / str(half)).params for half in (True, False))
    for rounded, exact in zip(jax.tree.leaves(half), jax.tree.leaves(whole), strict=True):
        assert rounded.dtype == jnp.float32
        np.testing.assert_array_equal(rounded, exact.astype(jnp.float16))


def test_what_lies_beside_the_weights_is_kept(run, trained, tmp_path, contents):
    (tmp_path / "README.md").write_text("a model card")
    assert run(trained, tmp_path) is None
    before = contents(tmp_path)
    assert "README.md" in before
    assert run(trained, tmp_path) == (
        f"lmjax: {tmp_path / BEST} exists already; remove it first, or name another folder")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options, advice", [
    ([], "try --half, or train a smaller network"), (["--half"], "train a smaller network")])
def test_weights_that_are_too_large(run, trained, tmp_path, monkeypatch, options, advice):
    monkeypatch.setattr(export_module, "LARGEST", 0.01)
    # How well Orbax compresses them is not the same every time.
    assert re.fullmatch(
        re.escape(f"lmjax: the weights of {trained} take ") + r"0\.[0-3] MB" + re.escape(
            f", and no more than 0.01 MB may travel; {advice}"), run(trained, tmp_path, *options))
    assert list(tmp_path.iterdir()) == []


def test_weights_that_do_not_exist(run, tmp_path):
    assert run(tmp_path / "nowhere", tmp_path / "made") == (
        f"lmjax: there is no folder {tmp_path / 'nowhere'}; train first, or correct the path")
    assert run(tmp_path, tmp_path / "made") == (
        f"lmjax: {tmp_path / BEST} holds no checkpoint; train first, with --mode=train")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(run, trained, tmp_path):
    (tmp_path / "file").write_text("")
    found = run(trained, tmp_path / "file" / "made")
    assert found.startswith(f"lmjax: {tmp_path / 'file' / 'made' / BEST} cannot be written (")


@pytest.mark.parametrize("fault", [OSError("full"), KeyboardInterrupt()])
def test_a_copy_that_fails_leaves_nothing(trained, tmp_path, monkeypatch, fault):
    save = checkpoints.save

    def failing(*arguments):
        save(*arguments)
        raise fault

    monkeypatch.setattr(export_module.checkpoints, "save", failing)
    with pytest.raises(type(fault)):
        export(trained, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damaged_weights(trained, copy, tmp_path):
    for path in (copy / BEST).rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CheckpointError, match="is damaged"):
        export(copy, tmp_path / "made")
    assert not (tmp_path / "made").exists()
