"""Several composers in one table."""

import csv
import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

from lmjax import columns
from lmjax import compare as module
from lmjax.columns import COMPOSING, LIKELIHOODS
from lmjax.compare import compare
from lmjax.evaluate import evaluate
from lmjax.metrics import theory
from lmjax.train import train

ROOT = Path(__file__).parents[1]
EXACT, BOUND, _ = LIKELIHOODS
COLUMNS = ["Bach (train)", "Bach (valid)", "the same, shuffled"]


@pytest.fixture(scope="module")
def config(tiny):
    config = runpy.run_path(str(tiny))["get_config"]()
    config.evaluation.samples = 5
    return config


@pytest.fixture(scope="module")
def models(config, trained, tmp_path_factory):
    """A score model and a left-to-right one, in one folder."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(trained, folder / "score")
    left_to_right = runpy.run_path(str(ROOT / "configs" / "lstm.py"))["get_config"]()
    left_to_right.update(data=config.data, training=config.training)
    left_to_right.network.update(embedding=2, width=4, layers=1)
    train(left_to_right, folder / "lstm", progress=False)
    return folder


@pytest.fixture(scope="module")
def table(config, models):
    return compare(config, [str(models / "score"), f"{models / 'lstm'}:kind=cold",
                            str(models / "score" / "samples" / "seed-0" / "samples.npz")],
                   progress=False)


def test_columns(table, models):
    names = [name.removeprefix(str(models)) for name in table]
    assert names == ["/score", "/lstm:kind=cold", "/score/samples/seed-0/samples.npz", *COLUMNS]
    rows = module.rows_of(table)
    score, cold, samples, learned, bach, mixed = (
        [column.get(row) for row in rows] for column in table.values())
    assert rows[:2] == ["parameters", "training: steps"]
    assert score[1] == cold[1] == (6.0,) and score[rows.index("training: minutes")][0] > 0
    for row in (theory.ROWS["dissonant"].label, "Bach-or-Mock grade: median"):
        assert all(column[rows.index(row)] is not None for column in (
            score, cold, samples, learned, bach, mixed)), row
    # Likelihoods that are not the same are never in the same row.
    assert score[rows.index(EXACT)] is cold[rows.index(BOUND)] is None
    assert score[rows.index(BOUND)] and cold[rows.index(EXACT)]
    assert not any(column[rows.index(name)] for column in (samples, learned, bach, mixed)
                   for name in (EXACT, BOUND, "parameters"))
    # Bach is told from Bach as samples are; from himself he is not.
    told = rows.index("Bach-or-Mock grade: area under the curve")
    assert learned[told] and bach[told] is None
    # What the training split shares with itself is all of it.
    shared = "longest run shared with training, sixteenths: median"
    assert bach[rows.index(shared)] and learned[rows.index(shared)] is None


def test_the_numbers_are_those_of_a_model_by_itself(table, config, models, tmp_path):
    folder = shutil.copytree(models / "score", tmp_path / "score")
    found = evaluate(config, folder, progress=False)
    column = table[str(models / "score")]
    assert column[BOUND] == (found.likelihood.per_frame, *found.likelihood.interval)
    for name, values in found.counterpoint["samples"].items():
        np.testing.assert_equal(column[name], values)
    for name, figure in found.figures.items():
        np.testing.assert_equal(column[f"{name}: median"], figure.samples)
        np.testing.assert_equal(column[f"{name}: area under the curve"], figure.auc)
        if not np.isnan(figure.bach[0]):  # none if no sample could be graded
            assert table["Bach (valid)"][f"{name}: median"] == figure.bach


def test_files(table, models):
    text = (models / "comparison.md").read_text()
    assert text == module.markdown(table) + "\n"
    assert "| parameters |" in text and "| training: steps | 6 | 6 |  |  |  |  |" in text
    header, *lines = csv.reader((models / "comparison.csv").open())
    assert header[:4] == ["measure", *(f"{models / 'score'}{end}" for end in ("", " low", " high"))]
    by_row = {line[0]: line[1:] for line in lines}
    assert list(by_row) == module.rows_of(table)
    assert [float(cell) for cell in by_row[BOUND][:3]] == list(table[str(models / "score")][BOUND])
    assert by_row[EXACT][:3] == [""] * 3


@pytest.mark.parametrize("columns, folder", [
    (["runs/a", "runs/b:kind=cold"], "runs"),
    (["there/a", "runs/b/samples/seed-0/samples.npz"], "there"),
    (["pretrained/ncsn", "there/b"], "there"),
    (["pretrained/ncsn", "there/b/samples.npz"], "runs"),
    (["pretrained/ncsn", "pretrained/ncsn:kind=ode"], "runs"),
])
def test_tables_lie_beside_working_folders(columns, folder):
    assert module.folder_of(columns) == Path(folder).absolute()


def test_what_was_measured_is_not_measured_again(table, config, models, monkeypatch):
    def never(*arguments):
        raise AssertionError("a column was measured again")

    monkeypatch.setattr(columns.Model, "likelihood", never)
    again = compare(config, [str(models / "score")], progress=False)
    np.testing.assert_equal(again[str(models / "score")], table[str(models / "score")])
    assert len(json.loads((models / "comparison.json").read_text())) == 6
    with pytest.raises(AssertionError, match="measured again"):
        compare(config, [f"{models / 'score'}:levels=4"], progress=False)


def test_an_interrupted_column_goes_on(config, models, table, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    there = str(shutil.copytree(models / "lstm", tmp_path / "lstm"))
    with monkeypatch.context() as patch:
        patch.setattr(columns.Model, "windows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compare(config, [f"{there}:kind=cold"], progress=False)
    kept = json.loads((tmp_path / "comparison.json").read_text())
    assert kept[f"{there}:kind=cold"]["measured"] == {
        "likelihood": True, "windows": False, "wholes": False}
    monkeypatch.setattr(columns.Model, "likelihood", interrupted)  # not measured again
    found = compare(config, [f"{there}:kind=cold"], progress=False)
    once = table[f"{models / 'lstm'}:kind=cold"]
    seconds = [name for name in COMPOSING if "seconds" in name]
    np.testing.assert_equal({row: cell for row, cell in found[f"{there}:kind=cold"].items()
                             if row not in seconds},
                            {row: cell for row, cell in once.items() if row not in seconds})


def test_a_column_that_cannot_go_on_says_what_it_lacks(table, config, models, tmp_path, capsys):
    gone, kept = str(tmp_path / "gone"), json.loads((models / "comparison.json").read_text())
    kept[gone] = kept[str(models / "score")]
    kept[gone]["measured"]["wholes"] = False
    (tmp_path / "comparison.json").write_text(json.dumps(kept))
    compare(config, [gone], progress=False)
    said = "gone is gone before it was measured to the end and lacks its wholes"
    assert said in capsys.readouterr().out


def test_a_column_outlives_its_weights(table, config, models, tmp_path):
    """As long as it is measured as the others are."""
    gone, there = str(tmp_path / "gone"), str(shutil.copytree(models / "lstm", tmp_path / "lstm"))
    kept = json.loads((models / "comparison.json").read_text())
    kept[gone] = kept[str(models / "score")]
    (tmp_path / "comparison.json").write_text(json.dumps(kept))
    found = compare(config, [gone, f"{there}:kind=cold"], progress=False)
    assert list(found) == [gone, f"{there}:kind=cold", *COLUMNS]
    np.testing.assert_equal(found[gone], table[str(models / "score")])
    config = config.copy_and_resolve_references()
    config.evaluation.samples = 6
    with pytest.raises(ValueError, match="gone is gone, and what is kept of it was measured in an"):
        compare(config, [gone], progress=False)
    with pytest.raises(ValueError, match="never"):
        compare(config, [str(tmp_path / "never")], progress=False)


@pytest.mark.parametrize("column, message", [
    ("score:level=4", "the sampler of .*score has no field 'level', only kind, "),
    ("score:levels=many", "score:levels=many: invalid literal"),
    ("score:kind=warm", "score:kind=warm: sampler.kind must be one of"),
    ("lstm:temperature=0", "sampler.temperature must be positive, not 0.0"),
    ("lstm:top_p=1.5", "sampler.top_p must be above 0 and at most 1, not 1.5"),
    ("pretrained/ncsn", "trained on data.source='corpus', and the config asks for 'jsb16'"),
    ("nothing", "nothing"),
    ("score,score", "is named twice"),
])
def test_columns_that_cannot_be(config, models, column, message):
    named = [one if one.startswith("pretrained") else str(models / one)
             for one in column.split(",")]
    with pytest.raises(ValueError, match=message):
        compare(config, named, progress=False)


NOTES = np.full((2, 16, 4), 60, np.int16)


@pytest.mark.parametrize("arrays, message", [
    ({"pitch": NOTES}, "is no file of chorales with the arrays pitch and struck"),
    ({"pitch": NOTES[..., :3], "struck": NOTES[..., :3] < 0}, "chorales have 4 voices"),
    ({"pitch": NOTES, "struck": NOTES < 0, "frames_per_quarter": 12},
     "have 12 frames to a quarter-note, and here it has 4"),
    ({"pitch": NOTES[:, :8], "struck": NOTES[:, :8] < 0}, "has a chorale of 8 sixteenths; lower"),
    ({"pitch": NOTES[:0], "struck": NOTES[:0] < 0}, "has a chorale of 0 sixteenths; lower"),
    ({"pitch": NOTES + np.arange(16)[:, None], "struck": NOTES < 0}, "without being struck"),
    *(({"pitch": NOTES + add, "struck": NOTES < 0}, "must be whole numbers from -1, silence, to")
      for add in (68, -62, 0.5, np.nan)),
    *(({"pitch": NOTES, "struck": NOTES < 0, "frames": frames}, "must say of each chorale how many")
      for frames in ([16, 17], [16], [[16, 16]])),
])
def test_files_that_hold_no_chorales_like_ours(config, tmp_path, arrays, message):
    path = tmp_path / "theirs.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        compare(config, [str(path)], progress=False)
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_files(config, tmp_path):
    path = tmp_path / "theirs.npz"
    np.savez_compressed(path, pitch=NOTES, struck=NOTES > 0)
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[:-30], whole[:60] + b"\0" * 40 + whole[100:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"theirs\.npz is no file of chorales"):
            compare(config, [str(path)], progress=False)
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_table(config, models, tmp_path):
    (tmp_path / "comparison.json").write_text('{"score": ')
    with pytest.raises(ValueError, match=r"comparison.json, in which .* is damaged .*remove it"):
        compare(config, [str(tmp_path / "score")], progress=False)


@pytest.mark.parametrize("named", ["pretrained/ncsn", "lstm:kind=cold", "theirs.npz", "a,b"])
def test_what_is_no_folder_by_itself_is_a_column(command, tiny, tmp_path, named):
    """An evaluation makes its folder; these have to be there."""
    named = ",".join(one if one.startswith("pretrained") else str(tmp_path / one)
                     for one in named.split(","))
    ended = command(f"--config={tiny}", "--mode=evaluate", f"--workdir={named}")
    assert ended.code == 1 and ended.err.startswith("lmjax: ") and ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_folder_for_all_else(command, tiny, tmp_path):
    for mode in ("train", "sample"):
        ended = command(f"--config={tiny}", f"--mode={mode}",
                        f"--workdir={tmp_path}/a,{tmp_path}/b")
        assert ended.code == 1
        assert ended.err.strip() == (f"lmjax: --mode={mode} is for one --workdir, and there are 2: "
                                     f"{tmp_path}/a, {tmp_path}/b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("override", "message"), [
    ("sampler.levels=3", "changes no column of a table; say of which it is, as in "
                         "--workdir=pretrained/ncsn:levels=VALUE"),
    ("network.layers=1", "changes no column of a table: models remain what they were trained to "
                         "be"),
])
def test_what_a_table_does_not_heed(command, tiny, override, message):
    ended = command(f"--config={tiny}", "--mode=evaluate", "--workdir=pretrained/ncsn,runs/a",
                    f"--config.{override}")
    assert ended.code == 1
    assert ended.err == f"lmjax: --config.{override.split('=')[0]} {message}\n"
