import json

import numpy as np
import pytest

import lmjax
from lmjax import evaluate as evaluate_module
from lmjax.data import jsb
from lmjax.evaluate import evaluate


@pytest.fixture(scope="module")
def evaluated(command, tiny, trained, tmp_path_factory):
    """A working folder that was evaluated, and what was printed."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "best").symlink_to(trained / "best")
    ended = command(f"--config={tiny}", f"--workdir={folder}", "--mode=evaluate")
    assert ended.code == 0, ended.err
    return folder, ended.out


def test_what_is_printed_is_what_is_written(evaluated):
    folder, text = evaluated
    record = json.loads((folder / "evaluation.json").read_text())
    assert (f"likelihood bound on 3 pieces ({record['frames']:,} frames) of valid: "
            f"{record['nats_per_frame']:.3f} ± {record['standard_error']:.3f} nats per frame"
            ) in text
    for name, value in record["terms"].items():
        assert f"{name} {value:.3f}" in text
    assert "samples" in text and "Bach (valid)" in text
    assert "given: position, bar, beat, start, end, the length" in text
    assert (folder / "density.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text()
    assert f"{record['nats_per_frame']:.3f} ± {record['standard_error']:.3f}" in page
    assert "<h2>Counterpoint</h2>" in page and page.count("<audio") == 2


def test_the_figures_belong_together(evaluated, tiny):
    record = json.loads((evaluated[0] / "evaluation.json").read_text())
    data = jsb.load(tiny.with_name("tiny.npz"))
    assert (record["split"], record["pieces"]) == ("valid", 3)
    assert record["frames"] == sum(map(len, data.split("valid")))
    assert sum(record["terms"].values()) == pytest.approx(record["nats_per_frame"])
    low, high = record["interval"]
    assert low <= record["nats_per_frame"] <= high
    assert record["standard_error"] > 0
    assert record["counterpoint"].keys() == {"samples", "Bach (valid)"}
    assert "Bach-or-Mock grade" in record["figures"]  # such short samples may have none
    run = record["figures"]["longest run shared with training, sixteenths"]
    assert run["samples"][1] <= run["samples"][0] <= run["samples"][2]
    assert record["wholes"] is None  # the benchmark's pieces have no fermatas and no key


def test_the_same_command_measures_the_same(evaluated, command, tiny, trained):
    folder, text = evaluated
    before = (folder / "evaluation.json").read_bytes()
    assert command(f"--config={tiny}", f"--workdir={folder}", "--mode=evaluate").out == text
    assert (folder / "evaluation.json").read_bytes() == before


@pytest.fixture(scope="module")
def config(tiny, trained):
    config = lmjax.load(trained).about["config"]
    config["compose"]["batch_size"] = 2
    return config


def test_from_a_notebook_with_a_dictionary_and_a_path(config, trained, evaluated, tmp_path, capsys):
    (tmp_path / "best").symlink_to(trained / "best")
    config = {**config, "evaluation": {**config["evaluation"], "samples": 0}}
    result = evaluate(config, tmp_path, progress=False)
    record = json.loads((evaluated[0] / "evaluation.json").read_text())
    # Compiled otherwise, so the same but for rounding.
    assert result.likelihood.per_frame == pytest.approx(record["nats_per_frame"], rel=1e-4)
    assert (result.counterpoint, result.figures, result.wholes) == ({}, {}, None)
    # The quick bound of the training measures the same thing on fewer windows.
    validation = lmjax.load(trained).about["valid"]
    assert result.likelihood.per_frame == pytest.approx(validation, abs=2 * result.likelihood.error)
    printed = capsys.readouterr().out
    assert "likelihood bound on 3 pieces" in printed and "Bach" not in printed


def test_a_file_of_held_out_pieces_alone(config, trained, tmp_path, capsys):
    """Without training pieces there is no grade; all else is measured."""
    (tmp_path / "best").symlink_to(trained / "best")
    valid = jsb.load(config["data"]["path"]).split("valid")
    np.savez(tmp_path / "test.npz", test_pitches=np.concatenate([piece.pitch for piece in valid]),
             test_lengths=np.array([len(piece) for piece in valid]))
    config = {**config, "data": {**config["data"], "path": str(tmp_path / "test.npz")},
              "evaluation": {**config["evaluation"], "split": "test"}}
    evaluate(config, tmp_path, progress=False)
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert (record["split"], record["pieces"], record["figures"]) == ("test", 3, {})
    assert record["counterpoint"].keys() == {"samples", "Bach (test)"}
    assert "the data has no split 'train': neither the grade" in capsys.readouterr().out


def test_pieces_outside_the_ranges_are_left_out_if_asked(config, trained, tmp_path):
    (tmp_path / "best").symlink_to(trained / "best")
    # The tiny data was made to lie in the paper's ranges; so move the bass below them.
    data = jsb.load(config["data"]["path"])
    arrays = {"train_pitches": data.split("train")[0].pitch,
              "train_lengths": np.array([len(data.split("train")[0])]),
              "valid_pitches": data.split("valid")[0].pitch - np.array([0, 0, 0, 20], np.int16),
              "valid_lengths": np.array([len(data.split("valid")[0])])}
    np.savez(tmp_path / "low.npz", **arrays)
    config = {**config, "data": {**config["data"], "path": str(tmp_path / "low.npz")},
              "evaluation": {**config["evaluation"], "ranges": "paper", "samples": 0}}
    with pytest.raises(ValueError, match=r"no piece of valid lies in the paper voice ranges; "
                                         r"choose other evaluation\.ranges"):
        evaluate(config, tmp_path, progress=False)
    config["evaluation"]["ranges"] = ""
    with pytest.raises(ValueError, match=r"bass has pitch .* outside the vocabulary's 34 to 67"):
        evaluate(config, tmp_path, progress=False)
    assert not (tmp_path / "evaluation.json").exists()


def test_pieces_of_the_training_are_not_taken_for_held_out(config, trained, tmp_path, monkeypatch):
    load = evaluate_module.configured

    def trained_on_them(*arguments):
        composer = load(*arguments)
        composer.about["data"]["splits"]["train"] += composer.about["data"]["splits"]["valid"][:2]
        return composer

    monkeypatch.setattr(evaluate_module, "configured", trained_on_them)
    (tmp_path / "best").symlink_to(trained / "best")
    with pytest.raises(ValueError, match="was trained on 2 pieces of what is now valid, such as"):
        evaluate(config, tmp_path, progress=False)
