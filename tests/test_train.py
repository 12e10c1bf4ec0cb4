import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp
import pytest

import lmjax
from lmjax.columns import training_cost
from lmjax.data.dataset import fits, metre_pieces, piece_of
from lmjax.data.jsb import piece_of_pitches
from lmjax.metrics.likelihood import BINS
from lmjax.music.chorale import Bar, Chorale
from lmjax.music.tokens import WIDE_RANGES
from lmjax.train import train
from lmjax.training import checkpoints
from lmjax.training.checkpoints import BEST, RESUME

ROOT = Path(__file__).parents[1]


def leaves(folder, kind):
    """The newest checkpoint's step and its arrays, by name."""
    step = checkpoints.latest_step(folder, kind)
    tree = ocp.StandardCheckpointer().restore((folder / kind / str(step) / "arrays").absolute())
    flat = {}

    def walk(name, node):
        if isinstance(node, (dict, list, tuple)):
            items = node.items() if isinstance(node, dict) else enumerate(node)
            for key, child in items:
                walk(f"{name}/{key}", child)
        elif node is not None:
            flat[name] = np.asarray(node)

    walk("", tree)
    return step, flat


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_same_run(one, other):
    """Every number of two runs is the same, to the last bit."""
    assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    for kind in (RESUME, BEST):
        (step, mine), (other_step, theirs) = leaves(one, kind), leaves(other, kind)
        assert step == other_step and mine.keys() == theirs.keys() and len(mine) > 10
        for name, array in mine.items():
            np.testing.assert_array_equal(array, theirs[name], err_msg=f"{kind}{name}")
    one, other = (run / "samples" / "seed-0" for run in (one, other))
    for path in one.glob("*.mid"):
        assert path.read_bytes() == (other / path.name).read_bytes()


# Programs that kill a training from inside, at a moment that is known.
AFTER_A_CHECKPOINT = """
import os, signal
from lmjax.training import checkpoints
save = checkpoints.save
def deadly(folder, kind, step, *rest):
    save(folder, kind, step, *rest)
    if (kind, step) == (checkpoints.RESUME, 2):
        os.kill(os.getpid(), signal.SIGKILL)
checkpoints.save = deadly
"""
WHILE_WRITING_A_CHECKPOINT = """
import os, signal
rename = os.rename
def deadly(source, target, **options):
    if str(target).endswith("checkpoints/4"):
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target, **options)
os.rename = deadly
"""


def test_killed_at_known_moments_and_resumed_ends_with_the_same_numbers(
        command, tiny, trained, tmp_path):
    again = f"--config={tiny}", f"--workdir={tmp_path}"
    assert command(*again, before=AFTER_A_CHECKPOINT).code == -signal.SIGKILL
    assert checkpoints.latest_step(tmp_path, RESUME) == 2
    assert command(*again, before=WHILE_WRITING_A_CHECKPOINT).code == -signal.SIGKILL
    # The best weights of step 4 were written before, its state and what is to come were not.
    assert (tmp_path / RESUME / f"4{checkpoints.TEMPORARY}").is_dir()
    assert checkpoints.latest_step(tmp_path, RESUME) == 2
    ended = command(*again)
    assert ended.code == 0 and f"resuming {tmp_path} from step 2" in ended.out
    assert_same_run(tmp_path, trained)
    assert not list(tmp_path.rglob(f"*{checkpoints.TEMPORARY}*"))


def test_killed_from_outside_and_resumed_ends_with_the_same_numbers(
        python, environ, command, tiny, trained, tmp_path):
    again = f"--config={tiny}", f"--workdir={tmp_path}"
    process = subprocess.Popen([*python, *again], cwd=ROOT, env=environ,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / RESUME / "2").is_dir():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert checkpoints.latest_step(tmp_path, RESUME) in (2, 4)
    assert command(*again).code == 0
    assert_same_run(tmp_path, trained)


def test_a_finished_run_is_only_loaded(command, tiny, copy, contents):
    before = contents(copy)
    ended = command(f"--config={tiny}", f"--workdir={copy}")
    assert ended.code == 0 and f"{copy} has been trained to step 6" in ended.out
    assert "train:" not in ended.err
    after = contents(copy)
    assert before.keys() == after.keys()
    # Reports tell the folder, in which this one differs from the one that was copied.
    assert {name for name in before if before[name] != after[name]} <= {
        "samples/seed-0/samples.npz", "report.html", "samples/seed-0/report.html"}


