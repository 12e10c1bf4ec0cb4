"""What the commands of the experiments have in common."""

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Iterator

from absl import logging

from lmjax import evaluate
from lmjax.composer import Composer, keep_programs
from lmjax.data.dataset import Piece, load_dataset
from lmjax.networks.score import ScoreModel


def add_model(parser: argparse.ArgumentParser, folder: str) -> None:
    """The arguments of an experiment on a trained model; results go to `folder` by default."""
    parser.add_argument("--workdir", help="the folder of a training; if not given, the shipped")
    parser.add_argument("--folder", default=folder, help="where results go")
    parser.add_argument("--data", help="the file of a data source that has one; that of the "
                        "training's config if not given")


def held_out(composer: Composer, path: str | None) -> tuple[Piece, ...]:
    """The pieces that a composer is judged by, as its `evaluation` says.

    Args:
      composer: the model.
      path: of the file of its data source; None for that of its training.
    """
    source = composer.settings.data
    data = load_dataset(source.source, path or source.path)
    return evaluate.held_out(data, composer.settings.evaluation)


def fields_of(record: Composer | ScoreModel) -> dict[str, object]:
    """The fields of a record, to make one of a class derived from its own."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


@contextlib.contextmanager
def running(name: str = "lmjax", cached: bool = True) -> Iterator[None]:
    """What runs inside runs quietly; a user's mistake ends it in one sentence, after `name`.

    Args:
      name: of the command.
      cached: whether compiled programs are kept for the next run.
    """
    logging.set_verbosity(logging.FATAL)  # Orbax tells of every step it takes
    if cached:
        keep_programs()
    try:
        yield
    except (ValueError, OSError) as error:
        sys.exit(f"{name}: {error}")
