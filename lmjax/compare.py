"""One table of several composers, beside Bach, and beside his notes in random order."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lmjax import settings as settings_module
from lmjax.columns import (
    COMPOSING,
    LIKELIHOODS,
    TRAINING,
    Bach,
    Bench,
    Column,
    Learned,
    Shuffled,
    Source,
    is_file,
    is_pretrained,
    path_of,
    source_of,
)
from lmjax.data.dataset import load_dataset
from lmjax.files import make_folder, write_bytes
from lmjax.metrics import liveliness, structure, theory, wholeness
from lmjax.metrics.tables import comma_separated
from lmjax.reporting import leave, tables_of

NAME = "comparison"  # of the files
DECIMALS = {**TRAINING, **COMPOSING, **LIKELIHOODS, **{
    row.label: row.decimals
    for rows in (theory.ROWS, liveliness.ROWS, wholeness.ROWS, structure.ROWS)
    for row in rows.values()}}


def compare(config: Mapping[str, Any], columns: Sequence[str],
            progress: bool = True, command: str = "") -> dict[str, Column]:
    """Measures composers as `config.evaluation` says, one column each, and three of Bach's.

    Prints the table and writes it to `comparison.md` and `comparison.csv`, again after each column,
    and at last to `report.html`. After each part of a column what was measured is written to
    `comparison.json`, and is not measured again: interrupted, the same call goes on.

    Args:
      config: its `evaluation`, of `data` the source and the path of what is measured on, and of
        `compose` the size of a batch; models are what they were trained to be.
      columns: of each a working folder, or `pretrained/NAME`, its sampler changed if so wished, as
        in `runs/lstm:kind=cold`; or a file of chorales, such as `samples.npz` of `--mode=sample`.
        The tables lie in the folder that working folders have in common; in `runs` if there are
        none. One that was measured before need not be there any more.
      progress: whether to show bars.
      command: that asked for it, to be told in the report.

    Raises:
      ConfigError, ValueError: if the config cannot be, or a column cannot be measured.
      CheckpointError: if a folder has no usable weights.
    """
    settings = settings_module.from_config(config)
    cfg = settings.evaluation
    data = load_dataset(settings.data.source, settings.data.path, progress)
    bench = Bench.of(cfg, data)
    folder = folder_of(columns)
    path, common = folder / f"{NAME}.json", {
        "evaluation": json.loads(json.dumps(dataclasses.asdict(cfg))), "data": data.fingerprint}
    kept = read_kept(path)
    sources: dict[str, Source | None] = {}
    for column in columns:
        if column in sources:
            raise ValueError(f"{column} is named twice")
        sources[column] = None if is_gone(column, kept, common) else source_of(
            column, settings, bench)
    if cfg.split != "train":
        sources["Bach (train)"] = Learned(Bench.of(dataclasses.replace(cfg, split="train"), data))
    sources |= {f"Bach ({cfg.split})": Bach(), "the same, shuffled": Shuffled()}
    make_folder(folder)
    table: dict[str, Column] = {}
    for name, source in sources.items():
        about = json.loads(json.dumps({**common, **source.about})) if source else None
        if source and kept.get(name, {}).get("about") != about:
            kept[name] = {"about": about, "rows": {},
                          "measured": dict.fromkeys(source.parts, False)}
        lacking = [part for part, done in kept[name]["measured"].items() if not done]
        for part in lacking:
            if source is None:
                print(f"{name} is gone before it was measured to the end and lacks its {part}")
                continue
            if progress:
                print(f"measuring {name}: {part}")
            kept[name]["rows"] |= source.parts[part](bench, progress)
            kept[name]["measured"][part] = True
            write_bytes(path, json.dumps(kept, indent=1).encode())
        table[name] = {row: None if cell is None else tuple(cell)
                       for row, cell in kept[name]["rows"].items()}
        write_bytes(folder / f"{NAME}.md", (markdown(table) + "\n").encode())
        write_bytes(folder / f"{NAME}.csv", comma_separated(table, rows_of(table)).encode())
    print(markdown(table))
    leave(folder, "Comparison", {"split": f"{cfg.split}, {len(bench.pieces)} pieces",
                                 "command": command},
          tables=[*tables_of(["All measures"], markdown(table))], progress=progress)
    return table


def read_kept(path: pathlib.Path) -> dict[str, Any]:
    """What was measured before, by column.

    Raises:
      ValueError: if the file is damaged.
    """
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path}, in which measured columns are kept, is damaged ({error}); "
                         "remove it to measure them anew") from error


def folder_of(columns: Sequence[str]) -> pathlib.Path:
    """The folder of their tables: not that of a file of chorales, which has a report of its own."""
    return pathlib.Path(os.path.commonpath(
        [path_of(column).parent.absolute() for column in columns
         if not is_pretrained(column) and not is_file(column)]
        or [pathlib.Path("runs").absolute()]))


def is_gone(column: str, kept: Mapping[str, Any], common: Mapping[str, Any]) -> bool:
    """Whether a column was measured before, and what it names is not there any more.

    Raises:
      ValueError: if it was measured in another way, or on other music.
    """
    if column not in kept or path_of(column).exists() or is_pretrained(column):
        return False
    if common.items() <= kept[column]["about"].items():
        return True
    raise ValueError(f"{column} is gone, and what is kept of it was measured in another way or on "
                     "other music than the config asks for; train it again")


def rows_of(table: Mapping[str, Column]) -> list[str]:
    """All rows, in order: what something costs, likelihoods, notes."""
    rows = dict.fromkeys([*TRAINING, *COMPOSING, *LIKELIHOODS])
    for column in table.values():
        rows |= dict.fromkeys(column)
    return [row for row in rows if any(column.get(row) for column in table.values())]


def markdown(table: Mapping[str, Column]) -> str:
    """The table as Markdown."""
    lines = [["", *table]]
    for row in rows_of(table):
        digits = DECIMALS.get(row, 2)
        cells = []
        for column in table.values():
            texts = [f"{number:,.{digits}f}" for number in column.get(row) or ()]
            cells.append(f"{texts[0]} [{', '.join(texts[1:])}]" if len(texts) > 1
                         else "".join(texts))
        lines.append([row, *cells])
    lines.insert(1, ["---", *["---:"] * len(table)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
