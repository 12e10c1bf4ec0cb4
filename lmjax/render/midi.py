"""Standard MIDI files: four tracks, one for each voice."""

import io
import os
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from lmjax.files import write_bytes
from lmjax.music.chorale import (
    FRAMES_PER_QUARTER,
    REST,
    SIXTEENTHS_PER_WHOLE,
    VOICES,
    Chorale,
)
from lmjax.render.tempo import timing_of

if TYPE_CHECKING:
    from mido import MidiFile

TICKS_PER_QUARTER = 480
TICKS_PER_FRAME = TICKS_PER_QUARTER // FRAMES_PER_QUARTER
CHOIR = 52  # General MIDI, "choir aahs", counted from 0
VELOCITY = 80
ALL_NOTES_OFF = 123  # the control change
# From seven flats to seven sharps.
MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m",
         "D#m", "A#m")


def write_midi(chorale: Chorale, path: str | os.PathLike[str],
               quarter_per_minute: float | None = None) -> None:
    """Writes a chorale as a MIDI file, see `midi_of`.

    Raises:
      ValueError: if the tempo is too slow or too fast.
      FileNotFoundError: if the folder of the file does not exist.
    """
    content = io.BytesIO()
    midi_of(chorale, quarter_per_minute).save(file=content)
    write_bytes(path, content.getvalue())


def midi_of(chorale: Chorale, quarter_per_minute: float | None = None) -> "MidiFile":
    """A chorale as a MIDI file of four named tracks; the first holds tempo and metre.

    The notes stay on the grid, for notation editors; a fermata is a slower tempo, and the breath
    after it the message "all notes off" (see `lmjax.render.tempo`).

    MIDI knows no short bars: a bar shorter than its metre, such as an upbeat, gets a time
    signature of its own length, so that bar lines come where they belong.

    Raises:
      ValueError: if the tempo is too slow or too fast.
    """
    import mido
    timing = timing_of(chorale, quarter_per_minute)
    frames = np.diff(timing.begins)  # how long each is, in seconds
    sounding = np.rint(TICKS_PER_FRAME * (timing.ends - timing.begins[:-1]) / frames).astype(int)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    for voice, name in enumerate(VOICES):
        # Messages as (tick, order within the tick, message); a note ends before the next starts.
        events = [(0, 0, mido.MetaMessage("track_name", name=name.capitalize()))]
        if voice == 0:
            keys = MINOR if chorale.mode == "minor" else MAJOR
            tempos = np.rint(1_000_000 * FRAMES_PER_QUARTER * frames).astype(int)
            changes = np.flatnonzero(np.diff(tempos, prepend=0))
            events += [(frame * TICKS_PER_FRAME, 1, mido.MetaMessage("set_tempo", tempo=tempo))
                       for frame, tempo in zip(changes.tolist(), tempos[changes].tolist(),
                                               strict=True)]
            events += [(0, 1, mido.MetaMessage("key_signature", key=keys[chorale.sharps + 7]))]
            events += [(frame * TICKS_PER_FRAME, 1,
                        mido.MetaMessage("time_signature", numerator=above, denominator=below))
                       for frame, above, below in time_signatures(chorale)]
        events.append((0, 2, mido.Message("program_change", channel=voice, program=CHOIR)))
        for start, stop, pitch in chorale.notes(voice):
            if pitch == REST:
                continue
            sound = {"channel": voice, "note": pitch, "velocity": VELOCITY}
            events += [(start * TICKS_PER_FRAME, 4, mido.Message("note_on", **sound)),
                       (stop * TICKS_PER_FRAME, 3, mido.Message("note_off", **sound))]
            if sounding[stop - 1] < TICKS_PER_FRAME:
                silence = mido.Message("control_change", channel=voice, control=ALL_NOTES_OFF)
                tick = (stop - 1) * TICKS_PER_FRAME + int(sounding[stop - 1])
                events.append((tick, 3, silence))
        events.append((len(chorale) * TICKS_PER_FRAME, 5, mido.MetaMessage("end_of_track")))
        events.sort(key=lambda event: event[:2])
        before = [0, *(tick for tick, _, _ in events)]
        file.tracks.append(mido.MidiTrack(
            message.copy(time=tick - last)
            for last, (tick, _, message) in zip(before, events, strict=False)))
    return file


def time_signatures(chorale: Chorale) -> list[tuple[int, int, int]]:
    """The changes of time signature as (frame, numerator, denominator).

    A last bar that is short needs none.
    """
    changes: list[tuple[int, int, int]] = []
    ends = [*(bar.start for bar in chorale.bars[1:]), None]
    for bar, end in zip(chorale.bars, ends, strict=True):
        metre = (bar.numerator, bar.denominator)
        if end is not None and end - bar.start != bar.length:
            common = gcd(end - bar.start, SIXTEENTHS_PER_WHOLE // bar.denominator)
            metre = ((end - bar.start) // common, SIXTEENTHS_PER_WHOLE // common)
        if not changes or changes[-1][1:] != metre:
            changes.append((bar.start, *metre))
    return changes