def test_what_a_training_leaves_behind(trained):
    assert names(trained) == [
        "best", "checkpoints", "metrics.jsonl", "report.html", "samples", "training.png"]
    assert names(trained / RESUME) == ["4", "6"]
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert all(row.keys() == {"step", "loss", "gradient_norm", "parameter_norm", "valid", "sigma",
                              "density"} for row in rows)
    assert all(len(row["sigma"]) == len(row["density"]) == BINS for row in rows)
    about = checkpoints.read_about(trained, BEST)
    assert about["valid"] == min(row["valid"] for row in rows)
    assert [len(names) for names in about["data"]["splits"].values()] == [8, 3]
    assert (trained / "training.png").read_bytes().startswith(b"\x89PNG")


def test_a_learning_rate_that_is_far_too_high(command, tiny, tmp_path):
    ended = command(f"--config={tiny}", f"--workdir={tmp_path}",
                    "--config.optimizer.learning_rate=1e9")
    assert ended.code == 1 and "Traceback" not in ended.err
    last = ended.err.splitlines()[-1]
    assert last.startswith("lmjax: training diverged: the ")
    assert "there is no checkpoint yet" in last


def test_a_run_that_never_reached_a_checkpoint_is_not_mixed_with_another(
        command, tiny, trained, tmp_path):
    # Killed after the best weights of step 2 were written, before its state was.
    shutil.copytree(trained / BEST, tmp_path / BEST)
    ended = command(f"--config={tiny}", f"--workdir={tmp_path}", "--config.seed=1")
    assert ended.code == 1
    assert ended.err == (f"lmjax: {tmp_path} holds a model with seed=0, and the config asks for 1; "
                         "use the same config, or another --workdir\n")


def test_other_data_is_another_run(command, tiny, copy, tmp_path):
    with np.load(tiny.with_name("tiny.npz")) as file:
        arrays = dict(file)
    arrays["train_pitches"] = arrays["train_pitches"].copy()
    arrays["train_pitches"][7, 0] += 1
    np.savez(tmp_path / "other.npz", **arrays)
    ended = command(f"--config={tiny}", f"--workdir={copy}",
                    f"--config.data.path={tmp_path / 'other.npz'}")
    assert ended.err == (
        f"lmjax: the run in {copy} was started on other data; choose another --workdir\n")


def test_the_data_may_have_moved(command, tiny, copy, tmp_path):
    moved = shutil.copy(tiny.with_name("tiny.npz"), tmp_path / "moved.npz")
    assert command(f"--config={tiny}", f"--workdir={copy}",
                   f"--config.data.path={moved}").code == 0


FULL_DISK = """
import shutil
from collections import namedtuple
calls = []
def disk_usage(path):
    calls.append(path)
    return namedtuple("usage", "free")(10**12 if len(calls) <= 3 else 1000)
shutil.disk_usage = disk_usage
"""
WRITES_FAIL = """
import resource
from lmjax.training import checkpoints
save = checkpoints.save
def failing(folder, kind, step, *rest):
    if (kind, step) == (checkpoints.RESUME, 4):
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, -1))
    try:
        save(folder, kind, step, *rest)
    finally:  # what is printed goes to a file, too
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
checkpoints.save = failing
"""
EXPLODES = """
import jax
from lmjax.train import Run
compile = Run.compile
def growing(run, devices, state):
    step = compile(run, devices, state)
    def wrapped(state, batch):
        state, metrics = step(state, batch)
        return state, {**metrics, "loss": metrics["loss"] * (100.0 if state.step > 2 else 1.0)}
    return wrapped
Run.compile = growing
"""
NOT_A_NUMBER = """
import jax, jax.numpy as jnp
from lmjax.train import Run
compile = Run.compile
def failing(run, devices, state):
    step = compile(run, devices, state)
    def wrapped(state, batch):
        state, metrics = step(state, batch)
        if state.step == 5:
            metrics = {**metrics, "gradient_norm": jnp.float32("nan")}
            state = jax.tree.map(
                lambda leaf: leaf * jnp.nan if leaf.dtype == jnp.float32 else leaf, state)
        return state, metrics
    return wrapped
Run.compile = failing
"""


