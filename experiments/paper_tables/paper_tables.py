"""Section 7 of the paper with our own runs: see README.md in this folder.

    python -m experiments.paper_tables.paper_tables
"""

import argparse
import json
import pathlib
from collections.abc import Mapping, Sequence

import jax

from experiments.command import running
from experiments.paper_tables import observations
from lmjax.columns import composer_of
from lmjax.composing import compose
from lmjax.data.dataset import load_dataset, metre_pieces
from lmjax.files import make_folder, write_bytes
from lmjax.judge import bach_windows
from lmjax.metrics.tables import format_table
from lmjax.render.write import write
from lmjax.requests.form import Form

MEASURES, FRAMES = 8, 128
# As the paper's section has them, and ours.
COLUMNS = {
    "cold LSTM": "runs/lstm:kind=cold", "warm LSTM": "runs/lstm",
    "warm Transformer": "runs/transformer_paper", "the paper's NCSN": "runs/ncsn_paper",
    "ours": "pretrained/ncsn"}


def reproduce(columns: Mapping[str, str], folder: pathlib.Path, samples: int, seed: int = 0,
              progress: bool = True) -> str:
    """Composes eight measures with each model, engraves the first, and measures all.

    Args:
      columns: name -> what `lmjax.columns.composer_of` reads.
      folder: of the pictures, `observations.md` and `observations.json`.
      samples: of each model; of one that draws nothing at random, one.
      seed: of the noise.
      progress: whether to show a bar.

    Returns:
      The table.

    Raises:
      ValueError: if a column cannot be composed with.
    """
    composers = {name: composer_of(column) for name, column in columns.items()}
    make_folder(folder)
    tables = {}
    for name, composer in composers.items():
        certain = composer.settings.sampler.kind == "cold"
        chorales = compose(composer, jax.random.key(seed), 1 if certain else samples,
                           Form(bars=MEASURES, key=None), composer.settings.compose.batch_size,
                           progress)
        write(chorales[0], folder / f"{name.replace(' ', '-').replace(chr(39), '')}.score.png")
        tables[name] = observations.table(chorales)
    pieces = metre_pieces(load_dataset("corpus", "", progress).split("valid"), ("4/4",))
    tables["Bach (valid)"] = observations.table(bach_windows(pieces, FRAMES))
    text = format_table(tables, observations.ROWS)
    write_bytes(folder / "observations.md", f"{text}\n".encode())
    write_bytes(folder / "observations.json", json.dumps(tables, indent=1).encode())
    return text


def main(argv: Sequence[str] | None = None) -> None:
    """Reproduces the samples of the paper's section 7, and measures what it says of them."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.paper_tables.paper_tables", description=main.__doc__)
    for name, column in COLUMNS.items():
        parser.add_argument(f"--{flag(name)}", default=column, metavar="WORKDIR",
                            help=f"the folder of {name}; {column} by default")
    parser.add_argument("--folder", default="runs/paper_tables", help="where results go")
    parser.add_argument("--samples", type=int, default=32, help="chorales of each")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    options = parser.parse_args(argv)
    if options.samples < 1:
        parser.error(f"--samples must be at least 1, not {options.samples}")
    with running():
        columns = {name: getattr(options, flag(name)) for name in COLUMNS}
        print(reproduce(columns, pathlib.Path(options.folder), options.samples, options.seed))


def flag(name: str) -> str:
    """The flag of a column."""
    return name.lower().replace(" ", "_").replace("'", "")


if __name__ == "__main__":
    main()
