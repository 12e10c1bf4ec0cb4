"""The command line: `python -m lmjax.main --config=configs/ncsn.py`."""

import pathlib
import sys
from collections.abc import Sequence

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from lmjax.data.cache import cache_folder
from lmjax.evaluate import evaluate
from lmjax.sample import sample
from lmjax.train import train

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The config, such as configs/ncsn.py. Any field can be overridden, as in "
    "--config.training.steps=1000.")
_MODE = flags.DEFINE_enum(
    "mode", "train", ["train", "sample", "evaluate"],
    "train: train, or resume, then compose. sample: compose with what was trained. evaluate: "
    "measure it.")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "The folder for checkpoints, metrics and music; runs/NAME by default, NAME "
    "being that of the config.")

USAGE_ERROR, INTERRUPTED = 2, 130


def parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; a mistake in them is one line and exit code 2."""
    try:
        rest = flags.FLAGS(argv)
        if _CONFIG.value is None:
            raise ValueError("say which config, as in --config=configs/ncsn.py")
        if len(rest) > 1:
            raise ValueError(f"{rest[1]!r} is not a flag; flags begin with --")
    except Exception as error:
        # A config is a program: reading a broken one can raise anything.
        fail(error, USAGE_ERROR)
    return rest


def main(argv: Sequence[str]) -> None:
    """Does what the flags say."""
    del argv
    config = _CONFIG.value
    try:
        workdir = pathlib.Path(_WORKDIR.value or f"runs/{config.get('name', 'run')}")
        logging.set_verbosity(logging.WARNING)
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        if _MODE.value == "train":
            train(config, workdir)
        if _MODE.value == "evaluate":
            evaluate(config, workdir)
        else:
            sample(config, workdir)
    except (ValueError, OSError) as error:
        fail(error, 1)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(INTERRUPTED)


def fail(error: Exception, code: int) -> None:
    """Ends the program with one line that says what went wrong."""
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"lmjax: {text}", file=sys.stderr)
    sys.exit(code)


def run() -> None:
    """The entry point."""
    app.run(main, flags_parser=parse)


if __name__ == "__main__":
    run()
