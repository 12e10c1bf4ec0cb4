"""The dive: a chorale coming out of the noise, as a film strip and as an animation."""

import io
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lmjax.files import write_bytes
from lmjax.music.chorale import Chorale
from lmjax.render.roll import BLACK_KEY, COLOURS, GRID, INK, draw_grid, patches, write_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from PIL.Image import Image

COLUMNS = 4  # of pixels a sixteenth; the first is left white as far as a note is struck there
PALE = 0.5  # the ink is the probability to this power, so that what is hardly likely shows too
PANELS = 8  # of a strip
# What is drawn beside the notes: the attribute, what it is, and its scale.
CURVES = (("sigma", r"noise level $\sigma$ at each step", "log"),
          ("entropy", "entropy of a cell's token, nats", "linear"),
          ("score_norm", "length of the score", "log"))
FRAME_MS, FIRST_MS, LAST_MS = 80, 800, 4000
PALETTE = 128  # colours of an animation, beside those that are to be exact
EXACT = ("white", BLACK_KEY, GRID, INK, *COLOURS)


class Dive(NamedTuple):
    """An annealing run of N steps on T frames, told in P pitches.

    Attributes:
      struck, held: float[N, T, 4, P], with which probability each voice strikes a pitch in a frame,
        and with which it goes on with it.
      lowest: MIDI, the first pitch; the others follow in semitones.
      sigma: float[N], the noise level of each step.
      entropy: float[N], mean entropy of a cell's token, nats.
      score_norm: float[N], length of the score.
      chorale: what came of it, T frames long.
    """

    struck: np.ndarray
    held: np.ndarray
    lowest: int
    sigma: np.ndarray
    entropy: np.ndarray
    score_norm: np.ndarray
    chorale: Chorale

    def picture(self, step: int, start: int, end: int) -> np.ndarray:
        """What a step says of some frames, as `ink`; step N is the finished chorale."""
        if step < len(self.sigma):
            return ink(self.struck[step, start:end], self.held[step, start:end])
        pitches = self.lowest + np.arange(self.struck.shape[-1])
        sounds = self.chorale.pitch[start:end, :, None] == pitches
        struck = self.chorale.struck[start:end, :, None]
        return ink(sounds & struck, sounds & ~struck)


