"""Users' mistakes, one by one, through the real command line."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
USAGE, FAILED = 2, 1
SAMPLE, EVALUATE = "--mode=sample", "--mode=evaluate"


def message(ended, code=FAILED):
    """The one line that a failed command prints, without `lmjax: `."""
    assert (ended.code, ended.out) == (code, ""), ended.err
    lines = ended.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("lmjax: "), ended.err
    return lines[0].removeprefix("lmjax: ")


CONFIG_FILES = {
    "not Python": ("hello world", "SyntaxError: invalid syntax"),
    "no get_config": ("x = 1", "KeyError: 'get_config'"),
    "a failing import": ("import nonesuch", "ModuleNotFoundError: No module named 'nonesuch'"),
    "an error": ("def get_config(): raise ValueError('broken')", "ValueError: broken"),
    "nothing": ("def get_config(): pass", "must return a ConfigDict, not None"),
    "a number": ("def get_config(): return 3", "must return a ConfigDict, not 3"),
}


@pytest.mark.parametrize("name", CONFIG_FILES)
def test_a_config_file_that_makes_no_config(command, tmp_path, name):
    text, expected = CONFIG_FILES[name]
    path = tmp_path / "mine.py"
    path.write_text(text)
    found = message(command(f"--config={path}"), USAGE)
    assert str(path) in found and expected in found


@pytest.mark.parametrize("argv", [["--config=nowhere.py"], ["--config", "nowhere.py"]])
def test_a_config_file_that_does_not_exist(command, argv):
    assert message(command(*argv), USAGE) == (
        "there is no config file 'nowhere.py'; say which, as in --config=configs/ncsn.py")


@pytest.mark.parametrize("argv", [[], ["--config"], ["--config.training.steps=3"]])
def test_no_config(command, argv):
    assert message(command(*argv), USAGE) == "say which config, as in --config=configs/ncsn.py"


@pytest.mark.parametrize("section, field", [("", "seed"), (".training", "steps")])
def test_a_config_that_lacks_a_field(command, tiny, tmp_path, section, field):
    path = tmp_path / "lacks.py"
    path.write_text(f"{tiny.read_text()}\n"
                    f"whole = get_config\n"
                    f"def get_config():\n"
                    f"    config = whole()\n"
                    f"    del config{section}[{field!r}]\n"
                    f"    return config\n")
    assert message(command(f"--config={path}")) == (
        f"config{section} lacks the field {field}; see configs/base.py")


@pytest.mark.parametrize("flag, expected", [
    ("--config.training.stepz=3", "the config has no such field: 'stepz' Did you mean \"steps\""),
    ("--config.trainig.steps=3", "no such field: 'trainig' Did you mean \"training\""),
    ("--config.training.steps.x=3", "no such field: .*training.steps.x"),
    ("--config.training.steps=many", "--config.training.steps=many: invalid literal for int"),
    ("--config.training.steps=2.5", "--config.training.steps=2.5: invalid literal for int"),
    ("--config.optimizer.learning_rate=fast", "learning_rate=fast: could not convert"),
    ("--config.training.steps", "Missing value for flag --config.training.steps"),
    ("stray", "'stray' is not a flag; flags begin with --"),
    ("--mode=dream", "--mode=dream: value should be one of <train.sample.harmonize.rewrite.cont"),
    ("--workdirs=here", "Unknown command line flag 'workdirs'. Did you mean: workdir"),
])
def test_a_flag_that_cannot_be(command, tiny, flag, expected):
    assert re.search(expected, message(command(f"--config={tiny}", flag), USAGE))


@pytest.mark.parametrize("flags, expected", [
    (("--input=tune.abc",), "--input is for --mode=harmonize, rewrite, .*, not --mode=train; say"),
    (("--conditions=asked.yaml",), "--conditions is for --mode=sample, not --mode=train; say"),
    ((SAMPLE, "--num_samples=2"), "--num_samples is for --mode=harmonize, .*, not --mode=sample"),
    (("--mode=harmonize", "--input=tune.abc", "--bars=2"),
     "--bars is for --mode=rewrite, .*, not --mode=harmonize"),
    (("--mode=rewrite", "--input=tune.abc", "--near=2"), "--near is for --mode=vary, not"),
])
def test_a_flag_that_the_mode_does_not_heed(command, tiny, tmp_path, flags, expected):
    ended = command(f"--config={tiny}", f"--workdir={tmp_path}/run", *flags)
    assert re.search(expected, message(ended))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("override, expected", [
    ("training.steps=0", "training.steps must be at least 1, not 0"),
    ("training.batch_size=-4", "training.batch_size must be at least 1, not -4"),
    ("training.checkpoint_every=0", "training.checkpoint_every must be at least 1, not 0"),
    ("training.length=10", r"training.length must be a positive multiple of 4 sixteenths"),
    ("training.devices=-1", "training.devices must not be negative, but is -1"),
    ("training.devices=999", "training.devices asks for 999 devices, and there "),
    ("network.channels=0", "network.channels must be at least 1, not 0"),
    ("network.heads=0", "network.heads must be at least 1, not 0"),
    ("network.heads=3", "network.channels must be a multiple of network.heads, .* 2 and 3"),
    ("network.level_width=7", "network.level_width must be even, not 7"),
    ("network.kind=gru", "network.kind must be one of evidence, transformer, masked, lstm, "),
    ("embedding.kind=learnt", "embedding.kind must be one of"),
    ("noise.levels=0", "a noise ladder needs 2 levels or more, not 0"),
    ("noise.sigma_min=30", "sigma_max must exceed sigma_min"),
    ("condition.known=1.5", "condition.known must lie between 0 and 1, not 1.5"),
    ("optimizer.learning_rate=-1", "optimizer.learning_rate must be positive, not -1"),
    ("loss.kind=mse", "loss.kind must be one of cross_entropy, .*not 'mse'"),
    ("data.source=midi", "data.source must be one of corpus, jsb16, not 'midi'"),
    ("data.path=", "the JSB benchmark needs its file: set data.path"),
    ("data.path=nowhere.npz", "there is no JSB benchmark file nowhere.npz; check data.path"),
    ("data.path=setup.cfg", "setup.cfg is not an .npz file"),
    ("data.metres=3/4", "no piece of the split is in 3/4; choose other metres"),
])
def test_a_training_that_cannot_be(command, tiny, tmp_path, monkeypatch, override, expected):
    monkeypatch.chdir(ROOT)
    workdir = tmp_path / "run"
    ended = command(f"--config={tiny}", f"--workdir={workdir}", f"--config.{override}")
    assert re.search(expected, message(ended))
    assert not (workdir / "metrics.jsonl").exists()


@pytest.mark.parametrize("mode, override, expected", [
    (SAMPLE, "compose.length=30", "compose.length must be a positive multiple of 4 sixteenths"),
    (SAMPLE, "compose.length=-4", "compose.length must be a positive multiple of 4 sixteenths"),
    (SAMPLE, "compose.num=0", "compose.num must be at least 1, not 0"),
    (SAMPLE, "compose.num=-3", "compose.num must be at least 1, not -3"),
    (SAMPLE, "compose.bars=0", "compose.bars must be at least 1, not 0"),
    (SAMPLE, "compose.batch_size=0", "compose.batch_size must be at least 1, not 0"),
    (SAMPLE, "compose.anacrusis=16", "an anacrusis in 4/4 lasts 0 to 15 sixteenths, not 16"),
    (SAMPLE, "compose.metre=5/7", "a metre is written like 3/4, .*not '5/7'"),
    (SAMPLE, "compose.key=H-Dur", "a key is written like 'G major', .*not 'H-Dur'"),
    (SAMPLE, "compose.fermatas=((2, 4), (9, 1))", "there is no beat 1 in bar 9 of 2 bars of 4/4"),
    (SAMPLE, "compose.form=prior", "compose.form='prior' draws .* the JSB benchmark states none"),
    (SAMPLE, "compose.formats=doc", "compose.formats must be one of .*not 'doc'"),
    (SAMPLE, "sampler.kind=gibbs", "sampler.kind must be one of langevin, .*not 'gibbs'"),
    (SAMPLE, "sampler.levels=0", "a noise ladder needs 2 levels or more, not 0"),
    (SAMPLE, "sampler.steps=-1", "sampler.steps must be at least 1, not -1"),
    (EVALUATE, "evaluation.split=test", "the data has no split 'test', only train, valid"),
    (EVALUATE, "evaluation.draws=0", "evaluation.draws must be at least 1, not 0"),
    (EVALUATE, "evaluation.stride=17", "evaluation.stride must not exceed evaluation.length"),
    (EVALUATE, "evaluation.samples=-1", "evaluation.samples must not be negative, but is -1"),
    (EVALUATE, "evaluation.sigma_min=30", "evaluation.sigma_max must exceed evaluation.sigma_min"),
    (EVALUATE, "evaluation.tracks=colour", "evaluation.tracks must be one of .*not 'colour'"),
    (EVALUATE, "evaluation.metres=3/4", "no piece of the split is in 3/4"),
    (EVALUATE, "data.path=nowhere.npz", "there is no JSB benchmark file nowhere.npz"),
    # A workdir of another model, of another vocabulary, of another training.
    (SAMPLE, "network.channels=4",
     "holds a model with network.channels=2, .*asks for 4; use the same"),
    (EVALUATE, "network.channels=4", "holds a model with network.channels=2"),
    ("--mode=train", "network.channels=4", "holds a model with network.channels=2"),
    (SAMPLE, "data.encoding=hold", "holds a model with data.encoding='sounding', .*for 'hold'"),
    ("--mode=train", "data.encoding=hold", "holds a model with data.encoding='sounding'"),
    ("--mode=train", "training.steps=8", "holds a model with training.steps=6"),
])
def test_what_a_composer_cannot_do(
        command, tiny, trained, contents, mode, override, expected):
    before = contents(trained)
    ended = command(f"--config={tiny}", f"--workdir={trained}", mode, f"--config.{override}")
    assert re.search(expected, message(ended))
    assert contents(trained) == before


@pytest.mark.parametrize("mode", [SAMPLE, EVALUATE])
def test_a_missing_checkpoint(command, tiny, tmp_path, mode):
    """Neither in the working folder nor in the package."""
    before = ("import pathlib; from lmjax.training import checkpoints; "
              f"checkpoints.PRETRAINED = pathlib.Path({str(tmp_path / 'pretrained')!r})")
    for folder in (tmp_path / "nowhere", tmp_path):
        ended = command(f"--config={tiny}", f"--workdir={folder}", mode, before=before)
        assert message(ended) == (f"{folder} holds no weights, and none travel with this copy of "
                                  "lmjax; train first, with --mode=train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode, kind", [
    ("--mode=train", "checkpoints"), (SAMPLE, "best"), (EVALUATE, "best")])
@pytest.mark.parametrize("damage", ["cut", "description gone"])
def test_a_damaged_checkpoint(command, tiny, copy, contents, mode, kind, damage):
    newest = copy / kind / "6"
    for path in [path for path in newest.rglob("*") if path.is_file()]:
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:50])
        elif "about" in path.parts:
            path.unlink()
    before = contents(copy)
    found = message(command(f"--config={tiny}", f"--workdir={copy}", mode))
    assert found.startswith(f"the checkpoint in {newest} is damaged or of another model (")
    assert found.endswith("remove that folder to go on from an earlier one, or train anew in "
                          "another --workdir")
    assert contents(copy) == before


def test_damaged_metrics(command, tiny, copy):
    (copy / "metrics.jsonl").write_text("{]\n")
    ended = command(f"--config={tiny}", f"--workdir={copy}")
    assert ended.code == FAILED
    assert re.fullmatch(f"lmjax: {copy}/metrics.jsonl is damaged .*; remove it\n", ended.err)


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_workdir_that_cannot_be_made(command, tiny, tmp_path, name):
    (tmp_path / "file").write_text("not a folder")
    found = message(command(f"--config={tiny}", f"--workdir={tmp_path / name}"))
    assert re.match(f"{tmp_path / name} cannot be written .*choose another folder", found)
    assert (tmp_path / "file").read_text() == "not a folder"


def test_samples_that_cannot_be_written(command, tiny, copy, contents):
    (copy / "samples").rename(copy / "kept")
    (copy / "samples").write_text("a file where the folder should be")
    before = contents(copy)
    ended = command(f"--config={tiny}", f"--workdir={copy}", SAMPLE)
    last = ended.err.splitlines()[-1]
    assert ended.code == FAILED and "Traceback" not in ended.err
    assert re.match(f"lmjax: {copy}/samples/seed-0 cannot be written .*choose another", last)
    assert contents(copy) == before


def test_a_cache_that_cannot_be_made(tiny, tmp_path, environ, python):
    (tmp_path / "file").write_text("")
    ended = subprocess.run(
        [*python, f"--config={tiny}", f"--workdir={tmp_path / 'run'}"], cwd=ROOT,
        env={**environ, "LMJAX_CACHE": str(tmp_path / "file" / "cache")}, capture_output=True,
        text=True, check=False)
    assert (ended.returncode, ended.stdout) == (FAILED, "")
    assert re.fullmatch(f"lmjax: the cache folder {tmp_path}/file/cache cannot be made .*; set "
                        "LMJAX_CACHE to a folder that can be written to\n", ended.stderr)


def test_help_needs_no_config(command):
    assert "--workdir" in command("--helpfull").out
