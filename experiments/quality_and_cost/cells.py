"""One point of the curve: a sampler, and so many calls of the network."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lmjax.files import write_npz
from lmjax.sampling.settings import SamplerSettings

MOST_STEPS = 4  # Langevin steps at a level
EVALUATIONS_PER_STEP = 24  # a budget this large allows one of them, twice as large two, ...


class Cell(NamedTuple):
    """A sampler by its name (see `settings_of`) and the most calls of the network a window."""

    name: str
    budget: int

    @property
    def stem(self) -> str:
        """What its files are called."""
        return f"{self.name.replace(':', '-')}-{self.budget}"


def settings_of(cell: Cell, base: SamplerSettings) -> SamplerSettings:
    """The settings by which a sampler spends at most the budget of its cell.

    The more evaluations, the more Langevin steps are made at each level, from 1 to `MOST_STEPS`,
    and the rest goes into levels. "ancestral" is "predictor_corrector" with its Langevin steps
    switched off, and gets exactly as many evaluations as that. "consistent" has the eta of `base`
    or, on a ladder of so few levels that it is too small, the least that is allowed.

    Args:
      cell: its name is a kind of sampler, which fields may follow that are to be otherwise, as in
        "langevin:steps=1:rate=0.1".
      base: all other fields.

    Raises:
      ValueError: if there is no such sampler, or the budget is too small for it.
    """
    kind, *changes = cell.name.split(":")
    fields: dict[str, Any] = {
        "steps": min(MOST_STEPS, max(1, cell.budget // EVALUATIONS_PER_STEP))}
    types = {field.name: type(getattr(base, field.name)) for field in dataclasses.fields(base)}
    for change in changes:
        field, _, value = change.partition("=")
        if field not in types or field in ("kind", "levels"):
            raise ValueError(f"{cell.name!r} sets {field!r}, which is not for a cell to set")
        fields[field] = types[field](value)
    if kind == "ancestral":
        corrected = dataclasses.replace(
            base, **fields, kind="predictor_corrector").within(cell.budget)
        return dataclasses.replace(corrected, kind=kind).within(corrected.evaluations)
    if kind == "consistent":
        ladder = dataclasses.replace(base, **fields, kind="ancestral").within(cell.budget)
        sigmas = np.asarray(ladder.sigmas(), np.float64)
        least = float((1 - sigmas[1:] / sigmas[:-1]).max())
        return dataclasses.replace(
            ladder, kind=kind, eta=fields.get("eta", max(base.eta, least)))
    return dataclasses.replace(base, **fields, kind=kind).within(cell.budget)


def remember(path: pathlib.Path, header: Mapping[str, Any],
             make: Callable[[], Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Named arrays from a file or, if it was made otherwise than the header says, made anew.

    Raises:
      OSError: if the file cannot be written.
    """
    wanted = json.dumps(header)
    if path.exists():
        with np.load(path) as file:
            if str(file["header"]) == wanted:
                return {name: file[name] for name in file.files if name != "header"}
    arrays = {name: np.asarray(value) for name, value in make().items()}
    write_npz(path, {"header": np.array(wanted), **arrays})
    return arrays
