"""Writing a chorale in the format that the file's name asks for."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from lmjax.music.chorale import Chorale
from lmjax.render import audio, engrave
from lmjax.render.midi import write_midi
from lmjax.render.notation import write_musicxml
from lmjax.render.roll import write_roll

# By the end of the name; of two that fit the first.
WRITERS: dict[str, Callable[[Chorale, str | os.PathLike[str]], None]] = {
    ".musicxml": write_musicxml,
    ".xml": write_musicxml,
    ".mid": write_midi,
    ".midi": write_midi,
    ".score.png": engrave.write_png,
    ".png": write_roll,
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


def write(chorale: Chorale, path: str | os.PathLike[str]) -> None:
    """Writes a chorale: notation (.musicxml, .xml), MIDI (.mid, .midi), a piano roll (.png), sound
    (.wav) or, by the extra `render`, engraved music (.svg, .pdf, .score.png) and sound (.mp3).

    The file appears whole or not at all; one of the same name is replaced.

    Raises:
      ValueError: if the name ends in none of these, or the extra is missing.
      FileNotFoundError: if the folder of the file does not exist.
    """
    name = Path(path).name
    for suffix, writer in WRITERS.items():
        if name.lower().endswith(suffix):
            writer(chorale, path)
            return
    raise ValueError(f"cannot write {name}: its name must end in one of {', '.join(WRITERS)}")
