"""Writing a chorale in the format that the file's name asks for."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from lmjax.music.chorale import Chorale
from lmjax.render import audio, engrave
from lmjax.render.midi import write_midi
from lmjax.render.notation import write_musicxml
from lmjax.render.roll import write_contours, write_roll

PLOTS = {".contours.png": write_contours, ".png": write_roll}  # which tell what was given
# By the end of the name; of two that fit the first.
WRITERS: dict[str, Callable[[Chorale, str | os.PathLike[str]], None]] = {
    ".musicxml": write_musicxml,
    ".xml": write_musicxml,
    ".mid": write_midi,
    ".midi": write_midi,
    ".score.png": engrave.write_png,
    **PLOTS,
    ".svg": engrave.write_svg,
    ".pdf": engrave.write_pdf,
    ".wav": audio.write_wav,
    ".mp3": audio.write_mp3,
}


def check(formats: Iterable[str]) -> None:
    """Raises MissingExtra if one of some formats, such as "svg" or "score.png", needs a library
    that is not there: before there is anything to write."""
    for suffix in formats:
        engrave.check(suffix)
        audio.check(suffix)


def write(chorale: Chorale, path: str | os.PathLike[str],
          given: np.ndarray | None = None) -> None:
    """Writes a chorale: notation (.musicxml, .xml), MIDI (.mid, .midi), a piano roll (.png), its
    voices as lines (.contours.png), sound (.wav) or, by the extra `render`, engraved music (.svg,
    .pdf, .score.png) and sound (.mp3).

    The file appears whole or not at all; one of the same name is replaced.

    Args:
      chorale: what to write.
      path: of the file.
      given: bool[T, 4], cells that were not composed; piano rolls and lines tell them apart.

    Raises:
      ValueError: if the name ends in none of these, the extra is missing, or `given` is not of the
        chorale's shape.
      FileNotFoundError: if the folder of the file does not exist.
    """
    name = Path(path).name
    for suffix, writer in WRITERS.items():
        if name.lower().endswith(suffix):
            if suffix in PLOTS:
                PLOTS[suffix](chorale, path, given)
            else:
                writer(chorale, path)
            return
    raise ValueError(f"cannot write {name}: its name must end in one of {', '.join(WRITERS)}")