def test_what_fails_leaves_the_earlier_checkpoint_and_it_is_good(
        command, tiny, trained, tmp_path):
    again = f"--config={tiny}", f"--workdir={tmp_path}"
    ended = command(*again, before=FULL_DISK)
    last = ended.err.splitlines()[-1]
    assert ended.code == 1 and "Traceback" not in ended.err
    assert last.startswith(f"lmjax: the disk of {tmp_path} is full: a checkpoint needs up to ")
    assert last.endswith("free some space or choose another --workdir")
    assert names(tmp_path / RESUME) == ["2"]

    # A disk that fills up in the midst of it: Orbax's threads may complain beside us.
    ended = command(*again, before=WRITES_FAIL)
    assert ended.code == 1
    assert (f"lmjax: the checkpoint of step 4 cannot be written to {tmp_path / RESUME}: "
            in ended.err)
    assert checkpoints.latest_step(tmp_path, RESUME) == 2

    ended = command(*again, before=NOT_A_NUMBER)
    assert ended.code == 1 and "Traceback" not in ended.err
    assert ended.err.splitlines()[-1] == (
        "lmjax: training diverged: the gradient norm of step 5 is nan; the last good checkpoint "
        "is that of step 4; try a lower optimizer.learning_rate in another --workdir")
    assert names(tmp_path / RESUME) == ["2", "4"]

    assert command(*again).code == 0
    assert_same_run(tmp_path, trained)


def test_a_loss_that_grows_without_end_is_stopped(command, tiny, tmp_path):
    ended = command(f"--config={tiny}", f"--workdir={tmp_path}", before=EXPLODES)
    assert ended.code == 1 and "Traceback" not in ended.err
    assert re.match(r"lmjax: training diverged: the mean loss of step 4 is [\d.]+; the last good "
                    r"checkpoint is that of step 2; ", ended.err.splitlines()[-1])


def test_best_weights_that_were_removed_are_written_again(command, tiny, copy):
    shutil.rmtree(copy / BEST)
    ended = command(f"--config={tiny}", f"--workdir={copy}")
    assert ended.code == 0, ended.err
    assert checkpoints.latest_step(copy, BEST) == 6
    (_, best), (_, state) = leaves(copy, BEST), leaves(copy, RESUME)
    averaged = {name.removeprefix("/ema"): array for name, array in state.items()
                if name.startswith("/ema")}
    assert best.keys() == averaged.keys()
    for name, array in best.items():
        np.testing.assert_array_equal(array, averaged[name])


PAPER_CONFIG = """
import sys
sys.path.insert(0, {root!r})
from configs import ncsn_paper


def get_config():
    config = ncsn_paper.get_config()
    config.data.update(source="jsb16", path={data!r}, metres=())
    config.network.update(width=8, layers=1, heads=2, feedforward=8)
    config.training.update(steps=4, batch_size=4, length=16, evaluate_every=2,
                           evaluate_windows=2, checkpoint_every=2)
    config.sampler.update(levels=3, steps=2)
    config.compose.update(num=2, bars=2, formats=("musicxml",))
    config.evaluation.update(metres=(), draws=2, samples=2, sample_length=16)
    return config
"""


def test_the_papers_model_goes_the_whole_way(command, tiny, tmp_path):
    """Its own encoding, noise, loss, network and sampler, and a piece longer than its window."""
    config = tmp_path / "paper.py"
    config.write_text(PAPER_CONFIG.format(root=str(ROOT), data=str(tiny.with_name("tiny.npz"))))
    run = f"--config={config}", f"--workdir={tmp_path / 'run'}"
    ended = command(*run)
    assert ended.code == 0, ended.err
    assert len(list((tmp_path / "run").glob("samples/seed-0/*.musicxml"))) == 2
    ended = command(*run, "--mode=evaluate")
    assert ended.code == 0, ended.err
    assert "the model states no token probabilities" in ended.out


