import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lmjax.training import checkpoints
from lmjax.training.checkpoints import BEST, RESUME, CheckpointError

ARRAYS = {"step": jnp.array(7, jnp.int32), "w": {"kernel": jnp.arange(6.0).reshape(2, 3)}}
ABOUT = {"config": {"name": "x", "metres": ["4/4"]}, "valid": 2.5, "data": {"splits": {"a": []}}}

# Reading a damaged checkpoint leaves failed reads behind, of which nobody collects the errors.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect_failed_reads():
    yield
    gc.collect()


def shapes(arrays):
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), arrays)


@pytest.fixture
def saved(tmp_path):
    checkpoints.save(tmp_path, RESUME, 7, ARRAYS, ABOUT)
    return tmp_path


def test_what_was_saved_comes_back(saved):
    assert checkpoints.latest_step(saved, RESUME) == 7
    assert checkpoints.read_about(saved, RESUME) == ABOUT
    arrays = checkpoints.read_arrays(saved, RESUME, shapes(ARRAYS))
    assert jax.tree.structure(arrays) == jax.tree.structure(ARRAYS)
    jax.tree.map(np.testing.assert_array_equal, arrays, ARRAYS)


def test_the_last_few_are_kept_and_the_newest_read(tmp_path):
    for step in (1, 2, 3):
        checkpoints.save(tmp_path, RESUME, step, {"step": jnp.array(step)}, {"step": step})
    assert sorted(path.name for path in (tmp_path / RESUME).iterdir()) == ["2", "3"]
    assert checkpoints.latest_step(tmp_path, RESUME) == 3
    assert checkpoints.read_about(tmp_path, RESUME) == {"step": 3}


def test_the_same_step_is_saved_once(saved):
    checkpoints.save(saved, RESUME, 7, ARRAYS, {"other": True})
    assert checkpoints.read_about(saved, RESUME) == ABOUT


def test_kinds_are_apart(saved):
    assert checkpoints.latest_step(saved, BEST) is None
    with pytest.raises(CheckpointError, match="holds no checkpoint; train first"):
        checkpoints.read_about(saved, BEST)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no folder .*nowhere; train first"):
        checkpoints.read_arrays(tmp_path / "nowhere", BEST, shapes(ARRAYS))


def test_a_half_written_checkpoint_is_none(saved):
    # Orbax writes to such a folder and renames it at the end.
    (saved / RESUME / "9.orbax-checkpoint-tmp-0").mkdir()
    assert checkpoints.latest_step(saved, RESUME) == 7


def files(folder, part):
    return [path for path in (folder / RESUME / "7" / part).rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", ["cut", "empty", "remove"])
def test_damaged_arrays_are_noticed(saved, damage):
    for path in files(saved, "arrays"):
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:0 if damage == "empty" else 20])
    with pytest.raises(CheckpointError, match="checkpoints/7 is damaged or of another model"):
        checkpoints.read_arrays(saved, RESUME, shapes(ARRAYS))


@pytest.mark.parametrize("damage", ["cut", "remove"])
def test_a_damaged_description_is_noticed(saved, damage):
    for path in files(saved, "about"):
        if damage == "remove":
            path.unlink()
        else:
            path.write_text('{"config": ')
    with pytest.raises(CheckpointError, match="checkpoints/7 is damaged"):
        checkpoints.read_about(saved, RESUME)


@pytest.mark.parametrize("other", [
    {"step": jnp.array(0), "w": {"kernel": jnp.zeros((2, 4))}},
    {"step": jnp.array(0), "w": {"kernel": jnp.zeros((2, 3)), "bias": jnp.zeros(3)}},
    {"step": jnp.array(0)},
], ids=["shape", "more", "fewer"])
def test_another_model_is_noticed(saved, other):
    with pytest.raises(CheckpointError, match="of another model"):
        checkpoints.read_arrays(saved, RESUME, shapes(other))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / RESUME).write_text("a file where the folder should be")
    with pytest.raises(CheckpointError, match=r"step 7 cannot be written to .*checkpoints: "):
        checkpoints.save(tmp_path, RESUME, 7, ARRAYS, ABOUT)
