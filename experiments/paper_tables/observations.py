"""What the paper hears in its samples, as figures."""

from collections.abc import Sequence

import numpy as np

from lmjax.metrics.tables import Counts, Interval, Row, ratios
from lmjax.metrics.wholeness import approach, arrival, is_triad
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Chorale

PENTATONIC = (0, 2, 4, 7, 9)
ALTO = VOICES.index("alto")

ROWS = {
    "pentatonic": Row("notes in the one pentatonic scale that holds most, %", 100, 1),
    "longest": Row("the longest note, sixteenths", 1, 1),
    "alto": Row("the longest note of the alto, sixteenths", 1, 1),
    "off_beat": Row("onsets off the beat, %", 100, 1),
    "cadences": Row("authentic cadences in eight measures", 1, 2),
    "closing": Row("pieces with one in the last two measures, %", 100, 1),
}


def table(chorales: Sequence[Chorale]) -> dict[str, Interval]:
    """The rows of `ROWS` for pieces of eight measures: label -> (value, low, high)."""
    return ratios([count(chorale) for chorale in chorales], ROWS)


def count(chorale: Chorale) -> Counts:
    """The numerator and the denominator of every row for one piece."""
    pitch, struck = chorale.pitch, chorale.struck
    notes = pitch[pitch != REST].astype(int)
    inside = max(np.isin((notes - root) % 12, PENTATONIC).sum() for root in range(12))
    found = cadences(pitch)
    longest = [max((end - start for start, end, note in chorale.notes(voice) if note != REST),
                   default=0) for voice in range(len(VOICES))]
    off_beat = struck[np.arange(len(pitch)) % FRAMES_PER_QUARTER != 0].sum()
    return {"pentatonic": (float(inside), len(notes)), "longest": (max(longest), 1),
            "alto": (longest[ALTO], 1), "off_beat": (float(off_beat), float(struck.sum())),
            "cadences": (len(found), 1),
            "closing": (any(frame >= 3 * len(pitch) // 4 for frame in found), 1)}


def cadences(pitch: np.ndarray) -> list[int]:
    """The frames at which the bass of int[T, 4] arrives, on a beat, at a root-position triad by an
    authentic cadence (see `lmjax.metrics.wholeness`) and stays for a beat; an octave leap is no new
    arrival."""
    sounding = np.where(pitch == REST, np.iinfo(pitch.dtype).max, pitch)
    bass = sounding.min(axis=1)
    arrivals = 1 + np.flatnonzero(bass[1:] != bass[:-1])
    found = []
    for frame in map(int, arrivals):
        end = frame + FRAMES_PER_QUARTER
        if (frame % FRAMES_PER_QUARTER == 0 and end <= len(pitch)
                and (bass[frame:end] == bass[frame]).all()
                and arrival(pitch, frame) == frame
                and is_triad(pitch[frame]) and approach(pitch, frame) == "authentic"):
            found.append(frame)
    return found
