"""What can be asked of the notes to be composed, field by field of a request.

Each of `ASKING` takes the demands so far and what a field holds, or one of its items (`ITEMS`), and
raises AskingError or HarmonyError, in a sentence, where that cannot be.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lmjax.music.chorale import REST
from lmjax.requests.form import key_name
from lmjax.requests.keep import Kept
from lmjax.requests.pins import AskingError, Demands, midi, pitch_class
from lmjax.requests.request import SILENCE
from lmjax.requests.roman import (
    Harmony,
    HarmonyError,
    cadence,
    doubling,
    figured,
    harmony,
    key_in,
)

FOLLOWED = {"chords": "chord symbols", "figures": "figures of a bass"}
LEADING = "leading note"  # of the key, among pitches that are not to be doubled
NOTES = {"sixteenth": 1, "eighth": 2, "quarter": 4, "half": 8}
# Semitones from the tonic up. A minor key has both of its sixth and seventh degrees.
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 9, 10, 11),
    "natural minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11), "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10), "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11), "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9), "chromatic": tuple(range(12))}


def _pin(demands: Demands, item: Mapping[str, Any]) -> None:
    frames = demands.frames(item["bar"], item["beat"], item.get("beats", 1))
    pitch = REST if item["pitch"] == "rest" else midi(item["pitch"])
    demands.pin(item["voice"], frames, pitch)


def _forbid(demands: Demands, item: Mapping[str, Any]) -> None:
    frames = demands.bars(*bars_of(item["bars"])) if "bars" in item else slice(None)
    may = np.ones(SILENCE + 1, bool)
    for name in item["pitches"]:
        if name == "rest":
            may[SILENCE] = False
        elif name[-1:].isdigit():
            may[midi(name)] = False
        else:
            may[pitch_class(name):SILENCE:12] = False
    demands.only(demands.cells(item.get("voices", []), frames), may,
                 f"other than {', '.join(item['pitches'])}")


def _ranges(demands: Demands, given: Mapping[str, str]) -> None:
    for voice, text in given.items():
        found = re.fullmatch(r"\s*(\S+?\d)\s*-\s*(\S+)\s*", str(text))
        if not found:
            raise AskingError(f"a range is written like G3-E4, not {text!r}")
        low, high = map(midi, found.groups())
        if low > high:
            raise AskingError(f"the range {text} of the {voice} ends below where it begins; write "
                              f"the lower pitch first")
        may = np.zeros(SILENCE + 1, bool)
        may[low:high + 1] = True
        demands.sing(voice, may, "-".join(found.groups()))
        may[SILENCE] = True
        demands.only(demands.cells([voice]), may, f"from {found[1]} to {found[2]}")


def _scale(demands: Demands, name: str) -> None:
    tonic, _, kind = name.strip().partition(" ")
    if kind not in SCALES:
        raise AskingError(f"a scale is written like G major or a harmonic minor, of "
                          f"{', '.join(SCALES)}, not {name!r}")
    classes = [(pitch_class(tonic) + step) % 12 for step in SCALES[kind]]
    may = np.append(np.isin(np.arange(SILENCE) % 12, classes), True)
    demands.only(demands.cells(), may, f"of {name}")


def _shortest(demands: Demands, name: str) -> None:
    if name not in NOTES:
        raise AskingError(f"the shortest note is one of {', '.join(NOTES)}, not {name!r}")
    demands.shortest(NOTES[name])


def _undoubled(demands: Demands, item: Mapping[str, Any]) -> None:
    frames = demands.bars(*bars_of(item["bars"])) if "bars" in item else slice(None)
    for name in item["pitches"]:
        if name == LEADING:
            tonic = pitch_class(key_of(demands.kept).split()[0])
            demands.once(frames, (tonic - 1) % 12)
        else:
            demands.once(frames, pitch_class(name))


def _ordered(demands: Demands, asked: bool) -> None:
    if asked:
        demands.ordered()


def _chord(demands: Demands, item: Mapping[str, Any]) -> None:
    inversion = item.get("inversion", "as written")
    if inversion not in ("as written", "any"):
        raise AskingError(f"an inversion is 'as written' or 'any', not {inversion!r}")
    frames = demands.frames(item["bar"], item["beat"], item.get("beats", 1))
    key = item.get("key", key_of(demands.kept))
    asked = harmony(item["chord"], key, inversion == "any")
    if "doubled" in item:
        asked = doubling(asked, item["doubled"])
        demands.only(demands.cells(frames=frames), np.arange(SILENCE + 1) < SILENCE,
                     f"a sound, as {asked.name} needs of every voice", given=True)
    demands.chord(frames, asked)


def _figures(demands: Demands, item: Mapping[str, Any]) -> None:
    frames = demands.frames(item["bar"], item["beat"], item.get("beats", 1))
    demands.chord(frames, _over_bass(demands, frames.start, str(item["figures"])))


def _over_bass(demands: Demands, frame: int, figures: str) -> Harmony:
    """The harmony of figures in a frame."""
    score, known = demands.kept.score, demands.kept.known
    bass = int(score.pitch[frame, -1])
    if bass == REST or not known[frame, -1]:
        raise AskingError(f"{demands.place(frame)}: figures need a bass that is given")
    return figured(bass, figures, score.sharps)


def _follow(demands: Demands, names: Sequence[str]) -> None:
    """What a file has over and under its staves holds where it stands, for a beat at most."""
    kept, key = demands.kept, key_of(demands.kept)
    for name in names:
        if name not in FOLLOWED:
            raise AskingError(f"what is followed is {' or '.join(FOLLOWED)}, not {name!r}")
        marks = kept.symbols if name == "chords" else kept.figures
        if not marks:
            raise AskingError(f"there are no {FOLLOWED[name]} to be followed: the file has none, "
                              f"or bars are added to it")
        for mark, (after, _) in itertools.zip_longest(marks, marks[1:], fillvalue=(np.inf, "")):
            frame, text = int(mark[0]), mark[1]
            if mark[0] != frame or frame >= len(kept.known):
                place = demands.place(min(frame, len(kept.known) - 1))
                raise AskingError(f"{place}: {text!r} does not stand over a sixteenth; move it to "
                                  f"a note")
            if kept.known[frame].all():
                continue
            frames = slice(frame, int(min(frame + demands.beat(frame), after, len(kept.known))))
            try:
                demands.chord(frames, harmony(text, key) if name == "chords" else
                              _over_bass(demands, frame, text))
            except HarmonyError as error:
                raise AskingError(f"{demands.place(frame)}: {error}") from error


def _cadence(demands: Demands, item: Mapping[str, Any]) -> None:
    key = key_in(item.get("key", "tonic"), key_of(demands.kept))
    if "beat" in item:
        frames = demands.frames(item["bar"], item["beat"], item.get("beats", 1))
    else:
        frames = arrival_of(demands, item["bar"])
    demands.cadence(frames, cadence(item["kind"], key))


def arrival_of(demands: Demands, bar: int) -> slice:
    """Where a cadence in a bar arrives, if no beat is said: under its fermata, or at its start."""
    frames, fermata = demands.bars(bar, bar), demands.kept.fermata
    marked = np.flatnonzero(fermata[frames])
    if not len(marked):
        return demands.frames(bar, 1, 1)
    start = frames.start + int(marked[0])
    end = start + int(np.argmin(np.append(fermata[start:], False)))
    return slice(start, end)


def key_of(kept: Kept) -> str:
    """The key of a piece, such as "G major"; major if nothing says that it is minor."""
    return key_name(kept.score.sharps, kept.mode or "major")


def bars_of(text: str | int) -> tuple[int, int]:
    """The first and the last of bars such as "5-8" or "3".

    Raises:
      AskingError: if they are written otherwise.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", str(text).strip())
    if not found:
        raise AskingError(f"bars are written like 5-8, or 5, not {text!r}")
    return int(found[1]), int(found[2] or found[1])


_PLACE = {"bar": int, "beat": float, "beats": float}
ITEMS: dict[str, Mapping[str, Any]] = {
    "pins": {"voice": str, **_PLACE, "pitch": str},
    "forbid": {"pitches": [str], "voices": [str], "bars": (str, int)},
    "undoubled": {"pitches": [str], "bars": (str, int)},
    "chords": {**_PLACE, "chord": str, "inversion": str, "key": str, "doubled": str},
    "figures": {**_PLACE, "figures": (str, int)},
    "cadences": {**_PLACE, "kind": str, "key": str}}
NEEDED = {"pins": ("voice", "bar", "beat", "pitch"), "forbid": ("pitches",),
          "undoubled": ("pitches",),
          "chords": ("bar", "beat", "chord"), "figures": ("bar", "beat", "figures"),
          "cadences": ("bar", "kind")}
ASKING: dict[str, Callable[[Demands, Any], None]] = {
    "pins": _pin, "forbid": _forbid, "ranges": _ranges, "scale": _scale, "shortest": _shortest,
    "ordered": _ordered, "undoubled": _undoubled, "chords": _chord, "figures": _figures,
    "follow": _follow, "cadences": _cadence}
