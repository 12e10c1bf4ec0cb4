"""From the paper's configuration to ours, one change at a time, each trained for the same time.

    python -m experiments.why_ncsn_failed.ladder --minutes=5 --workdir=runs/ladder

Writes `ladder.json`, `ladder.md` and `ladder.png`. Interrupted, the same command goes on; a rung
that is done is not run again. `--rungs=paper,sampler` runs those alone. What is compared, and why,
is said in the README beside this file.
"""

import argparse
import json
import pathlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from experiments.command import running
from experiments.why_ncsn_failed.picture import write_ladder
from experiments.why_ncsn_failed.rungs import PATHS, TABLES, config_of, weights_of
from lmjax.data.dataset import load_dataset
from lmjax.evaluate import Evaluation, beside_bach, held_out, measure_likelihood, record
from lmjax.files import make_folder, write_bytes
from lmjax.metrics import theory
from lmjax.sample import configured
from lmjax.settings import from_config
from lmjax.train import DivergedError, prepare, train
from lmjax.training import mesh

PACED = 0.05  # share of a rung's time for which its steps are timed beforehand
VALIDATIONS = 4  # of a training; the best of their weights is judged


def climb(workdir: str | pathlib.Path, minutes: float, samples: int, seed: int = 0,
          names: Iterable[str] = tuple(PATHS), paper: ConfigDict | None = None,
          progress: bool = True) -> dict[str, Any]:
    """Trains and judges rungs, and writes `ladder.json`, `ladder.md` and `ladder.png` after each.

    Args:
      workdir: receives those three, and a folder for the weights of every rung that is trained.
      minutes: of steps that each is trained for; how long a step takes is measured beforehand.
      samples: windows composed by each.
      seed: of the training.
      names: of the rungs; those that `ladder.json` has already are not run again.
      paper: see `config_of`.
      progress: whether to show bars and say what is going on.

    Returns:
      What `ladder.json` holds: the protocol, and under "rungs" what was measured of each.

    Raises:
      ValueError: if the folder holds a ladder of another protocol.
    """
    folder = make_folder(workdir)
    protocol = {"minutes": minutes, "samples": samples, "seed": seed,
                "device": jax.devices()[0].device_kind}
    ladder: dict[str, Any] = {**protocol, "rungs": {}}
    if (folder / "ladder.json").exists():
        ladder = json.loads((folder / "ladder.json").read_text())
        for name, value in protocol.items():
            if ladder[name] != value:
                raise ValueError(f"{folder} holds a ladder with {name}={ladder[name]}, not {value};"
                                 f" choose another --workdir")
    todo = [name for name in names if name not in ladder["rungs"]]
    configs = {name: config_of(name, paper) for name in todo}
    plans = {}
    for name, config in configs.items():  # all are timed under the same circumstances
        config.seed, config.training.devices = seed, 1
        config.evaluation.samples = samples
        plans[name] = planned(config, folder / weights_of(name), minutes, progress)
    for name, config in configs.items():
        if progress:
            print(f"\n{name}: {PATHS[name][-1].why}")
        try:
            measured = judged(config, folder / weights_of(name), progress)
            ladder["rungs"][name] = {**plans[name], **measured}
        except DivergedError as error:
            ladder["rungs"][name] = {"diverged": str(error)}
        _write(folder, ladder)
    if not todo:
        _write(folder, ladder)  # as tables and picture are made now
    return ladder


def _write(folder: pathlib.Path, ladder: Mapping[str, Any]) -> None:
    write_bytes(folder / "ladder.json", json.dumps(ladder, indent=1).encode())
    write_bytes(folder / "ladder.md", markdown(ladder).encode())
    write_ladder(folder / "ladder.png", ladder["rungs"])


def judged(config: ConfigDict, folder: pathlib.Path, progress: bool) -> dict[str, Any]:
    """Trains a rung, if its folder lacks the weights, and measures it.

    The bound of weights is measured once, however often they are sampled from.

    Raises:
      DivergedError: if the training does.
    """
    train(config, folder, progress)
    settings = from_config(config)
    composer, cfg = configured(settings, folder), settings.evaluation
    data = load_dataset(settings.data.source, settings.data.path, progress)
    pieces = held_out(data, cfg)
    path = folder / "bound.json"
    if not path.exists():
        bound = measure_likelihood(composer, pieces, cfg, progress)
        write_bytes(path, json.dumps(record(Evaluation(*bound, {}, {}, {}, None), cfg)).encode())
    counterpoint, rhythm, figures, *_ = beside_bach(composer, data, pieces, cfg, progress)
    return {**json.loads(path.read_text()), "counterpoint": counterpoint, "rhythm": rhythm,
            "figures": {name: figure._asdict() for name, figure in figures.items()},
            "evaluations": settings.sampler.evaluations,
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(composer.params)),
            "states_logits": composer.model.states_logits}


