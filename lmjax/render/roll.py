"""Piano rolls: a chorale as a picture, one row for every few bars."""

import io
import itertools
import os
from typing import TYPE_CHECKING

from lmjax.files import write_bytes
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Chorale
from lmjax.music.spelling import spell

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours that stay apart for the colour-blind, ordered so that neighbouring
# voices also differ in lightness where the picture is printed in grey.
COLOURS = ("#D55E00", "#E69F00", "#56B4E9", "#0072B2")
INK, GRID, BLACK_KEY = "#333333", "#C8C8C8", "#F3F3F3"
ROW_FRAMES = 128  # a row holds as many whole bars as fit, and at least one
FRAME_INCHES, SEMITONE_INCHES = 0.095, 0.085
GAP = 0.3  # sixteenths left white before the next note, so that re-attacks show


def write_roll(chorale: Chorale, path: str | os.PathLike[str]) -> None:
    """Writes a chorale as a piano-roll PNG.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    content = io.BytesIO()
    figure(chorale).savefig(content, format="png", dpi=150)
    write_bytes(path, content.getvalue())


def figure(chorale: Chorale) -> "Figure":
    """The piano roll of a chorale as a matplotlib figure."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    spans = rows(chorale)
    sounding = chorale.pitch[chorale.pitch != REST]
    low, high = (int(sounding.min()) - 2, int(sounding.max()) + 3) if sounding.size else (48, 72)
    longest = max(end - start for start, end in spans)
    row_height = (high - low) * SEMITONE_INCHES + 0.4
    width, height = max(longest * FRAME_INCHES, 4.5) + 0.9, len(spans) * row_height + 0.75
    picture = Figure(figsize=(width, height), facecolor="white")
    for row, (start, end) in enumerate(spans):
        bottom = (height - 0.65 - row * row_height - (high - low) * SEMITONE_INCHES) / height
        axes = picture.add_axes((
            0.55 / width, bottom, (end - start) * FRAME_INCHES / width,
            (high - low) * SEMITONE_INCHES / height))
        _draw_row(axes, chorale, start, end, low, high)
    picture.text(0.55 / width, 1 - 0.3 / height, chorale.title or "Chorale", color=INK,
                 fontsize=11, fontweight="bold", va="center")
    picture.legend(
        handles=[Patch(color=colour, label=name.capitalize())
                 for name, colour in zip(VOICES, COLOURS, strict=True)],
        loc="center right", bbox_to_anchor=(1 - 0.3 / width, 1 - 0.3 / height), ncols=4,
        frameon=False, fontsize=8, handlelength=1.2, columnspacing=1.2, borderaxespad=0)
    return picture


def rows(chorale: Chorale) -> list[tuple[int, int]]:
    """The rows of the picture as (first frame, end): as few as can be, and of even lengths."""
    lines = [*(bar.start for bar in chorale.bars), len(chorale)]
    fewest = len(_breaks(lines, ROW_FRAMES))
    breaks = next(breaks for limit in range(1, ROW_FRAMES + 1)
                  if len(breaks := _breaks(lines, limit)) == fewest)
    return list(zip(breaks, [*breaks[1:], len(chorale)], strict=True))


def _breaks(lines: list[int], limit: int) -> list[int]:
    """Where rows start that hold as many whole bars as fit into `limit` frames."""
    breaks = [0]
    for line, following in itertools.pairwise(lines[1:]):
        if following - breaks[-1] > limit:
            breaks.append(line)
    return breaks


def _draw_row(axes: "Axes", chorale: Chorale, start: int, end: int, low: int, high: int) -> None:
    """Draws the frames from `start` to `end` and the pitches between `low` and `high`."""
    for pitch in range(low, high):
        if pitch % 12 in (1, 3, 6, 8, 10):
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=BLACK_KEY, lw=0, zorder=0)
    axes.vlines(range(start, end, FRAMES_PER_QUARTER), low - 0.5, high - 0.5, color=GRID, lw=0.4,
                zorder=1)
    number = 0
    for bar in chorale.bars:
        number += bar.offset == 0
        if start <= bar.start < end:
            axes.axvline(bar.start, color=INK, lw=0.9, zorder=1)
            if bar.offset == 0:
                axes.text(bar.start, high - 0.2, str(number), fontsize=7, color=INK, va="bottom",
                          ha="center")
    # The bass first: where two voices meet on a pitch the upper one is drawn thinner, on top.
    for voice in reversed(range(len(VOICES))):
        thickness = 0.59 + 0.12 * voice
        for first, stop, pitch in chorale.notes(voice):
            a, b = max(first, start), min(stop, end)
            if pitch == REST or a >= b:
                continue
            axes.broken_barh([(a, b - a - (GAP if b == stop else 0))],
                             (pitch - thickness / 2, thickness), facecolor=COLOURS[voice],
                             edgecolor=INK, linewidth=0.3, zorder=3)
            if chorale.fermata[first, voice] and b == stop:
                _draw_fermata(axes, (a + b - GAP) / 2, pitch + 1.1)
    axes.axvline(end, color=INK, lw=2.5 if end == len(chorale) else 0.9, zorder=1)
    axes.set_xlim(start, end)
    axes.set_ylim(low - 0.5, high - 0.5)
    ticks = [pitch for pitch in range(low, high) if pitch % 12 in (0, 4, 7)]
    axes.set_yticks(ticks, [pitch_name(pitch, chorale.sharps) for pitch in ticks])
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=6.5, length=0, pad=3, labelcolor=INK)
    axes.spines[:].set_visible(False)


def _draw_fermata(axes: "Axes", x: float, y: float) -> None:
    """A fermata, its dot at (x, y)."""
    from matplotlib.patches import Arc
    axes.add_patch(Arc((x, y), 2.2, 2.0, theta1=0, theta2=180, color=INK, lw=0.9, zorder=4))
    axes.plot([x], [y + 0.15], marker="o", ms=1.3, color=INK, zorder=4)


def pitch_name(midi: int, sharps: int = 0) -> str:
    """The name of a pitch under a key signature, such as "F♯4"."""
    step, alter, octave = spell(midi, sharps)
    return f"{step}{'♯' * alter}{'♭' * -alter}{octave}"
