import dataclasses
from pathlib import Path

import mido
import numpy as np
import pytest

from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.render.midi import TICKS_PER_FRAME, time_signatures, write_midi
from lmjax.render.tempo import SLOWEST, seconds_of


def test_parse_back_gives_the_same_notes(chorale: Chorale, tmp_path: Path) -> None:
    write_midi(chorale, tmp_path / "piece.mid", quarter_per_minute=60)
    file = mido.MidiFile(tmp_path / "piece.mid")
    assert [track.name for track in file.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert file.length == pytest.approx(seconds_of(chorale, 60)[-1])
    for voice, track in enumerate(file.tracks):
        tick, begun, notes = 0, {}, []
        for message in track:
            tick += message.time
            if message.type == "note_on":
                assert not begun, "a note starts before the last one ends"
                begun[message.note] = tick // TICKS_PER_FRAME
            elif message.type == "note_off":
                notes.append((begun.pop(message.note), tick // TICKS_PER_FRAME, message.note))
        assert notes == [note for note in chorale.notes(voice) if note[2] != REST]
        assert tick == len(chorale) * TICKS_PER_FRAME


def test_known_meta_events(chorale: Chorale, tmp_path: Path) -> None:
    write_midi(chorale, tmp_path / "piece.mid", quarter_per_minute=60)
    meta = [message for message in mido.MidiFile(tmp_path / "piece.mid").tracks[0]
            if message.is_meta]
    assert [m.key for m in meta if m.type == "key_signature"] == ["Eb"]
    # The upbeat and the broken bar get time signatures of their own lengths.
    assert time_signatures(chorale) == [
        (0, 1, 4), (4, 4, 4), (20, 3, 4), (32, 1, 4), (36, 2, 4)]
    assert [(m.numerator, m.denominator) for m in meta if m.type == "time_signature"] == [
        (1, 4), (4, 4), (3, 4), (1, 4), (2, 4)]


def test_fermatas_are_tempo_and_silence(chorale: Chorale, tmp_path: Path) -> None:
    """The notes remain where they are written."""
    write_midi(chorale, tmp_path / "piece.mid", quarter_per_minute=60)
    tempos, breaths, tick = {}, {}, 0
    for message in mido.merge_tracks(mido.MidiFile(tmp_path / "piece.mid").tracks):
        tick += message.time
        if message.type == "set_tempo":
            tempos[tick / TICKS_PER_FRAME] = message.tempo
        elif message.type == "control_change":
            breaths.setdefault(tick / TICKS_PER_FRAME, []).append((message.channel,
                                                                   message.control))
    # A quarter lasts half as long again; its last sixteenth, two more that are silent.
    assert tempos == {0: 1_000_000, 28: 1_500_000, 31: 3_500_000, 32: 1_000_000, 48: 1_500_000}
    (moment, silenced), = breaths.items()
    assert moment == pytest.approx(31 + 1.5 / 3.5, abs=1 / TICKS_PER_FRAME)
    assert silenced == [(voice, 123) for voice in range(4)]


def test_the_slowest_tempo_can_be_written(chorale: Chorale, tmp_path: Path) -> None:
    fermata = np.zeros_like(chorale.fermata)
    fermata[chorale.struck[:, 2] & (np.arange(52) == 14), 2] = True  # of one sixteenth
    slow = dataclasses.replace(chorale, fermata=fermata)
    write_midi(slow, tmp_path / "piece.mid", quarter_per_minute=SLOWEST)
    assert mido.MidiFile(tmp_path / "piece.mid").length == pytest.approx((52 + 4) * 60 / 20 / 4)


def test_minor_key_and_short_upbeat(chorale: Chorale, tmp_path: Path) -> None:
    bars = (Bar(0, 3, 4, 10), *(Bar(start, 3, 4) for start in range(2, 52, 12)))
    minor = dataclasses.replace(chorale, sharps=1, mode="minor", bars=bars)
    write_midi(minor, tmp_path / "piece.mid")
    track = mido.MidiFile(tmp_path / "piece.mid").tracks[0]
    assert [m.key for m in track if m.type == "key_signature"] == ["Em"]
    assert time_signatures(minor) == [(0, 1, 8), (2, 3, 4)]


def test_tempo_must_be_positive(chorale: Chorale, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tempo"):
        write_midi(chorale, tmp_path / "piece.mid", quarter_per_minute=0)