def planned(config: ConfigDict, folder: pathlib.Path, minutes: float,
            progress: bool) -> dict[str, Any]:
    """Sets the steps of a config to as many as fit into so many minutes.

    How long one takes is measured once, and kept in `steps.json`.

    Returns:
      "steps", and "seconds_per_step".
    """
    path = make_folder(folder) / "steps.json"
    if not path.exists():
        if progress:
            print(f"timing a step of {config.name}")
        pace = seconds_per_step(config, folder, 60 * minutes * PACED)
        plan = {"steps": max(round(60 * minutes / pace), 1), "seconds_per_step": pace}
        write_bytes(path, json.dumps(plan).encode())
    plan = json.loads(path.read_text())
    every = max(plan["steps"] // VALIDATIONS, 1)
    config.training.update(steps=plan["steps"], evaluate_every=every, checkpoint_every=every)
    return plan


def seconds_per_step(config: ConfigDict, folder: pathlib.Path, seconds: float) -> float:
    """How long a step of a training takes, once compiled, over so many seconds of them."""
    run = prepare(config, folder, progress=False)
    cfg = run.settings.training
    devices = mesh.build_mesh(cfg.batch_size, cfg.devices)
    state = run.restore(devices, None)
    compiled = run.compile(devices, state)
    ends: list[float] = []
    losses: list[jax.Array] = []
    while len(ends) < 4 or ends[-1] - ends[1] < seconds:  # the first two are slower
        batch = mesh.place_batch(devices, run.batches(run.settings.seed, len(ends)))
        state, metrics = compiled(state, tuple(batch))
        losses.append(metrics["loss"])
        jax.block_until_ready(losses[-2:][0])  # one step runs while a batch is made, as in training
        ends.append(time.perf_counter())
    return (ends[-1] - ends[1]) / (len(ends) - 2)


def markdown(ladder: Mapping[str, Any]) -> str:
    """The tables of what has been measured so far, for `ladder.md`."""
    measured = ladder["rungs"]
    parts = [f"Each rung trained for {ladder['minutes']:g} minutes on one device "
             f"({ladder['device']}) with seed {ladder['seed']}, and {ladder['samples']} samples "
             "drawn of it. ± is the standard error over pieces, brackets are 95 % bootstrap "
             "intervals over pieces; neither knows of other seeds."]
    for title, (base, rungs) in TABLES.items():
        names = [name for name in (base, *(rung.name for rung in rungs)) if name in measured]
        if all(name == base for name in names):
            continue
        parts += [f"## {title}", _training_table({n: measured[n] for n in names}),
                  _notes_table({n: measured[n] for n in names})]
    if any(not row.get("states_logits", True) for row in measured.values()):
        parts.append("\\* of a model that states a mean and no probabilities, which is clipped to "
                     "the simplex to be measured.")
    return "\n\n".join(parts) + "\n"


def _training_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for name, row in rows.items():
        why = PATHS[name][-1].why
        if "diverged" in row:
            lines.append([name, why, "", "", "", "", row["diverged"]])
            continue
        low, high = row["interval"]
        mark = "" if row["states_logits"] else "\\*"
        lines.append([name, why, f"{row['steps']:,}", f"{row['seconds_per_step']:.3f}",
                      f"{row['parameters']:,}", f"{row['evaluations']:,}",
                      f"{row['nats_per_frame']:.2f} ± {row['standard_error']:.2f} "
                      f"[{low:.2f}, {high:.2f}]{mark}"])
    return _table(["rung", "what was wrong before it", "steps", "seconds a step", "parameters",
                   "network evaluations a sample", "likelihood bound, nats per frame"], lines, 2)


def _notes_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """What was measured on samples, and below all rungs on Bach."""
    decimals = {row.label: row.decimals for row in theory.ROWS.values()}
    samples: dict[str, dict[str, Sequence[float]]] = {}
    bach: dict[str, dict[str, Sequence[float]]] = {}
    for name, row in rows.items():
        if "diverged" in row:
            continue
        figures = row["figures"]
        decimals |= dict.fromkeys(figures, 2)
        for column, values in row["counterpoint"].items():
            table, line, side = ((samples, name, "samples") if column == "samples"
                                 else (bach, column, "bach"))
            table[line] = values | {label: figure[side] for label, figure in figures.items()}
    lines = [[name, *("{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*values[label], d=digits)
                      for label, digits in decimals.items())]
             for name, values in (samples | bach).items()]
    return _table(["", *decimals], lines, 1)


def _table(header: Sequence[str], lines: Iterable[Sequence[str]], left: int) -> str:
    """A Markdown table whose first columns, so many, are set to the left."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))


def main() -> None:
    """Climbs the ladder from the paper's configuration to ours."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--workdir", default="runs/ladder", help="where all is written")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training for each rung")
    parser.add_argument("--samples", type=int, default=32, help="drawn of each rung")
    parser.add_argument("--seed", type=int, default=0, help="of the trainings")
    parser.add_argument("--rungs", default="", help=f"some of {', '.join(PATHS)}; all by default")
    options = parser.parse_args()
    names = options.rungs.split(",") if options.rungs else list(PATHS)
    for name in names:
        if name not in PATHS:
            parser.error(f"there is no rung {name!r}, only {', '.join(PATHS)}")
    if options.minutes <= 0 or options.samples < 1:
        parser.error("--minutes and --samples must be positive")
    with running("ladder"):
        climb(options.workdir, options.minutes, options.samples, options.seed, names)
    print((pathlib.Path(options.workdir) / "ladder.md").read_text())


if __name__ == "__main__":
    main()
