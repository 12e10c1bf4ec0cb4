"""Requests as they are written down: YAML or JSON, or a dict with the same fields.

    input: tune.musicxml          # a file, of which voices are kept; or a form
    keep: [soprano]
    rewrite: {bars: 5-8, voices: [alto, tenor]}   # or all is kept but some bars of some voices
    extend: {before: 0, after: 4}                 # or bars are composed before and after it
    bridge: {to: other.musicxml, bars: 2}         # or between it and another file
    form: {metre: 4/4, bars: 8, key: G major, anacrusis: 4, fermatas: [[4, 3], [8, 3]]}
    fermatas: [[4, 3]]            # besides those of the file
    pins: [{voice: alto, bar: 2, beat: 3, beats: 1, pitch: F#4}]
    forbid: [{pitches: [Bb, B4], voices: [bass], bars: 1-4}]
    ranges: {tenor: G3-E4}
    scale: G major
    shortest: eighth
    ordered: true
    chords: [{bar: 3, beat: 2, chord: V65/V, beats: 1, inversion: any}]
    figures: [{bar: 1, beat: 2, figures: 6 5}]
    cadences: [{bar: 4, beat: 3, kind: perfect authentic, key: dominant}]
    wishes: {parallels: 2, motion: 0.5, attacks: -0.5, form: 1.5, temperature: 0.9}
    near: 0.7                     # near to what the file has: the noise level to come back from
    num: 4
    seed: 1
    name: tune

All of them can be combined, and all but one of `input` and `form` can be left out. A file of
several requests is a list of them, or has one on each line (`.jsonl`).
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmjax.music.chorale import REST, VOICES
from lmjax.music.importers import Tune, read_tune
from lmjax.requests.extend import bridge, extend
from lmjax.requests.fields import check_fields
from lmjax.requests.form import Form, key_name
from lmjax.requests.keep import Kept, Ranges, free, keep
from lmjax.requests.pins import AskingError, Demands, midi, pitch_class
from lmjax.requests.request import SILENCE, Wishes
from lmjax.requests.roman import cadence, figured, harmony, key_in

NOTES = {"sixteenth": 1, "eighth": 2, "quarter": 4, "half": 8}
# Semitones from the tonic up. A minor key has both of its sixth and seventh degrees.
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 9, 10, 11),
    "natural minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11), "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10), "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11), "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9), "chromatic": tuple(range(12))}


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """A request, ready to be composed.

    Attributes:
      kept: the piece, and what is asked of it and wished for.
      near: the noise level from which the given music is come back to, whose cells are all composed
        anew but near to what they were; None to compose from noise.
      tune: the file, to be given back with new notes in it; None where it is longer or there is
        none.
      num: how many answers.
      seed: of their randomness; None for that of the config.
      name: of their folder.
      read: a digest of each file that was read, by its name.
    """

    kept: Kept
    near: float | None = None
    tune: Tune | None = None
    num: int = 4
    seed: int | None = None
    name: str = "request"
    read: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read_requests(path: str | os.PathLike[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The requests of a file, and where each stands in it.

    Raises:
      AskingError: if it is no YAML or JSON of requests.
      OSError: if it cannot be read.
    """
    import yaml

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            lines = [(f"{path}, line {number}", line)
                     for number, line in enumerate(text.splitlines(), 1) if line.strip()]
            found = [(where, _json(line, where)) for where, line in lines]
        else:
            whole = yaml.safe_load(text)
            several = whole if isinstance(whole, list) else [whole]
            found = [(str(path) if len(several) == 1 else f"{path}, request {number}", one)
                     for number, one in enumerate(several, 1)]
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise AskingError(f"{path} is no YAML or JSON: {' '.join(str(error).split())}") from error
    if not found:
        raise AskingError(f"{path} holds no request")
    for where, fields in found:
        if not isinstance(fields, dict):
            raise AskingError(f"{where}: a request has fields, such as input and keep, and is not "
                              f"{fields!r}")
    return found


def _json(line: str, where: str) -> Any:
    """What a line of JSON holds."""
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise AskingError(f"{where} is no JSON: {error}") from error


