import dataclasses
from pathlib import Path

import mido
import pytest

from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.render.midi import TICKS_PER_FRAME, time_signatures, write_midi


def test_parse_back_gives_the_same_notes(chorale: Chorale, tmp_path: Path) -> None:
    write_midi(chorale, tmp_path / "piece.mid", quarter_per_minute=60)
    file = mido.MidiFile(tmp_path / "piece.mid")
    assert [track.name for track in file.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert file.length == pytest.approx(52 / 4)
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
    assert [m.tempo for m in meta if m.type == "set_tempo"] == [1_000_000]
    assert [m.key for m in meta if m.type == "key_signature"] == ["Eb"]
    # The upbeat and the broken bar get time signatures of their own lengths.
    assert time_signatures(chorale) == [
        (0, 1, 4), (4, 4, 4), (20, 3, 4), (32, 1, 4), (36, 2, 4)]
    assert [(m.numerator, m.denominator) for m in meta if m.type == "time_signature"] == [
        (1, 4), (4, 4), (3, 4), (1, 4), (2, 4)]


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
