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
    shortest: eighth              # and no rests
    ordered: true
    undoubled: [{pitches: [leading note, C#], bars: 1-4}]   # each in one voice at most
    chords: [{bar: 3, beat: 2, chord: V65/V, beats: 1, inversion: any}, {bar: 4, beat: 1, chord: I6,
              doubled: root}]
    figures: [{bar: 1, beat: 2, figures: 6 5}]
    follow: [chords, figures]     # the chord symbols and the figured bass of the file
    cadences: [{bar: 4, beat: 3, kind: perfect authentic, key: dominant}]
    wishes: {parallels: 2, motion: 0.5, attacks: -0.5, form: 1.5, temperature: 0.9}
    near: 0.7                     # near to what the file has: the noise level to come back from
    num: 4
    seed: 1
    name: tune

They can be combined, and all but one of `input` and `form` can be left out. `rewrite`, `extend`
and `bridge` exclude each other, and of them `near` goes with `rewrite` alone. Files of several
requests: `lmjax.requests.reading`.
"""

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmjax.music.chorale import REST, VOICES
from lmjax.music.importers import Tune, read_tune
from lmjax.requests.asking import ASKING, ITEMS, NEEDED, bars_of
from lmjax.requests.extend import bridge, extend
from lmjax.requests.fields import check_fields
from lmjax.requests.form import Form
from lmjax.requests.keep import Kept, Ranges, free, keep
from lmjax.requests.pins import AskingError, Demands
from lmjax.requests.request import Wishes


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

    Its `near`, `num`, `seed` and `name` are for files: `compose` has a `num` and a key.

    Args:
      composer: whose voices are to sing it.

    Raises:
      As `asked` does.
    """
    for name in ("near", "num", "seed", "name"):
        if name in fields:
            raise AskingError(f"{name} is for files of requests and the command line")
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
    if not fields["input"]:
        raise AskingError("input is the name of a file, and there is none")
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


def _tuples(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


SEEDS = range(2**32)  # of JAX's randomness
FORM = {"metre": str, "bars": int, "key": str, "anacrusis": int, "fermatas": [[int]]}
FIELDS = {
    "input": str, "keep": [str], "rewrite": dict, "extend": dict, "bridge": dict, "form": dict,
    "fermatas": [[float]], "pins": [dict], "forbid": [dict], "ranges": dict, "scale": str,
    "shortest": str, "ordered": bool, "undoubled": [dict], "chords": [dict], "figures": [dict],
    "follow": [str], "cadences": [dict], "wishes": dict, "near": float, "num": int, "seed": SEEDS,
    "name": str}
