"""Metrics as JSON lines, and as TensorBoard files where tensorboardX is installed."""

import importlib.util
import json
import pathlib
from typing import Any

import numpy as np

from lmjax.files import write_bytes, writing

METRICS = "metrics.jsonl"


class MetricsWriter:
    """Appends one JSON object a line to `metrics.jsonl` in a folder.

    A run that resumes at a step forgets the lines after it, so that an interrupted run leaves the
    same file as an uninterrupted one.
    """

    def __init__(self, folder: pathlib.Path, step: int = 0) -> None:
        """Opens the folder's file, keeping the lines up to `step`."""
        self.path = folder / METRICS
        kept = [row for row in read_metrics(folder) if row["step"] <= step]
        write_bytes(self.path, "".join(json.dumps(row) + "\n" for row in kept).encode())
        self._board = None
        if importlib.util.find_spec("tensorboardX"):
            from tensorboardX import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Adds a line {"step": step, **values}; values are numbers, or arrays of them."""
        row = {"step": step, **{name: np.asarray(value, float).tolist()
                                for name, value in values.items()}}
        with writing(self.path), open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")
        if self._board:
            for name, value in values.items():
                if np.ndim(value) == 0:
                    self._board.add_scalar(name, float(value), step)

    def close(self) -> None:
        """Flushes what is still in memory."""
        if self._board:
            self._board.close()


def read_metrics(folder: pathlib.Path) -> list[dict[str, Any]]:
    """All complete lines of a folder's `metrics.jsonl`; none if there is no such file.

    Raises:
      ValueError: if a line is no JSON.
    """
    path = folder / METRICS
    if not path.exists():
        return []
    # A run killed while it wrote leaves a last line without its end.
    try:
        return [json.loads(line) for line in path.read_text().splitlines(keepends=True)
                if line.endswith("\n")]
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); remove it") from error
