import io
import os
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from lmjax.music.chorale import Bar, Chorale
from lmjax.render import audio
from lmjax.render.audio import RATE, TAIL, mp3_of, synthesize, write_mp3, write_wav
from lmjax.render.extra import MissingExtra
from lmjax.render.notation import write_musicxml
from lmjax.render.tempo import seconds_of

# Plays a "sound font" by copying it: the samples, of 16 bits and two channels, that come out.
FLUIDSYNTH = """#!{python}
import pathlib, sys
raw, font, midi = sys.argv[-3:]
assert sys.argv[sys.argv.index("-r") + 1] == "{rate}"
assert pathlib.Path(midi).read_bytes().startswith(b"MThd")
pathlib.Path(raw).write_bytes(pathlib.Path(font).read_bytes())
"""


@pytest.fixture
def fluidsynth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "fluidsynth"
    program.parent.mkdir()
    program.write_text(FLUIDSYNTH.format(python=sys.executable, rate=RATE))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def chords(lengths: list[int], rests: int = 0) -> Chorale:
    """Chords of some lengths in sixteenths, and rests."""
    starts = np.cumsum([0, *lengths])
    pitch = np.full((starts[-1] + rests, 4), -1)
    pitch[:starts[-1]] = [72, 67, 64, 48]
    struck = np.zeros(pitch.shape, bool)
    struck[starts[:-1]] = True
    return Chorale(pitch, struck, np.zeros_like(struck), (Bar(0, 4, 4),))


def decibels(samples: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(samples, dtype=float)))


def decoded(mp3: bytes) -> np.ndarray:
    import soundfile
    samples, rate = soundfile.read(io.BytesIO(mp3), dtype="float32")
    assert rate == RATE and samples.ndim == 1
    return samples


def test_level_and_length(chorale: Chorale) -> None:
    samples = synthesize(chorale, quarter_per_minute=60)
    assert samples.dtype == np.float32
    assert len(samples) == round((14.5 + TAIL) * RATE)
    assert decibels(samples) == pytest.approx(-17, abs=0.01)
    assert 0.3 < np.abs(samples).max() < 0.7


def test_what_is_mostly_silent_does_not_clip() -> None:
    samples = synthesize(chords([2], rests=126))
    assert np.abs(samples).max() == pytest.approx(0.9)
    assert decibels(samples) < -17


def test_silence() -> None:
    samples = synthesize(chords([], rests=8))
    assert not samples.any() and len(samples) == round((1.5 + TAIL) * RATE)


def test_wav(chorale: Chorale, tmp_path: Path) -> None:
    write_wav(chorale, tmp_path / "a.wav", quarter_per_minute=100)
    samples = synthesize(chorale, 100)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        written = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_allclose(written / 32767, samples, atol=0.51 / 32767)
    write_wav(chorale, tmp_path / "b.wav", quarter_per_minute=100)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_mp3_is_small_and_sounds_the_same(chorale: Chorale, tmp_path: Path) -> None:
    mp3 = mp3_of(chorale)
    played, samples = decoded(mp3), synthesize(chorale)
    assert len(mp3) * 8 / len(played) * RATE == pytest.approx(32_000, rel=0.01)
    late = round(0.046 * RATE)
    assert len(samples) + late <= len(played) < len(samples) + 0.1 * RATE
    difference = played[late + 1:late + 1 + len(samples)] - samples
    assert decibels(difference) < decibels(samples) - 20
    assert np.abs(played).max() < 0.95
    write_mp3(chorale, tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes() == mp3


def test_three_minutes() -> None:
    piece = chords([4, 2, 2, 8] * 60)
    mp3 = mp3_of(piece)
    assert len(decoded(mp3)) / RATE == pytest.approx(180 + TAIL, abs=0.1)
    assert len(mp3) == pytest.approx(180 * 4000, rel=0.01)


def test_without_the_library(chorale: Chorale, tmp_path: Path,
                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r'sound \(\.mp3\) needs soundfile.*"\.\[render\]"'):
        write_mp3(chorale, tmp_path / "a.mp3")
    assert not list(tmp_path.iterdir())
    write_wav(chorale, tmp_path / "a.wav")


@pytest.mark.usefixtures("fluidsynth")
@pytest.mark.parametrize("seconds", [1, 60])
def test_a_sound_font_is_levelled_and_as_long(chorale: Chorale, tmp_path: Path,
                                              seconds: int) -> None:
    """Whether fluidsynth stops early or late."""
    left = 3000 * np.sin(2 * np.pi * 500 / RATE * np.arange(seconds * RATE))
    np.stack([left, 0 * left], axis=1).astype("<i2").tofile(tmp_path / "a.sf2")
    samples = synthesize(chorale, soundfont=tmp_path / "a.sf2")
    assert len(samples) == len(synthesize(chorale))
    assert decibels(samples) == pytest.approx(-17, abs=0.1)
    assert np.argmax(np.abs(np.fft.rfft(samples[:RATE]))) == 500
    assert abs(samples[-1]) < 1e-3


@pytest.mark.usefixtures("fluidsynth")
@pytest.mark.parametrize("noise", [b"", b"\0\0\1\0" * RATE])
def test_a_broken_sound_font(chorale: Chorale, tmp_path: Path, noise: bytes) -> None:
    """fluidsynth plays silence, with a little noise."""
    (tmp_path / "a.sf2").write_bytes(noise)
    with pytest.raises(ValueError, match=r"fluidsynth cannot play .*a\.sf2; it must be a sound"):
        write_wav(chorale, tmp_path / "a.wav", soundfont=tmp_path / "a.sf2")
    assert not (tmp_path / "a.wav").exists()
    assert not synthesize(chords([], rests=8), soundfont=tmp_path / "a.sf2").any()


@pytest.mark.usefixtures("fluidsynth")
def test_no_sound_font(chorale: Chorale, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no sound font .*nowhere\.sf2"):
        synthesize(chorale, soundfont=tmp_path / "nowhere.sf2")


def test_no_fluidsynth(chorale: Chorale, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="needs the program fluidsynth, which is not installed"):
        synthesize(chorale, soundfont=tmp_path / "a.sf2")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["audio", *map(str, arguments)])
    audio.main()


def test_from_the_command_line(chorale: Chorale, tmp_path: Path,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    write_musicxml(chorale, tmp_path / "a.musicxml")
    command(monkeypatch, tmp_path / "a.musicxml", "--to=wav,mp3")
    write_wav(chorale, tmp_path / "b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert (tmp_path / "a.mp3").read_bytes() == mp3_of(chorale)


def test_a_tune_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\nC D E2|]\n")
    command(monkeypatch, tmp_path / "a.abc")
    tune = audio.read(tmp_path / "a.abc")
    assert list(tune.pitch[::4, 0]) == [60, 62, 64, 64] and (tune.pitch[:, 1:] == -1).all()
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() == round((seconds_of(tune)[-1] + TAIL) * RATE)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["nowhere.abc"], "No such file"),
    (["a.abc", "--to=ogg"], "cannot write sound as 'ogg', only as wav, mp3"),
    (["a.abc", "--soundfont=nowhere.sf2"], "sound font")])
def test_mistakes_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                      arguments: list[str], sentence: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nC D E2|]\n")
    with pytest.raises(SystemExit, match=sentence):
        command(monkeypatch, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["a.abc"]
