"""Langevin dynamics and single-cell Gibbs sampling from the same poor chorales: see README.md.

    python -m experiments.escape.escape --workdir=runs/ncsn
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from experiments.command import add_model, held_out, running
from experiments.escape.chains import ends, programs
from experiments.escape.poor import starts
from experiments.escape.report import Ends, Table, report, table
from lmjax.composer import Composer, load
from lmjax.data.dataset import Piece
from lmjax.files import make_folder
from lmjax.music import rhythm


def escape(composer: Composer, pieces: Sequence[Piece], folder: pathlib.Path,
           budgets: Sequence[int], sigmas: Sequence[float], kind: str, samples: int, frames: int,
           seed: int, progress: bool = True) -> None:
    """Runs both from every kind of start, and writes where they end.

    Args:
      composer: the model.
      pieces: held out, of which the starts are made.
      folder: of all files.
      budgets: evaluations of the network for each chain, at most.
      sigmas: the noise levels from which Langevin dynamics comes back.
      kind: of the sampler that does, one of first order.
      samples: chorales of each kind, fewer if there are fewer pieces.
      frames: their length in sixteenths.
      seed: of all randomness.
      progress: whether to show a bar.

    Raises:
      ValueError: if the composer or a number will not do.
    """
    tracks = rhythm.tracks(frames)  # of the metre, the place in the beat alone is known
    tracks[:, [rhythm.START, rhythm.END]] = 0
    made, kept = programs(composer, tracks), make_folder(folder / "chains")
    budgets = sorted(budgets)
    base = composer.settings.sampler
    samplers = {f"{kind} from sigma {sigma:g}": dataclasses.replace(
        base, kind=kind, sigma_max=sigma, guidance=1.0) for sigma in sigmas}  # no form is known
    bach, *poor = starts(composer, pieces, tracks, samples, seed).items()
    about = {"step": composer.about.get("step"), "samples": len(bach[1]), "frames": frames,
             "seed": seed}
    beside: dict[str, dict[str, Table]] = {}
    found: dict[str, Ends] = {}
    with tqdm(total=len(poor) * sum(budgets) * (1 + len(sigmas)), disable=not progress,
              unit="evaluation") as bar:
        for number, (name, chorales) in enumerate(poor):
            bar.set_description(name)
            start = [chorale.pitch for chorale in chorales]
            tokens = np.stack([composer.vocabulary.encode(c.pitch, c.struck) for c in chorales])
            beside[name] = {"start": table(start, start),
                            "Bach": table([chorale.pitch for chorale in bach[1]], start)}
            found[name] = {budget: {} for budget in budgets}
            for method, budget, evaluations, end in ends(
                    composer, made, tokens, budgets, samplers, seed, f"start-{number}", kept,
                    about):
                pitches = [composer.vocabulary.decode(one)[0] for one in end]
                found[name][budget][method] = evaluations, table(pitches, start)
                bar.update(budget)
    report(folder, about, found, beside)


def main(argv: Sequence[str] | None = None) -> None:
    """Compares Langevin dynamics and Gibbs sampling from poor chorales."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.escape.escape", description=main.__doc__)
    add_model(parser, "runs/escape")
    parser.add_argument("--budgets", default="16,64,256,1024", help="evaluations of a chain")
    parser.add_argument("--sigmas", default="0.5,1,2", help="levels that Langevin comes from")
    parser.add_argument("--sampler", default="predictor_corrector",
                        choices=("predictor_corrector", "langevin"))
    for name, default, what in (("samples", 16, "chorales of each kind, at most"),
                                ("frames", 128, "sixteenths of each"), ("seed", 0, "")):
        parser.add_argument(f"--{name}", type=int, default=default, help=what)
    options = parser.parse_args(argv)
    with running():
        composer = load(options.workdir)
        escape(composer, held_out(composer, options.data),
               pathlib.Path(options.folder), [int(n) for n in options.budgets.split(",")],
               [float(sigma) for sigma in options.sigmas.split(",")], options.sampler,
               options.samples, options.frames, options.seed)
    print(f"see {options.folder}/escape.md")


if __name__ == "__main__":
    main()