def asked(fields: Mapping[str, Any], ranges: Ranges, folder: str | os.PathLike[str] = ".") -> Asked:
    """A request, compiled.

    Args:
      fields: see the module's docstring.
      ranges: the lowest and the highest pitch of each voice that can be sung.
      folder: which names of files are relative to.

    Raises:
      AskingError, ImportingError, HarmonyError, ValueError: if it cannot be, in a sentence.
      OSError: if a file cannot be read.
    """
    check_fields(fields, FIELDS, "a request")
    kept, tune = _piece(fields, ranges, Path(folder))
    if "fermatas" in fields:
        kept = _with_fermatas(kept, fields["fermatas"], ranges)
    demands = Demands(kept, ranges)
    for name, ask in ASKING.items():
        if name not in fields:
            continue
        given = fields[name]
        if name not in ITEMS:
            ask(demands, given)
            continue
        for number, item in enumerate(given, 1):
            check_fields(item, ITEMS[name], f"{name}[{number}]", required=NEEDED[name])
            ask(demands, item)
    near = fields.get("near")
    if near is not None and not near > 0:
        raise AskingError(f"near is a noise level such as 0.7, not {near!r}")
    wishes = fields.get("wishes", {})
    check_fields(wishes, {field.name: float for field in dataclasses.fields(Wishes)}, "wishes")
    num, seed = fields.get("num", 4), fields.get("seed")
    if num < 1:
        raise AskingError(f"num must be at least 1, not {num}")
    stem = Path(fields["input"]).stem if "input" in fields else "request"
    name = fields.get("name", re.sub(r"[^\w .-]|^\W+", "-", stem).lstrip("-") or "request")
    if not re.fullmatch(r"[\w][\w .-]*", name):
        raise AskingError(f"a name is of letters, digits, spaces, dots and hyphens, not {name!r}")
    kept = dataclasses.replace(demands.finished(), wishes=Wishes(**wishes))
    files = [one for one in (fields.get("input"), fields.get("bridge", {}).get("to")) if one]
    read = {file: hashlib.sha256((Path(folder) / file).read_bytes()).hexdigest() for file in files}
    return Asked(kept, None if near is None else float(near), tune, num, seed, name, read)


def ask(composer: Any, **fields: Any) -> Kept:
    """What `compose` is told by `condition`: a request, with the fields of a file of requests.

    Its `near`, `num`, `seed` and `name` are for files.

    Args:
      composer: whose voices are to sing it.

    Raises:
      As `asked` does.
    """
    if "near" in fields:
        raise AskingError("near is for files of requests and the command line")
    return asked(fields, composer.vocabulary.ranges).kept


def _piece(fields: Mapping[str, Any], ranges: Ranges, folder: Path) -> tuple[Kept, Tune | None]:
    """The piece of a request; and the file, where it is to be given back with new notes in it."""
    if ("input" in fields) == ("form" in fields):
        raise AskingError("a request has either an input, which is a file, or a form")
    voices = fields.get("keep", [])
    if "form" in fields:
        for name in ("keep", "rewrite", "extend", "bridge", "near"):
            if name in fields:
                raise AskingError(f"{name} needs an input, and a form has no notes")
        check_fields(fields["form"], FORM, "form")
        return Kept.blank(Form(**{name: _tuples(value)
                                  for name, value in fields["form"].items()})), None
    ways = [name for name in ("rewrite", "extend", "bridge", "near") if name in fields]
    if len(ways) > 1 and set(ways) != {"rewrite", "near"}:
        raise AskingError(f"a request has only one of {', '.join(ways)}")
    tune = read_tune(folder / fields["input"])
    if "rewrite" in fields or "near" in fields:
        if any(part.source is None for part in tune.parts):
            raise AskingError(f"two voices share a staff in {fields['input']}; give each a staff "
                              f"of its own, so that its notes can be replaced")
        rewrite = fields.get("rewrite", {})
        check_fields(rewrite, {"bars": (str, int), "voices": [str]}, "rewrite")
        bars = bars_of(rewrite["bars"]) if "bars" in rewrite else (
            tune.numbers[0][0], tune.numbers[-1][0])
        kept = free(tune, bars, _freed(rewrite.get("voices", []), voices), ranges)
        if "near" in fields:
            kept = dataclasses.replace(kept, near=keep(tune, ranges=ranges).score)
        return kept, tune
    kept = keep(tune, tuple(voices), ranges)
    if "extend" in fields:
        check_fields(fields["extend"], {"before": int, "after": int}, "extend")
        return extend(kept, **fields["extend"]), None
    if "bridge" in fields:
        check_fields(fields["bridge"], {"to": str, "bars": int}, "bridge", ("to", "bars"))
        other = keep(folder / fields["bridge"]["to"], voices, ranges)
        return bridge(kept, other, fields["bridge"]["bars"]), None
    if kept.known.all():
        raise AskingError(f"{fields['input']} has all four voices, so there is none to add; say "
                          f"which are to be kept, such as keep: [soprano], or what to rewrite")
    return kept, None


