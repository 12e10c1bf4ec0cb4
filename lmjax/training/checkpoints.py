"""Checkpoints by Orbax, self-describing. The only module that imports Orbax.

A working folder holds two kinds:

    checkpoints/STEP/   the whole training state, the last few, to resume from
    best/STEP/          the averaged weights with the best validation so far, to compose with

Beside the arrays each holds `about`, a JSON record of all that is needed to use them: the config,
the vocabulary, the data and its split, the frequencies of the tokens, the prior of
forms.

Weights that travel with the package lie in `lmjax/pretrained/NAME/`, a working folder with nothing
but `best/` (made by `python -m lmjax.export`).
"""

import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp

RESUME, BEST = "checkpoints", "best"
KEPT = {RESUME: 2, BEST: 1}
OVERHEAD = 1_000_000  # bytes of a checkpoint beside its arrays, at most
TEMPORARY = ".orbax-checkpoint-tmp"  # how Orbax ends the names of folders it is writing
COMMITTED = "commit_success.txt"  # a file in which Orbax notes the path it wrote to
PRETRAINED = pathlib.Path(__file__).parents[1] / "pretrained"
SHIPPED = "ncsn"  # the shipped weights that are meant where none are named
NOTHING = {"steps": 0.0, "seconds": 0.0}  # what lies behind a training that begins anew


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, or of another model."""


def shipped(name: str = SHIPPED) -> pathlib.Path:
    """The folder of weights that travel with the package."""
    return PRETRAINED / name


def named_shipped(folder: pathlib.Path) -> bool:
    """Whether a path, `pretrained/NAME`, is the name of shipped weights: it has no others."""
    return folder.parts[:-1] == (PRETRAINED.name,) and (
        is_shipped(folder) or latest_step(folder, BEST) is None)


def is_shipped(folder: pathlib.Path) -> bool:
    """Whether a folder is one of those that travel with the package."""
    return folder.absolute().is_relative_to(PRETRAINED)


def remedy(folder: pathlib.Path) -> str:
    """What to do about a checkpoint of a folder that cannot be used."""
    return "install lmjax anew" if is_shipped(folder) else "train anew in another --workdir"


def _manager(folder: pathlib.Path, kind: str, create: bool) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        (folder / kind).absolute(),
        options=ocp.CheckpointManagerOptions(
            max_to_keep=KEPT[kind], create=create, enable_async_checkpointing=False),
        item_names=("arrays", "about"))


def save(folder: pathlib.Path, kind: str, step: int, arrays: Any, about: dict[str, Any]) -> None:
    """Saves arrays and their description; older ones beyond the kept number go.

    A checkpoint of the same step is left as it is: a run that is repeated makes the same one.
    Orbax writes to a temporary folder and renames it, so a killed run leaves no half checkpoint.

    Raises:
      CheckpointError: if it cannot be written.
    """
    check_space(folder, arrays)
    try:
        with _manager(folder, kind, create=True) as manager:
            if step in manager.all_steps():
                return
            manager.save(step, args=ocp.args.Composite(
                arrays=ocp.args.StandardSave(arrays), about=ocp.args.JsonSave(about)))
            manager.wait_until_finished()
    except Exception as error:
        # Orbax and TensorStore report a full or forbidden disk by exceptions of many kinds.
        for unfinished in (folder / kind).glob(f"{step}{TEMPORARY}*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        raise CheckpointError(
            f"the checkpoint of step {step} cannot be written to {folder / kind}: "
            f"{_first_line(error)}; free some space or choose another --workdir") from error


def check_space(folder: pathlib.Path, arrays: Any) -> None:
    """Raises CheckpointError if a disk has no room for arrays.

    Found out beforehand, since Orbax's threads do not all end where one of them fails.
    """
    needed = 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(arrays)) + OVERHEAD
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(
            f"the disk of {folder} is full: a checkpoint needs up to {needed / 1e6:.1f} MB and "
            f"{free / 1e6:.1f} MB are free; free some space or choose another --workdir")


def latest_step(folder: pathlib.Path, kind: str) -> int | None:
    """The newest step that a folder holds a complete checkpoint of, None if there is none."""
    if not (folder / kind).is_dir():
        return None
    with _manager(folder, kind, create=False) as manager:
        return manager.latest_step()


def cost(about: Mapping[str, Any]) -> dict[str, float]:
    """The steps of the training that a description is of, and their seconds, with those behind the
    weights that it began with; without "seconds" where they were not kept."""
    before = about.get("before", NOTHING)
    return {name: about[own] + before[name]
            for name, own in (("steps", "step"), ("seconds", "seconds")) if own in about}


def read_about(folder: pathlib.Path, kind: str) -> dict[str, Any]:
    """The description of the newest checkpoint.

    Raises:
      CheckpointError: if there is none, or it cannot be read.
    """
    step = _required_step(folder, kind)
    try:
        with _manager(folder, kind, create=False) as manager:
            restored = manager.restore(step, args=ocp.args.Composite(about=ocp.args.JsonRestore()))
        about = restored["about"]
    except Exception as error:
        raise _damaged(folder, kind, step, error) from error
    if not isinstance(about, dict):
        raise _damaged(folder, kind, step, ValueError("it has no description"))
    return about


def read_arrays(folder: pathlib.Path, kind: str, like: Any) -> Any:
    """The arrays of the newest checkpoint.

    Args:
      folder: the working folder.
      kind: `RESUME` or `BEST`.
      like: a pytree of arrays or shapes, with shardings if the arrays are to have them.

    Raises:
      CheckpointError: if there is none, it is damaged, or its arrays are of another shape.
    """
    step = _required_step(folder, kind)
    try:
        with _manager(folder, kind, create=False) as manager:
            restored = manager.restore(step, args=ocp.args.Composite(
                arrays=ocp.args.StandardRestore(like)))
        arrays = restored["arrays"]
    except Exception as error:
        raise _damaged(folder, kind, step, error) from error
    for (path, wanted), found in zip(
            jax.tree.leaves_with_path(like), jax.tree.leaves(arrays), strict=True):
        if wanted.shape != found.shape:
            raise CheckpointError(
                f"the checkpoint in {folder / kind / str(step)} is of another model: "
                f"{jax.tree_util.keystr(path)} has shape {found.shape}, not {wanted.shape}")
    return arrays


def _required_step(folder: pathlib.Path, kind: str) -> int:
    if is_shipped(folder) and latest_step(folder, kind) is None:
        raise CheckpointError(
            f"no weights named {folder.name} travel with this copy of lmjax: {folder / kind} holds "
            f"none; install lmjax anew, or train first, with --mode=train")
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}; train first, or correct the path")
    step = latest_step(folder, kind)
    if step is None:
        raise CheckpointError(
            f"{folder / kind} holds no checkpoint; train first, with --mode=train")
    return step


def _damaged(
        folder: pathlib.Path, kind: str, step: int, error: Exception) -> CheckpointError:
    path = folder / kind / str(step)
    earlier = "" if is_shipped(folder) else "remove that folder to go on from an earlier one, or "
    return CheckpointError(
        f"the checkpoint in {path} is damaged or of another model ({_first_line(error)}); "
        f"{earlier}{remedy(folder)}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
