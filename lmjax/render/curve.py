"""Small line plots, such as the loss of a training run."""

import io
import os
from collections.abc import Mapping, Sequence

from lmjax.files import write_bytes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def write_curve(path: str | os.PathLike[str],
                series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
                xlabel: str, ylabel: str) -> None:
    """Writes named curves as a PNG.

    Args:
      path: of the file.
      series: name of a curve -> its xs and ys.
      xlabel: what the xs are, with their unit.
      ylabel: what the ys are, with their unit.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    from matplotlib.figure import Figure
    picture = Figure(figsize=(6, 3.6), layout="constrained", facecolor="white")
    axes = picture.add_subplot()
    for index, (name, (xs, ys)) in enumerate(series.items()):
        axes.plot(xs, ys, label=name, color=COLOURS[index % len(COLOURS)], lw=1.5,
                  marker="o" if len(xs) < 20 else "", ms=3.5)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if series:
        axes.legend(frameon=False)
    content = io.BytesIO()
    picture.savefig(content, format="png", dpi=150)
    write_bytes(path, content.getvalue())
