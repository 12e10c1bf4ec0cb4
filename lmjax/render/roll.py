"""Piano rolls and plots of pitch over time: a chorale as a picture, a row for every few bars."""

import io
import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lmjax.files import write_bytes
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Chorale
from lmjax.music.spelling import spell

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours that stay apart for the colour-blind, ordered so that neighbouring
# voices also differ in lightness where the picture is printed in grey.
COLOURS = ("#D55E00", "#E69F00", "#56B4E9", "#0072B2")
MARKERS = ("^", "s", "o", "v")
INK, GRID, BLACK_KEY = "#333333", "#C8C8C8", "#F3F3F3"
HATCH = "/" * 7  # of what is given
ROW_FRAMES = 128  # a row holds as many whole bars as fit, and at least one
FRAME_INCHES, SEMITONE_INCHES = 0.095, 0.085
GAP = 0.3  # sixteenths left white before the next note, so that re-attacks show


class _Stretch(NamedTuple):
    """A part of a note that is drawn alike.

    Attributes:
      start, end: its frames.
      pitch: MIDI.
      given: whether it was, or else was composed.
      above, together: of the voices on this pitch, how many are above it and how many there are.
      struck: whether the note begins here.
      ends: whether it ends here.
      fermata: where its fermata stands, in frames, if there is one and it ends here.
    """

    start: int
    end: int
    pitch: int
    given: bool
    above: int
    together: int
    struck: bool
    ends: bool
    fermata: float | None


def write_roll(chorale: Chorale, path: str | os.PathLike[str],
               given: np.ndarray | None = None) -> None:
    """Writes a chorale as a piano-roll PNG; see `figure`.

    Raises:
      ValueError: if `given` is not of the chorale's shape.
      FileNotFoundError: if the folder of the file does not exist.
    """
    write_png(path, figure(chorale, given))


def write_contours(chorale: Chorale, path: str | os.PathLike[str],
                   given: np.ndarray | None = None) -> None:
    """Writes the voices of a chorale as lines, a PNG; see `contours`. Errors as of `write_roll`."""
    write_png(path, contours(chorale, given))