def _freed(rewritten: Sequence[str], kept: Sequence[str]) -> Sequence[str]:
    """The voices that are composed anew, of those that are named as such or as kept."""
    if rewritten and kept:
        raise AskingError("say which voices to rewrite or which to keep, not both")
    for name in kept:
        if name not in VOICES:
            raise AskingError(f"there is no voice {name!r}, only {', '.join(VOICES)}")
    freed = rewritten or [name for name in VOICES if name not in kept]
    if not freed:
        raise AskingError("all four voices are kept, so there is none to compose anew")
    return freed


def _with_fermatas(kept: Kept, fermatas: Iterable[Sequence[int]], ranges: Ranges) -> Kept:
    """A piece with fermatas (bar, beat) or (bar, beat, beats) besides those it has."""
    frames, places, score = kept.fermata.copy(), Demands(kept, ranges), kept.score
    signs = score.fermata.copy()
    for one in fermatas:
        if not 2 <= len(one) <= 3:
            raise AskingError(f"a fermata is [bar, beat] or [bar, beat, beats], not {one!r}")
        bar, beat, beats = (*one, 1)[:3]
        chord = places.frames(bar, beat, beats)
        frames[chord] = True
        for voice in np.flatnonzero(score.pitch[chord.stop - 1] != REST):
            signs[np.flatnonzero(score.struck[:chord.stop, voice])[-1], voice] = True
    return dataclasses.replace(kept, fermata=frames, score=dataclasses.replace(
        score, fermata=signs))


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


def _ordered(demands: Demands, asked: bool) -> None:
    if asked:
        demands.ordered()


def _chord(demands: Demands, item: Mapping[str, Any]) -> None:
    inversion = item.get("inversion", "as written")
    if inversion not in ("as written", "any"):
        raise AskingError(f"an inversion is 'as written' or 'any', not {inversion!r}")
    frames = demands.frames(item["bar"], item["beat"], item.get("beats", 1))
    key = item.get("key", key_of(demands.kept))
    demands.chord(frames, harmony(item["chord"], key, inversion == "any"))


def _figures(demands: Demands, item: Mapping[str, Any]) -> None:
    frames, kept = demands.frames(item["bar"], item["beat"], item.get("beats", 1)), demands.kept
    bass = int(kept.score.pitch[frames.start, -1])
    if bass == REST or not kept.known[frames.start, -1]:
        raise AskingError(f"{demands.place(frames.start)}: figures need a bass that is given")
    demands.chord(frames, figured(bass, str(item["figures"]), kept.score.sharps))


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
    """The key of a piece, such as "G major".

    Where its signature does not say, it is minor if the lowest given voice ends on the tonic of the
    minor key, and else major.
    """
    score, last = kept.score, kept.score.pitch[-1][kept.score.pitch[-1] != REST]
    tonic = pitch_class(key_name(score.sharps, "minor").split()[0])
    ends = "minor" if len(last) and last.min() % 12 == tonic else "major"
    return key_name(score.sharps, score.mode or ends)


def bars_of(text: str | int) -> tuple[int, int]:
    """The first and the last of bars such as "5-8" or "3".

    Raises:
      AskingError: if they are written otherwise.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", str(text).strip())
    if not found:
        raise AskingError(f"bars are written like 5-8, or 5, not {text!r}")
    return int(found[1]), int(found[2] or found[1])


def _tuples(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


FORM = {"metre": str, "bars": int, "key": str, "anacrusis": int, "fermatas": [[int]]}
FIELDS = {
    "input": str, "keep": [str], "rewrite": dict, "extend": dict, "bridge": dict, "form": dict,
    "fermatas": [[float]], "pins": [dict], "forbid": [dict], "ranges": dict, "scale": str,
    "shortest": str, "ordered": bool, "chords": [dict], "figures": [dict], "cadences": [dict],
    "wishes": dict, "near": float, "num": int, "seed": int, "name": str}
_PLACE = {"bar": int, "beat": float, "beats": float}
ITEMS: dict[str, Mapping[str, Any]] = {
    "pins": {"voice": str, **_PLACE, "pitch": str},
    "forbid": {"pitches": [str], "voices": [str], "bars": (str, int)},
    "chords": {**_PLACE, "chord": str, "inversion": str, "key": str},
    "figures": {**_PLACE, "figures": (str, int)},
    "cadences": {**_PLACE, "kind": str, "key": str}}
NEEDED = {"pins": ("voice", "bar", "beat", "pitch"), "forbid": ("pitches",),
          "chords": ("bar", "beat", "chord"), "figures": ("bar", "beat", "figures"),
          "cadences": ("bar", "kind")}
ASKING: dict[str, Callable[[Demands, Any], None]] = {
    "pins": _pin, "forbid": _forbid, "ranges": _ranges, "scale": _scale, "shortest": _shortest,
    "ordered": _ordered, "chords": _chord, "figures": _figures, "cadences": _cadence}