def ink(struck: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Probabilities [T, 4, P] of pitches as a transparent picture, the lowest pitch first.

    Each voice has an ink of its colour, of which there is the more, the likelier it sings the
    pitch; where voices meet, they darken each other.

    Returns:
      float[P, COLUMNS T, 4], red, green, blue and opacity.
    """
    from matplotlib.colors import to_rgb
    share = np.stack([held, *[struck + held] * (COLUMNS - 1)], axis=1)  # [T, COLUMNS, 4, P]
    thickness = np.clip(share.reshape(-1, *share.shape[2:]), 0, 1) ** PALE
    taken = 1 - np.array([to_rgb(colour) for colour in COLOURS])  # [4, 3], of the light
    missing = 1 - np.prod(1 - thickness[..., None] * taken[:, None], axis=1)
    opacity = missing.max(axis=-1, keepdims=True)
    colour = 1 - missing / np.maximum(opacity, 1e-9)
    return np.concatenate([colour, opacity], axis=-1).swapaxes(0, 1)


def write_strip(dive: Dive, path: str | os.PathLike[str], start: int = 0,
                end: int | None = None) -> None:
    """Writes a run as a PNG: rolls of probabilities on the way from noise to the finished chorale,
    and the noise level, the entropy and the score at all steps.

    Args:
      dive: the run.
      path: of the file.
      start, end: the frames that are shown, all if not given.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    from matplotlib.figure import Figure
    end = len(dive.chorale) if end is None else end
    steps = len(dive.sigma)
    chosen = np.linspace(0, steps, PANELS).round().astype(int)
    picture = Figure(figsize=(12, 7.2), layout="constrained", facecolor="white")
    picture.legend(handles=patches(), loc="outside upper right", ncols=4, frameon=False, fontsize=8)
    above, below = picture.subfigures(2, 1, squeeze=False, height_ratios=(5, 2)).flat
    for axes, step in zip(above.subplots(2, PANELS // 2).flat, chosen.tolist(), strict=True):
        _draw_roll(axes, dive, step, start, end)
        axes.set_title(_caption(dive, step), fontsize=8, color=INK, pad=12)
    marked = chosen[chosen < steps]
    for axes, (name, label, scale) in zip(below.subplots(1, len(CURVES)), CURVES, strict=True):
        values = getattr(dive, name)
        _draw_curve(axes, values, label, scale)
        axes.plot(1 + marked, values[marked], "o", color=COLOURS[0], ms=4)
    write_png(path, picture)


def write_animation(dive: Dive, path: str | os.PathLike[str], start: int = 0,
                    end: int | None = None) -> None:
    """Writes a run as an animated GIF, a picture for each step and one of the finished chorale.

    Arguments and errors are those of `write_strip`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image
    end = len(dive.chorale) if end is None else end
    picture = Figure(figsize=(9.6, 4.2), facecolor="white")
    canvas = FigureCanvasAgg(picture)
    axes = picture.add_axes((0.05, 0.04, 0.64, 0.83))
    shown = _draw_roll(axes, dive, 0, start, end)
    caption = picture.text(0.05, 0.95, "", fontsize=10, color=INK, va="center")
    picture.legend(handles=patches(), loc="center right", bbox_to_anchor=(0.69, 0.95), ncols=4,
                   frameon=False, fontsize=8, borderaxespad=0, handlelength=1.2)
    dots = []
    for row, (name, label, scale) in enumerate(CURVES):
        panel = picture.add_axes((0.76, 0.75 - 0.325 * row, 0.22, 0.18))
        _draw_curve(panel, getattr(dive, name), label, scale)
        dots.append(panel.plot([], [], "o", color=COLOURS[0], ms=5)[0])
    frames = []
    for step in range(len(dive.sigma) + 1):
        shown.set_data(dive.picture(step, start, end))
        caption.set_text(_caption(dive, step))
        for dot, (name, _, _) in zip(dots, CURVES, strict=True):
            value = getattr(dive, name)[step:step + 1]
            dot.set_data([1 + step] * len(value), value)
        canvas.draw()
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    write_bytes(path, _gif(frames))


def _gif(frames: "list[Image]") -> bytes:
    """Pictures of one size as an endless GIF, all in the same colours."""
    from matplotlib.colors import to_rgb
    from PIL import Image
    width, height = frames[0].size
    some = frames[::max(len(frames) // 6, 1)]
    together = Image.new("RGB", (width, height * len(some)))
    for number, frame in enumerate(some):
        together.paste(frame, (0, height * number))
    found = together.quantize(PALETTE, Image.Quantize.MEDIANCUT).getpalette()
    exact = np.round([np.multiply(255, to_rgb(colour)) for colour in EXACT]).astype(int)
    others = np.array(found, int).reshape(-1, 3)
    # Pillow looks for the nearest colour by steps of 8, so another too near could take its place.
    near = (np.abs(others[:, None] - exact) <= 8).all(axis=-1).any(axis=1)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([exact, others[~near]]).ravel().tolist())
    first, *later = [frame.quantize(palette=palette, dither=Image.Dither.NONE)
                     for frame in frames]
    content = io.BytesIO()
    first.save(content, format="GIF", save_all=True, append_images=later, loop=0,
               duration=[FIRST_MS, *[FRAME_MS] * (len(frames) - 2), LAST_MS])
    return content.getvalue()


def _caption(dive: Dive, step: int) -> str:
    """What a picture of a step is of."""
    if step == len(dive.sigma):
        return "the finished chorale"
    return (rf"step {step + 1}: $\sigma$ {dive.sigma[step]:.2f}, entropy "
            f"{dive.entropy[step]:.2f} nats")


def _draw_roll(axes: "Axes", dive: Dive, step: int, start: int, end: int) -> "AxesImage":
    """A step's roll of probabilities."""
    high = dive.lowest + dive.struck.shape[-1]
    draw_grid(axes, dive.chorale, start, end, dive.lowest, high)
    return axes.imshow(
        dive.picture(step, start, end), origin="lower", aspect="auto", interpolation="nearest",
        extent=(start, end, dive.lowest - 0.5, high - 0.5), zorder=2)


def _draw_curve(axes: "Axes", values: np.ndarray, label: str, scale: str) -> None:
    """What a run shows at every step, as a grey line."""
    axes.plot(1 + np.arange(len(values)), values, color="#999999", lw=1)
    axes.set_yscale(scale)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0, len(values) + 1)
    axes.set_title(label, fontsize=8, color=INK)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
