"""Weights made ready to travel: `python -m lmjax.export WORKDIR FOLDER`.

FOLDER becomes a working folder with nothing but `best/`: of a training all that composing and
evaluation need, none of what going on with it would. Such folders lie in `lmjax/pretrained/`.
"""

import argparse
import copy
import os
import pathlib
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging

from lmjax.composer import load
from lmjax.files import writing
from lmjax.training import checkpoints
from lmjax.training.checkpoints import BEST

LARGEST = 25.0  # MB of 10**6 bytes


def export(workdir: str | os.PathLike[str], folder: str | os.PathLike[str],
           half: bool = False) -> float:
    """Copies the best weights of a training into a folder of their own, whole or not at all.

    Args:
      workdir: the folder of the training.
      folder: made if need be; what else it holds is left as it is.
      half: whether the weights are rounded to float16. Loaded, they are float32 again.

    Returns:
      The size of the copy in MB.

    Raises:
      CheckpointError: if the training has no weights, or they are damaged.
      ValueError: if the folder has weights already, or these are too large.
      OSError: if the folder cannot be written to.
    """
    composer, best = load(workdir), pathlib.Path(folder).absolute() / BEST
    if best.exists():
        raise ValueError(f"{best} exists already; remove it first, or name another folder")
    params = composer.params
    if half:
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float16), params)
    with writing(best):
        best.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=best.parent) as temporary:
            made = pathlib.Path(temporary) / BEST
            checkpoints.save(made.parent, BEST, composer.about["step"], params,
                             portable(composer.about))
            for path in made.rglob(checkpoints.COMMITTED):
                path.write_text("committed\n")  # in place of a path on this machine
            size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file()) / 1e6
            if size > LARGEST:
                raise ValueError(f"the weights of {workdir} take {size:.1f} MB, and no more than "
                                 f"{LARGEST:g} MB may travel; {'' if half else 'try --half, or '}"
                                 "train a smaller network")
            made.rename(best)
    return size


def portable(about: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's description without the folders of the machine that made it."""
    described = copy.deepcopy(dict(about))
    for section, field in (("data", "path"), ("training", "init_from")):
        fields = described["config"][section]
        fields[field] = pathlib.PurePath(fields.get(field, "")).name
    return described


def main() -> None:
    """Copies the best weights of a training into a folder of their own."""
    parser = argparse.ArgumentParser(prog="python -m lmjax.export", description=main.__doc__)
    parser.add_argument("workdir", metavar="WORKDIR", help="the folder of the training")
    parser.add_argument("folder", metavar="FOLDER", help="such as lmjax/pretrained/ncsn")
    parser.add_argument("--half", action="store_true",
                        help="round the weights to float16: half the size")
    options = parser.parse_args()
    logging.set_verbosity(logging.FATAL)  # Orbax tells of every step it takes
    try:
        size = export(options.workdir, options.folder, options.half)
    except (ValueError, OSError) as error:
        sys.exit(f"lmjax: {error}")
    print(f"{options.folder}: {size:.1f} MB")


if __name__ == "__main__":
    main()
