"""The command line: `python -m lmjax.main --config=configs/ncsn.py`."""

import pathlib
import re
import runpy
import sys
from collections.abc import Sequence
from typing import NoReturn

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from lmjax.answer import ANSWERS, answer, answer_all, request_of
from lmjax.columns import is_folder
from lmjax.compare import compare
from lmjax.composer import keep_programs
from lmjax.evaluate import evaluate
from lmjax.reporting import command_of
from lmjax.sample import form_of, sample
from lmjax.settings import from_config
from lmjax.train import train

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The config, such as configs/ncsn.py. Any field can be overridden, as in "
    "--config.training.steps=1000.")
_MODE = flags.DEFINE_enum(
    "mode", "train", ["train", "sample", *ANSWERS, "evaluate"],
    "train: train, or resume, then compose. sample: compose with what was trained or, before that, "
    "with the shipped weights, or what --conditions ask for. harmonize: add the other voices to "
    "those of --input. rewrite: compose some --bars of it anew. continue, precede: add so many "
    "--bars after or before it. bridge: compose so many --bars between two files. vary: compose it "
    "anew, --near to what it was. evaluate: measure the weights, or several working folders side "
    "by side.")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "The folder for checkpoints, metrics and music; runs/NAME by default, NAME "
    "being that of the config. To compare several, name all, with commas between.")
_INPUT = flags.DEFINE_string(
    "input", None, "The file, or for --mode=bridge both files with a comma between, that is asked "
    "about: MusicXML, MIDI, ABC or Humdrum.")
_VOICES = flags.DEFINE_list(
    "voices", [], "Which of its voices are kept, or rewritten, such as soprano,bass; else all.")
_BARS = flags.DEFINE_string(
    "bars", None, "Which bars of it are rewritten or varied, such as 5-8; or how many are added.")
_FOLLOW = flags.DEFINE_list(
    "follow", [], "What it says of harmony and is to sound: chords (symbols over a staff), figures "
    "(of a bass), or both.")
_NEAR = flags.DEFINE_float(
    "near", 0.7, "For --mode=vary the noise level to come back from: at 0.3 hardly a note changes, "
    "at 2 most do.")
_CONDITIONS = flags.DEFINE_string(
    "conditions", None, "A file of requests to answer: YAML, JSON, or .jsonl with one on each line "
    "(see lmjax/requests/schema.py).")
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 4, "How many answers, the best first.")

# What a table heeds of a config: its columns remain what they were trained to be.
TABLED = ("data.source", "data.path", "evaluation.", "compose.batch_size")

# The modes that heed a flag.
HEEDED = {"input": tuple(ANSWERS), "voices": tuple(ANSWERS), "num_samples": tuple(ANSWERS),
          "bars": tuple(mode for mode in ANSWERS if mode != "harmonize"), "near": ("vary",),
          "follow": ("harmonize", "rewrite", "vary"),
          "conditions": ("sample",)}

USAGE_ERROR, INTERRUPTED = 2, 130


def parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; a mistake in them is one line and exit code 2."""
    try:
        check_config_file(argv)
        rest = flags.FLAGS(argv)
        if len(rest) > 1:
            raise ValueError(f"{rest[1]!r} is not a flag; flags begin with --")
    except (KeyError, AttributeError) as error:
        # From an override; ml-collections puts the one error inside the other.
        cause = error.args[0].args[0] if isinstance(error.args[0], KeyError) else error.args[0]
        fail(ValueError(f"the config has no such field: {cause}"), USAGE_ERROR)
    except (flags.Error, ValueError, TypeError) as error:
        fail(error, USAGE_ERROR)
    return rest


def check_config_file(argv: Sequence[str]) -> None:
    """Raises ValueError unless the file that `--config` names makes a config.

    ml-collections reads the file too, but tells of a missing one late, and of a broken one by a
    traceback.
    """
    named = re.search(r"\0--?config[=\0]([^\0]*)", "\0".join(argv))
    if not named:
        if any(arg.startswith("--help") for arg in argv):
            return
        raise ValueError("say which config, as in --config=configs/ncsn.py")
    path, _, argument = named[1].partition(":")
    if not pathlib.Path(path).is_file():
        raise ValueError(f"there is no config file {path!r}; say which, as in "
                         f"--config=configs/ncsn.py")
    try:
        program = runpy.run_path(path)
        config = program["get_config"](argument) if argument else program["get_config"]()
    except Exception as error:  # It is a program: a broken one can raise anything.
        raise ValueError(f"the config file {path} is no program with a get_config(): "
                         f"{type(error).__name__}: {error}") from error
    if not isinstance(config, ConfigDict):
        raise ValueError(f"get_config() in {path} must return a ConfigDict, not {config!r}")


def check_heeded() -> None:
    """Raises ValueError if a flag is given that the mode would not heed."""
    for name, modes in HEEDED.items():
        if flags.FLAGS[name].present and _MODE.value not in modes:
            raise ValueError(f"--{name} is for --mode={', '.join(modes)}, not "
                             f"--mode={_MODE.value}; say which mode is meant")


def check_tabled(column: str) -> None:
    """Raises ValueError if a field is overridden that a table with this column would not heed."""
    for field in config_flags.get_override_values(flags.FLAGS["config"]):
        section, _, name = field.partition(".")
        if section == "sampler":
            raise ValueError(f"--config.{field} changes no column of a table; say of which it is, "
                             f"as in --workdir={column}:{name}=VALUE")
        if not field.startswith(TABLED):
            raise ValueError(f"--config.{field} changes no column of a table: models remain what "
                             "they were trained to be")


def main(argv: Sequence[str]) -> None:
    """Does what the flags say."""
    del argv
    config = _CONFIG.value
    try:
        check_heeded()
        named = (_WORKDIR.value or f"runs/{config.get('name', 'run')}").split(",")
        workdir = pathlib.Path(named[0])
        if len(named) > 1 and _MODE.value != "evaluate":
            raise ValueError(f"--mode={_MODE.value} is for one --workdir, and there are "
                             f"{len(named)}: {', '.join(named)}")
        command = command_of(sys.argv, _MODE.value)
        logging.set_verbosity(logging.FATAL)  # Orbax tells of every step it takes
        keep_programs()
        if _MODE.value == "train":
            form_of(from_config(config).compose)  # a mistake in it is better found beforehand
            train(config, workdir, command=command)
        if _MODE.value in ANSWERS:
            asked = request_of(_MODE.value, _INPUT.value, _VOICES.value, _BARS.value, _NEAR.value,
                               _NUM_SAMPLES.value, _FOLLOW.value)
            answer(config, workdir, asked, *ANSWERS[_MODE.value], command=command)
        elif _CONDITIONS.value:
            answer_all(config, workdir, _CONDITIONS.value, command=command)
        elif _MODE.value == "evaluate" and len(named) == 1 and is_folder(named[0]):
            evaluate(config, workdir, command=command)
        elif _MODE.value == "evaluate":
            check_tabled(named[0])
            compare(config, named, command=command)
        else:
            # After a training, what makes the same music again is not another training.
            sample(config, workdir, command=command_of(sys.argv, "sample"))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        fail(ValueError(f"the device is out of memory ({str(error).splitlines()[0]}); lower "
                        f"training.batch_size, or compose.batch_size"), 1)
    except (ValueError, OSError) as error:
        fail(error, 1)
    except KeyboardInterrupt:
        print("\ninterrupted; a training goes on from its last checkpoint with the same command",
              file=sys.stderr)
        sys.exit(INTERRUPTED)


def fail(error: Exception, code: int) -> NoReturn:
    """Ends the program with one line that says what went wrong."""
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"lmjax: {text}", file=sys.stderr)
    sys.exit(code)


def run() -> None:
    """The entry point."""
    app.run(main, flags_parser=parse)


if __name__ == "__main__":
    run()
