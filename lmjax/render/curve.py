"""Line plots: the loss of a training run, or figures with their intervals."""

import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lmjax.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by those who see fewer colours (Okabe & Ito 2008), and by their markers without any.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP"
GREYS = ("#444444", "#999999")  # of levels

Interval = tuple[float, float, float]  # value, and the ends of its interval
Banded = tuple[Sequence[float], Sequence[Interval]]  # xs, and what was measured there


def write_curve(path: str | os.PathLike[str],
                series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
                xlabel: str, ylabel: str, logarithmic: bool = False) -> None:
    """Writes named curves as a PNG.

    Args:
      path: of the file.
      series: name of a curve -> its xs and ys.
      xlabel: what the xs are, with their unit.
      ylabel: what the ys are, with their unit.
      logarithmic: whether the axis of the xs, then all positive, is.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    from matplotlib.figure import Figure
    picture = Figure(figsize=(6, 3.6), layout="constrained", facecolor="white")
    axes = picture.add_subplot()
    for index, (name, (xs, ys)) in enumerate(series.items()):
        axes.plot(xs, ys, label=name, color=COLOURS[index % len(COLOURS)], lw=1.5,
                  marker="o" if len(xs) < 20 else "", ms=3.5)
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    _tidy(axes)
    if series:
        axes.legend(frameon=False)
    _write(path, picture)


def write_bands(path: str | os.PathLike[str], panels: Mapping[str, Mapping[str, Banded]],
                levels: Mapping[str, Mapping[str, Interval]], xlabel: str,
                columns: int = 3) -> None:
    """Writes named curves as a PNG, a panel for each figure, with their intervals as bands.

    Args:
      path: of the file.
      panels: label of a figure -> name of a curve -> its xs, all positive, and what was measured
        there. What has one name looks alike in all panels.
      levels: label of a figure -> name -> what does not depend on x, drawn as a level.
      xlabel: what the xs are, with their unit. Their axis is logarithmic.
      columns: panels in a row.

    Raises:
      ValueError: if there are no panels.
      FileNotFoundError: if the folder of the file does not exist.
    """
    from matplotlib.figure import Figure
    if not panels:
        raise ValueError("a picture needs at least one panel")
    names, beside = (list(dict.fromkeys(name for named in group.values() for name in named))
                     for group in (panels, levels))
    places = [x for curves in panels.values() for xs, _ in curves.values() for x in xs]
    rows = -(-len(panels) // columns)
    picture = Figure(figsize=(3.6 * columns, 2.7 * rows), layout="constrained", facecolor="white")
    for place, (label, curves) in enumerate(panels.items(), start=1):
        axes = picture.add_subplot(rows, columns, place)
        for name, (value, low, high) in levels.get(label, {}).items():
            grey = GREYS[beside.index(name) % len(GREYS)]
            axes.axhspan(low, high, color=grey, alpha=0.15, lw=0)
            axes.axhline(value, color=grey, lw=1, ls="--", label=name)
        for name, (xs, intervals) in curves.items():
            number = names.index(name)
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            values, lows, highs = zip(*intervals, strict=True)
            axes.fill_between(xs, lows, highs, color=colour, alpha=0.15, lw=0)
            axes.plot(xs, values, label=name, color=colour, marker=marker, lw=1.3, ms=3.5)
        axes.set_xscale("log", base=2)
        axes.set_xlim(min(places, default=1) / 1.2, max(places, default=1) * 1.2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(label, fontsize=8)
        axes.set_xlabel(xlabel, fontsize=8)
        axes.tick_params(labelsize=7)
        _tidy(axes)
    shown = {name: line for axes in picture.axes
             for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    picture.legend(shown.values(), shown.keys(), loc="outside lower center", frameon=False,
                   fontsize=8, ncols=4)
    _write(path, picture)


def _tidy(axes: "Axes") -> None:
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _write(path: str | os.PathLike[str], picture: "Figure") -> None:
    content = io.BytesIO()
    picture.savefig(content, format="png", dpi=150)
    write_bytes(path, content.getvalue())
