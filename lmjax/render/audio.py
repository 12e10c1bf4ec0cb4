"""Sound: a chorale played by a small organ or by a sound font, as WAV or MP3."""

import io
import os
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

from lmjax.files import write_bytes
from lmjax.music.chorale import REST, Chorale
from lmjax.music.importers import chorale_of, read_tune
from lmjax.render import extra, organ
from lmjax.render.midi import write_midi
from lmjax.render.organ import RATE, TAIL
from lmjax.render.tempo import seconds_of

LEVEL = 10 ** (-17 / 20)  # root mean square of a piece, -17 dBFS
PEAK = 0.9  # what no sample exceeds

# libsndfile's scale runs from 160 kbit/s to 8. A constant rate, since browsers seek other files
# only roughly, and 32 kbit/s, 124 KB for 31 s: at 24 kbit/s the upper partials get lost.
COMPRESSION = (160 - 32) / (160 - 8)

DITHER = 4  # of 32768; fluidsynth's silence is below

SoundFont = str | os.PathLike[str] | None


def check(suffix: str) -> None:
    """Raises `MissingExtra` if sound of a format, such as "mp3", needs a library that is not there:
    before there is anything to write."""
    if suffix == "mp3":
        extra.load("soundfile", "sound (.mp3)")


def synthesize(chorale: Chorale, quarter_per_minute: float | None = None,
               soundfont: SoundFont = None) -> np.ndarray:
    """Plays a chorale: float32[N], `RATE` samples a second, from -1 to 1.

    Frames begin when `lmjax.render.tempo.seconds_of` says, and `TAIL` seconds follow the last.
    The root mean square is `LEVEL`, or less where samples would exceed `PEAK`.

    Args:
      chorale: what to play.
      quarter_per_minute: tempo; without one, that of `lmjax.render.tempo.timing_of`.
      soundfont: a file (.sf2) that the program fluidsynth plays, instead of the organ.

    Raises:
      ValueError: if the tempo is too slow or too fast, the program is missing or cannot play the
        file.
    """
    samples = (organ.play(chorale, quarter_per_minute) if soundfont is None else
               _play_soundfont(chorale, quarter_per_minute, Path(soundfont)))
    peak = np.abs(samples).max()
    if peak > 0:
        samples *= min(LEVEL / np.sqrt(np.mean(np.square(samples))), PEAK / peak)
    return samples


def write_wav(chorale: Chorale, path: str | os.PathLike[str],
              quarter_per_minute: float | None = None, soundfont: SoundFont = None) -> None:
    """Plays a chorale into a WAV file of 16 bits; see `synthesize` for what the arguments mean.

    Raises:
      ValueError: as `synthesize` does.
      FileNotFoundError: if the folder of the file does not exist.
    """
    write_bytes(path, _wav(synthesize(chorale, quarter_per_minute, soundfont)))


def write_mp3(chorale: Chorale, path: str | os.PathLike[str],
              quarter_per_minute: float | None = None, soundfont: SoundFont = None) -> None:
    """Plays a chorale into an MP3 file, see `mp3_of`.

    Raises:
      MissingExtra, ValueError: as `mp3_of` does.
      FileNotFoundError: if the folder of the file does not exist.
    """
    write_bytes(path, mp3_of(chorale, quarter_per_minute, soundfont))


def mp3_of(chorale: Chorale, quarter_per_minute: float | None = None,
           soundfont: SoundFont = None) -> bytes:
    """Plays a chorale into an MP3 of 32 kbit/s; see `synthesize` for what the arguments mean.

    The sound comes 46 ms later than in a WAV, which is what the encoding and decoding of any MP3
    take.

    Raises:
      MissingExtra: if soundfile is not installed.
      ValueError: as `synthesize` does.
    """
    return _mp3(synthesize(chorale, quarter_per_minute, soundfont))


def _wav(samples: np.ndarray) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return content.getvalue()


def _mp3(samples: np.ndarray) -> bytes:
    soundfile = extra.load("soundfile", "sound (.mp3)")
    content = io.BytesIO()
    soundfile.write(content, samples, RATE, format="MP3", bitrate_mode="CONSTANT",
                    compression_level=COMPRESSION)
    return content.getvalue()


ENCODERS = {"wav": _wav, "mp3": _mp3}


def _play_soundfont(chorale: Chorale, quarter_per_minute: float | None,
                    soundfont: Path) -> np.ndarray:
    """Plays a chorale by fluidsynth: float32[N], until `TAIL` seconds after its end."""
    program = shutil.which("fluidsynth")
    if program is None:
        raise ValueError("a sound font needs the program fluidsynth, which is not installed; "
                         "install it as your system's packages are, or do without a sound font")
    if not soundfont.is_file():
        raise ValueError(f"there is no sound font {soundfont}")
    with tempfile.TemporaryDirectory() as folder:
        midi, raw = Path(folder, "chorale.mid"), Path(folder, "chorale.raw")
        write_midi(chorale, midi, quarter_per_minute)
        # Without a default, which would be played instead of a sound font that is broken.
        subprocess.run([program, "-ni", "-o", "synth.default-soundfont=", "-g", "0.5", "-r",
                        str(RATE), "-T", "raw", "-O", "s16", "-E", "little", "-F", raw,
                        soundfont.resolve(), midi], stdin=subprocess.DEVNULL, capture_output=True)
        played = np.fromfile(raw, "<i2") if raw.is_file() else np.zeros(0, "<i2")
    played[(played >= -DITHER) & (played <= DITHER)] = 0
    if not played.any() and (chorale.pitch != REST).any():  # no exit code tells it
        raise ValueError(f"fluidsynth cannot play {soundfont}; it must be a sound font (.sf2), "
                         f"and whole")
    tail = round(TAIL * RATE)
    samples = np.zeros(round(float(seconds_of(chorale, quarter_per_minute)[-1]) * RATE) + tail,
                       np.float32)
    both = played.reshape(-1, 2)[:len(samples)]
    samples[:len(both)] = both.mean(axis=1) / 32768
    samples[-tail:] *= np.linspace(1, 0, tail, dtype=np.float32)
    return samples


def read(path: str | os.PathLike[str]) -> Chorale:
    """Reads a file of one to four voices as a chorale, its parts from the top.

    Raises:
      ImportingError: if it cannot be used.
      OSError: if it cannot be read.
    """
    tune = read_tune(path)
    return chorale_of(tune, dict(enumerate(tune.parts)))


def main() -> None:
    """Plays files of music, each into sound beside it."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(prog="python -m lmjax.render.audio",
                                     description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE",
                        help="MusicXML, MIDI, ABC or Humdrum of one to four voices")
    parser.add_argument("--soundfont", type=Path, metavar="FILE.sf2",
                        help="played by fluidsynth, instead of the organ")
    parser.add_argument("--to", default="wav", help="wav, mp3 or wav,mp3")
    arguments = parser.parse_args()
    formats = arguments.to.split(",")
    try:
        for name in formats:
            if name not in ENCODERS:
                raise ValueError(f"cannot write sound as {name!r}, only as {', '.join(ENCODERS)}")
        for path in arguments.files:
            samples = synthesize(read(path), soundfont=arguments.soundfont)
            for name in formats:
                write_bytes(path.with_suffix(f".{name}"), ENCODERS[name](samples))
    except (ValueError, OSError) as error:
        sys.exit(f"lmjax: {error}")


if __name__ == "__main__":
    main()
