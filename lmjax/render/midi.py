"""Standard MIDI files: four tracks, one for each voice."""

import io
import os
from math import gcd

from lmjax.files import write_bytes
from lmjax.music.chorale import REST, SIXTEENTHS_PER_WHOLE, VOICES, Chorale

TICKS_PER_QUARTER = 480
TICKS_PER_FRAME = TICKS_PER_QUARTER // 4
CHOIR = 52  # General MIDI, "choir aahs", counted from 0
VELOCITY = 80
# From seven flats to seven sharps.
MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m",
         "D#m", "A#m")


def write_midi(chorale: Chorale, path: str | os.PathLike[str],
               quarter_per_minute: float = 80) -> None:
    """Writes a chorale as a MIDI file of four named tracks; the first holds tempo and metre.

    MIDI knows no short bars: a bar shorter than its metre, such as an upbeat, gets a time
    signature of its own length, so that bar lines come where they belong.

    Args:
      chorale: what to write.
      path: of the file.
      quarter_per_minute: tempo.

    Raises:
      FileNotFoundError: if the folder of the file does not exist.
    """
    import mido
    if quarter_per_minute <= 0:
        raise ValueError(f"the tempo must be above 0, not {quarter_per_minute}")
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    for voice, name in enumerate(VOICES):
        # Messages as (frame, order within the frame, message); a note ends before the next starts.
        events = [(0, 0, mido.MetaMessage("track_name", name=name.capitalize()))]
        if voice == 0:
            keys = MINOR if chorale.mode == "minor" else MAJOR
            tempo = mido.bpm2tempo(quarter_per_minute)
            events += [(0, 1, mido.MetaMessage("set_tempo", tempo=tempo)),
                       (0, 1, mido.MetaMessage("key_signature", key=keys[chorale.sharps + 7]))]
            events += [(frame, 1, mido.MetaMessage("time_signature", numerator=above,
                                                   denominator=below))
                       for frame, above, below in time_signatures(chorale)]
        events.append((0, 2, mido.Message("program_change", channel=voice, program=CHOIR)))
        for start, stop, pitch in chorale.notes(voice):
            if pitch != REST:
                sound = {"channel": voice, "note": pitch, "velocity": VELOCITY}
                events += [(start, 4, mido.Message("note_on", **sound)),
                           (stop, 3, mido.Message("note_off", **sound))]
        events.append((len(chorale), 5, mido.MetaMessage("end_of_track")))
        events.sort(key=lambda event: event[:2])
        before = [0, *(frame for frame, _, _ in events)]
        file.tracks.append(mido.MidiTrack(
            message.copy(time=TICKS_PER_FRAME * (frame - last))
            for last, (frame, _, message) in zip(before, events, strict=False)))
    content = io.BytesIO()
    file.save(file=content)
    write_bytes(path, content.getvalue())


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
