"""Line plots: of a training, of a sampler's noise levels, or of figures with their intervals."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lmjax.render.roll import write_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by those who see fewer colours (Okabe & Ito 2008), and by their markers without any.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP"
GREYS = ("#444444", "#999999")  # of levels

Interval = tuple[float, float, float]  # value, and the ends of its interval
Banded = tuple[Sequence[float], Sequence[Interval]]  # xs, and what was measured there

# A sampler's diagnostics that are drawn: their names, what they are, and their scale and unit.
LEVELS = {"score_norm": ("length of the score", "log", 1), "entropy": (
    "mean entropy of a cell's token, nats", "linear", 1), "changed": (
    "cells whose likeliest token changes, %", "linear", 100)}


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
    write_png(path, picture)


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
        _dress(axes, label, xlabel)
    shown = {name: line for axes in picture.axes
             for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    picture.legend(shown.values(), shown.keys(), loc="outside lower center", frameon=False,
                   fontsize=8, ncols=4)
    write_png(path, picture)


def write_training(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]],
                   rates: Sequence[float]) -> None:
    """Writes how a training went as a PNG of four panels: losses, their density, gradients, rates.

    Args:
      path: of the file.
      rows: lines of metrics: "step", "loss", "gradient_norm" and, where it was measured, "valid",
        the validation bound in nats per frame, and "sigma" and "density", where it arises: noise
        levels, and nats per frame and unit of log sigma there.
      rates: the learning rate at each line's step.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
    picture = Figure(figsize=(9, 5.6), layout="constrained", facecolor="white")
    losses, density, gradients, rate = picture.subplots(2, 2).flat
    steps = [row["step"] for row in rows]
    valid = [row for row in rows if "valid" in row]
    loss = [row["loss"] for row in rows]
    few = "o" if len(rows) < 20 else ""
    losses.plot(steps, loss, color=COLOURS[0], marker=few, ms=3.5, lw=1, label="training loss")
    losses.plot([row["step"] for row in valid], [row["valid"] for row in valid], color=COLOURS[1],
                marker="s", ms=3.5, lw=1.3, label="validation bound, nats per frame")
    losses.legend(frameon=False, fontsize=7)
    _dress(losses, "loss", "step", logarithmic=min(loss, default=0) > 0)
    gradients.plot(steps, [row["gradient_norm"] for row in rows], color=COLOURS[0], marker=few,
                   ms=3.5, lw=1)
    _dress(gradients, "length of the gradient", "step", logarithmic=bool(rows))
    rate.plot(steps, rates, color=COLOURS[0], marker=few, ms=3.5, lw=1.3)
    rate.set_ylim(bottom=0)
    _dress(rate, "learning rate", "step")
    for axes in (losses, gradients, rate):
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")
    shown = [row for row in valid if "density" in row]
    for row, alpha in zip(shown, np.linspace(1, 0.25, len(shown))[::-1], strict=True):
        density.plot(row["sigma"], row["density"], color=COLOURS[0], lw=1.3, alpha=alpha,
                     label=f"step {row['step']:,}" if row in (shown[0], shown[-1]) else None)
    _dress(density, r"validation bound, nats per frame and unit of log $\sigma$", r"$\sigma$")
    density.set_ylim(bottom=0)
    if shown:
        density.set_xscale("log")
        density.xaxis.set_major_formatter("{x:g}")
        density.legend(frameon=False, fontsize=7)
    else:
        density.set_axis_off()
        density.text(0.5, 0.5, "(not measured)", color=GREYS[0], fontsize=8, ha="center")
    write_png(path, picture)


def write_levels(path: str | os.PathLike[str], sigma: np.ndarray,
                 diagnostics: Mapping[str, np.ndarray]) -> None:
    """Writes what happened at each noise level of a sampler as a PNG: medians, and between which
    values 90 % of the chorales lie.

    Args:
      path: of the file.
      sigma: float[S], the noise level of each step; steps at one level are averaged.
      diagnostics: float[N, W, S] each by name, of N chorales in up to W windows, NaN where there
        are fewer; those that `LEVELS` names are drawn.

    Raises:
      ValueError: if they have no step for each noise level.
      FileNotFoundError: if the folder of the file does not exist.
    """
    from matplotlib.figure import Figure
    drawn = {name: values for name, values in diagnostics.items() if name in LEVELS}
    if not drawn or any(values.shape[-1] != len(sigma) for values in drawn.values()):
        raise ValueError(f"a picture of {len(sigma)} steps of a sampler needs as many of one of "
                         f"{', '.join(LEVELS)}")
    picture = Figure(figsize=(3.6 * len(drawn), 2.9), layout="constrained", facecolor="white")
    # What rounding has told apart is one level.
    _, first, level_of = np.unique(np.log(sigma).round(4), return_index=True, return_inverse=True)
    levels = np.asarray(sigma)[first]
    for place, (name, values) in enumerate(drawn.items(), start=1):
        label, scale, unit = LEVELS[name]
        windows = unit * values.reshape(-1, len(sigma))
        windows = windows[~np.isnan(windows).any(axis=1)]
        means = np.stack([windows[:, level_of == n].mean(axis=1) for n in range(len(levels))])
        low, middle, high = np.quantile(means, (0.05, 0.5, 0.95), axis=1)
        axes = picture.add_subplot(1, len(drawn), place)
        axes.fill_between(levels, low, high, color=COLOURS[0], alpha=0.2, lw=0)
        axes.plot(levels, middle, color=COLOURS[0], marker="o", ms=3, lw=1.3)
        _dress(axes, label, r"$\sigma$, from noise to music", scale == "log")
        axes.set_xscale("log")
        axes.set_xlim(levels[-1] * 1.1, levels[0] / 1.1)
        axes.xaxis.set_major_formatter("{x:g}")
    write_png(path, picture)


def _dress(axes: "Axes", title: str, xlabel: str, logarithmic: bool = False) -> None:
    """The title of a small panel and its axes, that of the ys logarithmic or not."""
    from matplotlib.ticker import LogLocator, NullLocator
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title(title, fontsize=8)
    axes.set_xlabel(xlabel, fontsize=8)
    axes.tick_params(labelsize=7)
    _tidy(axes)


def _tidy(axes: "Axes") -> None:
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
