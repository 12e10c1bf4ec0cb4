"""The ladder as a picture: what was measured of every rung, one below the other."""

import os
from collections.abc import Mapping
from typing import Any

from experiments.why_ncsn_failed.rungs import LADDER
from lmjax.metrics import theory
from lmjax.render.curve import COLOURS, GREYS
from lmjax.render.roll import write_png

# What is drawn of what is counted in samples.
COUNTED = tuple(theory.ROWS[name].label for name in ("odd_onsets", "dissonant", "triads",
                                                     "parallel_fifths"))


def write_ladder(path: str | os.PathLike[str], measured: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes the bound and the counterpoint of the ladder's rungs as a PNG, Bach's as grey bands.

    Args:
      path: of the file.
      measured: under the names of rungs what `ladder.judged` gives; rungs that diverged, or that
        stand in other tables, are left out.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator
    names = [rung.name for rung in LADDER if "counterpoint" in measured.get(rung.name, {})]
    picture = Figure(figsize=(11, 0.9 + 0.2 * len(names)), layout="constrained", facecolor="white")
    panels = picture.subplots(1, 1 + len(COUNTED), sharey=True)
    for axes, label in zip(panels, ("likelihood bound, nats per frame", *COUNTED), strict=True):
        for place, name in enumerate(names):
            row = measured[name]
            counted = row["counterpoint"]["samples"]
            value, low, high = counted.get(label, (row["nats_per_frame"], *row["interval"]))
            full = label in COUNTED or row["states_logits"]
            axes.plot([low, high], [place] * 2, color=COLOURS[0], lw=1.5)
            axes.plot(value, place, "o", color=COLOURS[0], ms=4.5, mfc=None if full else "white")
        if label in COUNTED and names:
            bach, = (column for column in measured[names[0]]["counterpoint"] if column != "samples")
            _, low, high = measured[names[0]]["counterpoint"][bach][label]
            axes.axvspan(low, high, color=GREYS[1], alpha=0.4, lw=0)
            axes.set_xlim(left=0)
        axes.set_title(label, fontsize=7)
        axes.tick_params(labelsize=7)
        axes.grid(color="#DDDDDD", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_xscale("log")
    panels[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].xaxis.set_minor_locator(NullLocator())
    panels[0].xaxis.set_major_formatter("{x:g}")
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    write_png(path, picture)
