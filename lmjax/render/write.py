"""Writing a chorale in the format that the file's name asks for."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from lmjax.music.chorale import Chorale
from lmjax.render import engrave
from lmjax.render.midi import write_midi
from lmjax.render.notation import write_musicxml
from lmjax.render.roll import write_roll

WRITERS: dict[str, Callable[[Chorale, str | os.PathLike[str]], None]] = {
    ".musicxml": write_musicxml,
    ".xml": write_musicxml,
    ".mid": write_midi,
    ".midi": write_midi,
    ".png": write_roll,
    ".svg": engrave.write_svg,
}


def check(formats: Iterable[str]) -> None:
    """Raises `engrave.MissingExtra` if one of some formats, such as "svg", needs an extra: before
    there is anything to write."""
    if "svg" in formats:
        engrave.check()


def write(chorale: Chorale, path: str | os.PathLike[str]) -> None:
    """Writes a chorale: notation (.musicxml, .xml), MIDI (.mid, .midi), a piano roll (.png) or
    engraved music (.svg, by the extra `render`).

    The file appears whole or not at all; one of the same name is replaced.

    Raises:
      ValueError: if the suffix is none of these, or the extra is missing.
      FileNotFoundError: if the folder of the file does not exist.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise ValueError(f"cannot write {Path(path).name}: its name must end in one of "
                         f"{', '.join(WRITERS)}")
    WRITERS[suffix](chorale, path)
