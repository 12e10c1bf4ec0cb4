"""What chorales repeat, and what a sampler that hears only neighbours does: see README.md.

    python -m experiments.structure.structure --workdir=runs/ncsn
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

from experiments.command import add_model, held_out, running
from experiments.structure.neighbours import near_composer
from lmjax.composer import Composer, load
from lmjax.data.dataset import Piece
from lmjax.files import make_folder, write_bytes
from lmjax.judge import Tables, format_wholes, whole_tables, wholes


def compare(composer: Composer, pieces: Sequence[Piece], samples: int, block: int, margin: int,
            seed: int, progress: bool = True) -> tuple[Tables, Tables]:
    """The tables of `whole_tables` for the model, for it among neighbours alone, and for Bach.

    Args:
      composer: the model.
      pieces: held out.
      samples: whole chorales, in the same forms for both.
      block, margin: frames, see `near`.
      seed: of forms and noise.
      progress: whether to show a bar.

    Raises:
      ValueError: if the composer knows of no forms, or a number will not do.
    """
    if samples < 1 or block < 1 or margin < 0:
        raise ValueError(f"samples and block must be at least 1 and margin not negative, but they "
                         f"are {samples}, {block} and {margin}")
    deaf, metres = near_composer(composer, block, margin), composer.settings.evaluation.metres
    return whole_tables({
        "all frames": wholes(composer, samples, metres, seed, progress),
        f"{block} frames and {margin} to each side": wholes(deaf, samples, metres, seed, progress),
        "Bach": [piece.chorale for piece in pieces if piece.chorale]})


def main(argv: Sequence[str] | None = None) -> None:
    """Compares what whole chorales repeat."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.structure.structure", description=main.__doc__)
    add_model(parser, "runs/structure")
    for name, default, what in (("samples", 32, "whole chorales of each"),
                                ("block", 16, "sixteenths denoised at a time"),
                                ("margin", 8, "sixteenths heard on either side"), ("seed", 0, "")):
        parser.add_argument(f"--{name}", type=int, default=default, help=what)
    options = parser.parse_args(argv)
    with running():
        composer = load(options.workdir)
        tables = compare(composer, held_out(composer, options.data), options.samples,
                         options.block, options.margin, options.seed)
        folder = make_folder(pathlib.Path(options.folder))
        text = (f"{options.samples} chorales of each, seed {options.seed}; Bach: "
                f"{composer.settings.evaluation.split}.\n\n{format_wholes(tables)}")
        write_bytes(folder / "structure.md", f"{text}\n".encode())
        write_bytes(folder / "structure.json", json.dumps(tables, indent=1).encode())
        print(text)


if __name__ == "__main__":
    main()