def write_png(path: str | os.PathLike[str], picture: "Figure") -> None:
    """Writes a matplotlib figure as a PNG.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    content = io.BytesIO()
    picture.savefig(content, format="png", dpi=150)
    write_bytes(path, content.getvalue())


def figure(chorale: Chorale, given: np.ndarray | None = None) -> "Figure":
    """The piano roll of a chorale as a matplotlib figure.

    Args:
      chorale: what is drawn.
      given: bool[T, 4], cells that were not composed, which are drawn hatched.

    Raises:
      ValueError: if `given` has another shape.
    """
    from matplotlib.patches import Patch
    sign = Patch(facecolor="white", edgecolor=INK, hatch=HATCH, lw=0.6, label="Given")
    return _figure(chorale, given, _draw_bars, patches(), sign)


def patches() -> "list[Artist]":
    """The colours of the voices, for a legend."""
    from matplotlib.patches import Patch
    return [Patch(color=colour, label=name.capitalize())
            for name, colour in zip(VOICES, COLOURS, strict=True)]


def contours(chorale: Chorale, given: np.ndarray | None = None) -> "Figure":
    """The voices of a chorale as lines of pitch over time, as a matplotlib figure.

    A marker stands where a note is struck; what is given is drawn thin, its markers hollow.
    Arguments and errors are those of `figure`.
    """
    from matplotlib.lines import Line2D
    handles: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, ms=5, lw=2, label=name.capitalize())
        for name, colour, marker in zip(VOICES, COLOURS, MARKERS, strict=True)]
    sign = Line2D([], [], color=INK, marker="o", ms=4.5, lw=0.7, mfc="white", label="Given")
    return _figure(chorale, given, _draw_line, handles, sign)


def _figure(chorale: Chorale, given: np.ndarray | None,
            draw: Callable[["Axes", int, list[_Stretch]], None], handles: "list[Artist]",
            sign: "Artist") -> "Figure":
    """A picture of a chorale, its voices drawn by `draw`; `sign` explains what is given."""
    from matplotlib.figure import Figure
    known = np.zeros(chorale.pitch.shape, bool) if given is None else np.asarray(given, bool)
    if known.shape != chorale.pitch.shape:
        raise ValueError(f"given cells have the shape of the chorale's, {chorale.pitch.shape}, "
                         f"not {known.shape}")
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
        draw_grid(axes, chorale, start, end, low, high)
        for voice in range(len(VOICES)):
            stretches = list(_stretches(chorale, known, voice, start, end))
            draw(axes, voice, stretches)
            for one in stretches:
                if one.fermata is not None:
                    _draw_fermata(axes, one.fermata, one.pitch + 1.1)
    picture.text(0.55 / width, 1 - 0.3 / height, chorale.title or "Chorale", color=INK,
                 fontsize=11, fontweight="bold", va="center")
    picture.legend(
        handles=[*handles, *([sign] if known.any() else [])],
        loc="center right", bbox_to_anchor=(1 - 0.3 / width, 1 - 0.3 / height), ncols=5,
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


def draw_grid(axes: "Axes", chorale: Chorale, start: int, end: int, low: int, high: int) -> None:
    """Draws all but the notes: keys, beats, and bars with their numbers.

    Args:
      axes: of the row.
      chorale: whose bars they are.
      start, end: the frames of the row.
      low, high: its MIDI pitches, the last one not included.
    """
    for pitch in range(low, high):
        if pitch % 12 in (1, 3, 6, 8, 10):
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=BLACK_KEY, lw=0, zorder=0)
    axes.vlines(range(start, end, FRAMES_PER_QUARTER), low - 0.5, high - 0.5, color=GRID, lw=0.4,
                zorder=1)
    for bar, number in zip(chorale.bars, chorale.numbers(), strict=True):
        if start <= bar.start < end:
            axes.axvline(bar.start, color=INK, lw=0.9, zorder=1)
            if bar.offset == 0:
                axes.text(bar.start, high - 0.2, str(number), fontsize=7, color=INK, va="bottom",
                          ha="center")
    axes.axvline(end, color=INK, lw=2.5 if end == len(chorale) else 0.9, zorder=1)
    axes.set_xlim(start, end)
    axes.set_ylim(low - 0.5, high - 0.5)
    # The tonic triad, which under no signature is spelled with double accidentals.
    ticks = [pitch for pitch in range(low, high) if (pitch - 7 * chorale.sharps) % 12 in (0, 4, 7)]
    axes.set_yticks(ticks, [pitch_name(pitch, chorale.sharps) for pitch in ticks])
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=6.5, length=0, pad=3, labelcolor=INK)
    axes.spines[:].set_visible(False)


def _stretches(chorale: Chorale, given: np.ndarray, voice: int, start: int,
               end: int) -> Iterator[_Stretch]:
    """What a voice sings in a row, cut where what is given of it begins or ends, and where it meets
    another voice or leaves it."""
    same = chorale.pitch == chorale.pitch[:, [voice]]
    kinds = np.stack([given[:, voice], same[:, :voice].sum(1), same.sum(1)], axis=1)
    for first, stop, pitch in chorale.notes(voice):
        a, b = max(first, start), min(stop, end)
        if pitch == REST or a >= b:
            continue
        fermata = (a + b - GAP) / 2 if chorale.fermata[first, voice] else None
        changes = 1 + np.flatnonzero((kinds[a + 1:b] != kinds[a:b - 1]).any(axis=1))
        for one, other in itertools.pairwise([a, *(a + changes).tolist(), b]):
            known, above, together = kinds[one].tolist()
            yield _Stretch(one, other, pitch, bool(known), above, together, one == first,
                           other == stop, fermata if other == stop else None)


def _draw_bars(axes: "Axes", voice: int, stretches: list[_Stretch]) -> None:
    """A bar for each note; where voices meet on a pitch they share its height, the higher above."""
    for one in stretches:
        thickness = 0.59 + 0.12 * voice if one.together == 1 else 0.95 / one.together
        middle = one.pitch + thickness * ((one.together - 1) / 2 - one.above)
        length = one.end - one.start - (GAP if one.ends else 0)
        axes.broken_barh([(one.start, length)], (middle - thickness / 2, thickness), lw=0.3,
                         zorder=3, hatch=HATCH if one.given else None,
                         facecolor="white" if one.given else COLOURS[voice],
                         edgecolor=COLOURS[voice] if one.given else INK)


def _draw_line(axes: "Axes", voice: int, stretches: list[_Stretch]) -> None:
    """A line for each note, joined to the next, a little aside of the other voices'."""
    aside = 0.15 * (1.5 - voice)
    colour, marker = COLOURS[voice], MARKERS[voice]
    for one, following in itertools.pairwise(stretches):
        if one.end == following.start:
            axes.plot([one.end] * 2, [one.pitch + aside, following.pitch + aside], color=colour,
                      lw=0.7, zorder=2)
    for one in stretches:
        y = one.pitch + aside
        axes.plot([one.start, one.end], [y, y], color=colour, lw=0.7 if one.given else 2, zorder=3,
                  solid_capstyle="butt")
        if one.struck:
            axes.plot([one.start], [y], marker=marker, color=colour, ms=4,
                      mfc="white" if one.given else colour, mew=0.8, zorder=4)


def _draw_fermata(axes: "Axes", x: float, y: float) -> None:
    """A fermata, its dot at (x, y)."""
    from matplotlib.patches import Arc
    axes.add_patch(Arc((x, y), 2.2, 2.0, theta1=0, theta2=180, color=INK, lw=0.9, zorder=4))
    axes.plot([x], [y + 0.15], marker="o", ms=1.3, color=INK, zorder=4)


def pitch_name(midi: int, sharps: int = 0) -> str:
    """The name of a pitch under a key signature, such as "F♯4"."""
    step, alter, octave = spell(midi, sharps)
    return f"{step}{'♯' * alter}{'♭' * -alter}{octave}"