@pytest.mark.parametrize("override, message", [
    ("compose.key=H major", "a key is written like 'G major'"),
    ("compose.metre=4/5", "a metre is written like 3/4"),
    ("compose.anacrusis=16", "an anacrusis in 4/4 lasts 0 to 15 sixteenths, not 16"),
])
def test_a_mistake_in_what_to_compose_is_found_before_the_training(
        command, tiny, tmp_path, override, message):
    ended = command(f"--config={tiny}", f"--workdir={tmp_path / 'run'}", f"--config.{override}")
    assert ended.code == 1 and len(ended.err.splitlines()) == 1 and message in ended.err
    assert not (tmp_path / "run").exists()


def test_pieces_of_a_metre():
    def piece(*metres):
        bars = tuple(Bar(16 * i, *metre) for i, metre in enumerate(metres))
        frames = 16 * len(metres)
        struck = np.zeros((frames, 4), bool)
        return piece_of(Chorale(np.full((frames, 4), -1), struck, struck, bars))

    common, mixed = piece((4, 4), (4, 4)), piece((4, 4), (3, 4))
    unknown = piece_of_pitches(np.full((16, 4), 60), "x")
    assert metre_pieces([common, mixed, unknown], ()) == (common, mixed, unknown)
    assert metre_pieces([common, mixed, unknown], ["4/4"]) == (common,)
    assert metre_pieces([common, mixed, unknown], ["3/4", "4/4"]) == (common, mixed)
    with pytest.raises(ValueError, match="no piece of the split is in 6/8 or 2/2; choose other"):
        metre_pieces([common], ["6/8", "2/2"])
    with pytest.raises(ValueError, match="the split has no piece"):
        metre_pieces([], ())


def test_a_piece_fits_ranges():
    pitch = np.array([[low for low, _ in WIDE_RANGES], [high for _, high in WIDE_RANGES],
                      [-1, -1, -1, -1]])
    assert fits(piece_of_pitches(pitch, "x"), WIDE_RANGES)
    for voice in range(4):
        for row, by in ((0, -1), (1, 1)):
            other = pitch.copy()
            other[row, voice] += by
            assert not fits(piece_of_pitches(other, "x"), WIDE_RANGES)


def test_train_returns_the_composer_of_the_folder(tiny, copy):
    config = lmjax.load(copy).about["config"]
    composer = train(config, copy, progress=False)
    assert composer.about == lmjax.load(copy).about


def test_a_validation_split_without_a_piece_in_the_ranges(command, tiny, tmp_path):
    with np.load(tiny.with_name("tiny.npz")) as file:
        arrays = dict(file)
    arrays["valid_pitches"] = arrays["valid_pitches"] + np.int16(24)
    np.savez(tmp_path / "high.npz", **arrays)
    ended = command(f"--config={tiny}", f"--workdir={tmp_path / 'run'}",
                    f"--config.data.path={tmp_path / 'high.npz'}")
    assert ended.code == 1
    assert ended.err == ("lmjax: no piece of the validation split lies in the voice ranges; choose "
                         "wider data.ranges\n")


def test_a_training_that_begins_with_the_weights_of_another(command, tiny, copy, tmp_path):
    """With no rate it ends with them; of another model, or where there are none, it does not."""
    given, new = copy, tmp_path / "tuned"
    run = (f"--config={tiny}", f"--workdir={new}", f"--config.training.init_from={given}",
           "--config.training.steps=2", "--config.optimizer.learning_rate=1e-30", "--mode=train",
           "--config.compose.num=1")
    ended = command(*run)
    assert ended.code == 0, ended.err
    assert f"beginning with the weights of {given}, step" in ended.out
    (_, old), (_, tuned) = leaves(given, BEST), leaves(new, BEST)
    assert old.keys() == tuned.keys()
    for name, array in old.items():
        # The average of equal weights is rounded.
        np.testing.assert_allclose(array, tuned[name], rtol=1e-6, err_msg=name)
    first = lmjax.load(given).about
    before = lmjax.load(new).about["before"]
    assert before == {"steps": first["step"], "seconds": first["seconds"]}
    steps, minutes = training_cost(lmjax.load(new))
    assert steps == first["step"] + 2 and minutes > first["seconds"] / 60 > 0
    again = f"--workdir={tmp_path / 'again'}"
    for change, said in (("--config.network.layers=2", "network.layers=1"),
                         (f"--config.training.init_from={tmp_path / 'none'}", "none")):
        ended = command(*run, again, change)
        assert ended.code == 1
        assert said in ended.err
        assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "again").exists() or not any((tmp_path / "again").iterdir())
