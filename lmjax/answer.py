"""Answers to a musician: from requests to folders of finished pieces, the best first."""

import copy
import dataclasses
import functools
import itertools
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lmjax import settings as settings_module
from lmjax.composer import Composer
from lmjax.composing import Draw, check_metres, draw
from lmjax.files import make_folder, write_bytes
from lmjax.music.chorale import Chorale
from lmjax.music.importers import voices_of
from lmjax.ranking import Ranked, ranked, ranking
from lmjax.render.carry import carried
from lmjax.render.notation import musicxml_of, patch, write_score
from lmjax.render.write import check as check_formats
from lmjax.render.write import write
from lmjax.reporting import about, heard, leave
from lmjax.requests.asking import FOLLOWED
from lmjax.requests.reading import read_requests
from lmjax.requests.schema import Asked, asked
from lmjax.sample import configured, origin, save_draw, write_all
from lmjax.sampling.settings import SamplerSettings
from lmjax.settings import Settings

ATTEMPTS = 3  # at another answer in place of one that there is already
ANEW = 2**20  # folded into the keys of these: no window of a piece has that number
TOGETHER = 16  # requests that are composed at once, at least


# What the command line asks of a file: the folder and the name of the answers to it.
ANSWERS = {"harmonize": ("harmonized", "harmonisation"), "rewrite": ("rewritten", "rewriting"),
           "continue": ("continued", "continuation"), "precede": ("preceded", "opening"),
           "bridge": ("bridged", "bridge"), "vary": ("varied", "variation")}


def request_of(mode: str, path: str | None, voices: Sequence[str] = (), bars: str | None = None,
               near: float = 0.7, num: int = 4, follow: Sequence[str] = ()) -> dict[str, Any]:
    """The request that the command line makes (see `lmjax.requests.schema`).

    Args:
      mode: one of `ANSWERS`.
      path: of the file, of both with a comma between for a bridge.
      voices: those that are kept or, of "rewrite" and "vary", composed anew.
      bars: which, of "rewrite" and "vary"; how many, of "continue", "precede" and "bridge".
      near: the noise level, of "vary".
      num: how many answers.
      follow: "chords", "figures" or both, of "harmonize", "rewrite" and "vary".

    Raises:
      ValueError: if something is missing.
    """
    followed = {"follow": list(follow)} if follow else {}
    if not path:
        raise ValueError(f"say which file to {mode}, as in --input=tune.musicxml")
    if num < 1:
        raise ValueError(f"--num_samples must be at least 1, not {num}")
    if mode == "harmonize":
        return {"input": path, "keep": list(voices), "num": num, **followed}
    if mode == "vary":
        rewrite = {"voices": list(voices), **({"bars": bars} if bars else {})}
        return {"input": path, "rewrite": rewrite, "near": near, "num": num, **followed}
    if not bars:
        raise ValueError("say which bars to rewrite, as in --bars=5-8" if mode == "rewrite" else
                         f"say how many bars to {mode} with, as in --bars=4")
    if mode == "rewrite":
        return {"input": path, "rewrite": {"bars": bars, "voices": list(voices)}, "num": num,
                **followed}
    if not bars.isdigit():
        raise ValueError(f"--bars says how many bars, such as 4, and not {bars!r}")
    if mode == "bridge":
        first, comma, second = path.partition(",")
        if not comma:
            raise ValueError("a bridge joins two files, as in --input=one.musicxml,two.musicxml")
        return {"input": first, "keep": list(voices),
                "bridge": {"to": second, "bars": int(bars)}, "num": num}
    where = "after" if mode == "continue" else "before"
    return {"input": path, "keep": list(voices), "extend": {where: int(bars)}, "num": num}


def answer(config: Mapping[str, Any], workdir: str | os.PathLike[str], fields: Mapping[str, Any],
           folder: str = "asked", stem: str = "answer", progress: bool = True,
           command: str = "") -> pathlib.Path:
    """Answers one request with the composer of a working folder.

    Writes every answer in each of `config.compose.formats`, the best first, `samples.npz` with the
    arrays of all, `report.html` if there are any formats, and `request.json`.

    Args:
      config: as of `lmjax.sample.sample`; its `compose.seed` makes other answers.
      workdir: the folder of a training, or of files alone.
      fields: the request (see `lmjax.requests.schema`).
      folder: in the working folder.
      stem: of the files.
      progress: whether to show a bar and say what was done.
      command: that asked for it, to be told in the report.

    Returns:
      The folder of the files, `FOLDER/NAME/seed-SEED` in the working folder.

    Raises:
      ConfigError, ValueError: if the config or the request cannot be.
      CheckpointError: if there is no composer.
    """
    settings = settings_module.from_config(config)
    check_formats(settings.compose.formats)
    composer = configured(settings, workdir)
    one = asked(fields, composer.vocabulary.ranges)
    check(composer, one)
    if progress:
        tqdm.write(origin(composer, workdir, "composing with"))
        for what in unheeded(one, fields):
            tqdm.write(f"{fields['input']} has {FOLLOWED[what]}, which are not heeded unless "
                       f"asked for, as in --follow={what}")
    drawn, = drawings(near_to(composer, one.near), settings, [one], progress)
    place, answers = written(composer, settings, one, drawn, pathlib.Path(workdir) / folder, fields,
                             stem, command, progress)
    if progress:
        tqdm.write(ranking(answers))
        alike = len(repeated(drawn, range(one.num)))
        if alike:
            tqdm.write(f"{alike} of {one.num} {stem}s are the same as others: what is asked leaves "
                       f"little else")
        tqdm.write(f"{one.num} {stem}s in {place}: compiled in {drawn.compile_seconds:.1f} s, "
                   f"composed in {drawn.seconds:.1f} s")
    return place


def answer_all(config: Mapping[str, Any], workdir: str | os.PathLike[str],
               path: str | os.PathLike[str], progress: bool = True,
               command: str = "") -> pathlib.Path:
    """Answers the requests of a file; one that has been answered already, in the same words, of the
    same music and by the same weights, is not answered again.

    All are read and checked before the first is answered.

    Args:
      path: see `lmjax.requests.schema`; names of files in it are relative to its folder.
      config, workdir, progress, command: as of `answer`.

    Returns:
      The folder of the answers, a folder in it for each request.

    Raises:
      As `answer` does; a mistake in a request says which it is.
    """
    settings = settings_module.from_config(config)
    check_formats(settings.compose.formats)
    composer = configured(settings, workdir)
    home = pathlib.Path(workdir) / "asked"
    each: list[tuple[Asked, Mapping[str, Any]]] = []
    names: set[pathlib.Path] = set()
    for where, fields in read_requests(path):
        try:
            one = asked(fields, composer.vocabulary.ranges, pathlib.Path(path).parent)
            check(composer, one)
            place = place_of(home, one, settings)
            if place in names:
                raise ValueError(f"another request is named {one.name!r} as well; give it a name "
                                 f"of its own")
        except (ValueError, OSError) as error:
            raise ValueError(f"{where}: {error}") from error
        names.add(place)
        each.append((one, fields))
    todo = [(one, fields) for one, fields in each
            if not is_answered(composer, place_of(home, one, settings), one, fields)]
    if progress:
        tqdm.write(origin(composer, workdir, "composing with"))
        if len(todo) < len(each):
            tqdm.write(f"{len(each) - len(todo)} of {len(each)} requests are answered already")
        for one, fields in todo:
            for what in unheeded(one, fields):
                tqdm.write(f"{one.name}: {fields['input']} has {FOLLOWED[what]}, which are not "
                           f"heeded unless asked for, as in follow: [{what}]")
    with tqdm(total=len(todo), disable=not progress, desc="answer", unit="request") as bar:
        for near in dict.fromkeys(one.near for one, _ in todo):
            alike = [(one, fields) for one, fields in todo if one.near == near]
            used = near_to(composer, near)  # compiled once for all of them
            for start in range(0, len(alike), TOGETHER):
                batch = alike[start:start + TOGETHER]
                drawn = drawings(used, settings, [one for one, _ in batch], False)
                for (one, fields), made in zip(batch, drawn, strict=True):
                    written(composer, settings, one, made, home, fields, command=command)
                    bar.update()
    if progress:
        folder = home if len(names) != 1 else names.pop()
        requests = "1 request" if len(each) == 1 else f"{len(each)} requests"
        tqdm.write(f"{sum(one.num for one, _ in each)} answers to {requests} in {folder}")
    return home


def unheeded(one: Asked, fields: Mapping[str, Any]) -> list[str]:
    """What `follow` could name and does not, though the file that is read has it."""
    return [what for what, marks in (("chords", one.kept.symbols), ("figures", one.kept.figures))
            if marks and what not in fields.get("follow", ())]


def check(composer: Composer, one: Asked) -> None:
    """Raises ValueError if a composer cannot be asked this, or a file could not be given back."""
    if one.tune is not None:
        musicxml_of(one.tune.score)
    elif one.kept.sources:
        musicxml_of(carried(one.kept.score, one.kept.sources, one.kept.numbers))
    sampler = composer.settings.sampler
    if one.near is not None:
        if not isinstance(sampler, SamplerSettings):
            raise ValueError("only score models come back to music near to some that is given")
        if not sampler.sigma_min < one.near <= sampler.sigma_max:
            raise ValueError(f"near is a noise level above {sampler.sigma_min:g} and up to "
                             f"{sampler.sigma_max:g}, not {one.near:g}")
    check_metres(composer, [bar.metre for bar in one.kept.score.bars],
                 one.kept.score.title or "the piece")


def place_of(home: pathlib.Path, one: Asked, settings: Settings) -> pathlib.Path:
    """The folder of the answers to a request."""
    return home / one.name / f"seed-{seed_of(one, settings)}"


def seed_of(one: Asked, settings: Settings) -> int:
    """The seed of the answers to a request."""
    return settings.compose.seed if one.seed is None else one.seed


def is_answered(composer: Composer, place: pathlib.Path, one: Asked,
                fields: Mapping[str, Any]) -> bool:
    """Whether a folder holds all answers to a request, by these weights."""
    formats = composer.settings.compose.formats
    if any(len(list(place.glob(f"*-*.{suffix}"))) < one.num for suffix in formats):
        return False
    try:
        said_then = json.loads((place / "request.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(said_then == said(composer, one, fields))


def said(composer: Composer, one: Asked, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What `request.json` holds."""
    return dict(json.loads(json.dumps({
        "request": dict(fields), "read": dict(one.read),
        "sampler": dataclasses.asdict(composer.settings.sampler),
        "window": composer.settings.compose.window,
        "formats": list(composer.settings.compose.formats),
        "step": composer.about.get("step"), "valid": composer.about.get("valid")})))


def near_to(composer: Composer, near: float | None) -> Composer:
    """A composer whose chains begin at a noise level that `check` has let pass, if there is one."""
    if near is None:
        return composer
    sampler = composer.settings.sampler
    assert isinstance(sampler, SamplerSettings)
    return composer.using(sampler=dataclasses.replace(sampler, sigma_max=near))


def drawings(composer: Composer, settings: Settings, each: Sequence[Asked],
             progress: bool) -> Iterator[Draw]:
    """Composes answers to requests that are all near to music from one noise level, or none is; one
    after the other, what was drawn for each.

    An answer that has the notes of an earlier one is composed anew, `ATTEMPTS` times at most.
    """
    batch_size = settings.compose.batch_size
    ends = list(itertools.accumulate(one.num for one in each))
    keys = jnp.stack([jax.random.fold_in(jax.random.key(seed_of(one, settings)), n)
                      for one in each for n in range(one.num)])
    requests = [one.kept.request for one in each for _ in range(one.num)]
    drawn = draw(composer, keys, len(keys), requests, batch_size, progress)
    for attempt in range(1, ATTEMPTS + 1):
        again = [place for one, end in zip(each, ends, strict=True)
                 for place in repeated(drawn, range(end - one.num, end))]
        if not again:
            break
        fresh = jax.vmap(lambda key, n=attempt: jax.random.fold_in(jax.random.fold_in(
            key, ANEW), n))(keys[np.array(again)])
        # As many at once as before, so that nothing is compiled twice.
        drawn = drawn.replaced(again, draw(
            composer, fresh, len(again), [requests[place] for place in again],
            min(batch_size, len(keys)), filled=True))
    for one, end in zip(each, ends, strict=True):
        yield drawn.part(slice(end - one.num, end))


def repeated(drawn: Draw, places: Iterable[int]) -> list[int]:
    """Those of some chorales that have the notes of an earlier one."""
    seen: set[bytes] = set()
    again = []
    for place in places:
        notes = b"".join(array.tobytes() for array in drawn.notes(place))
        if notes in seen:
            again.append(place)
        seen.add(notes)
    return again


def written(composer: Composer, settings: Settings, one: Asked, drawn: Draw, home: pathlib.Path,
            fields: Mapping[str, Any], stem: str = "answer", command: str = "",
            progress: bool = False) -> tuple[pathlib.Path, list[Ranked]]:
    """Ranks and writes the answers to a request, `request.json` last.

    Returns:
      The folder, and the answers.
    """
    answers = ranked(composer, [one.kept.chorale(*drawn.notes(n)) for n in range(one.num)])
    folder = make_folder(place_of(home, one, settings))
    (folder / "request.json").unlink(missing_ok=True)
    save_draw(folder / "samples.npz", drawn, seed_of(one, settings))
    title = one.kept.score.title or one.name
    named = [dataclasses.replace(found.chorale, title=f"{title} ({number})")
             for number, found in enumerate(answers, 1)]
    write_all(folder, stem, named, settings.compose.formats, functools.partial(write_one, one),
              max(2, len(str(one.num))), first=1)
    if settings.compose.formats:
        leave(folder, title, {**about(composer), "seed": str(seed_of(one, settings))}, (
            heard(chorale, {"seed": f"{seed_of(one, settings)}, draw {found.draw}",
                            "nats per frame": f"{found.nats_per_frame:.2f}"}, command,
                  one.kept.known if one.kept.known.any() else None)
            for chorale, found in zip(named, answers, strict=True)), progress=progress)
    write_bytes(folder / "request.json", json.dumps(said(composer, one, fields), indent=1).encode())
    return folder, answers


def write_one(one: Asked, chorale: Chorale, path: pathlib.Path) -> None:
    """Writes an answer, with what else the files have of which it is made; where one is to be given
    back as it is, into a copy of it."""
    if path.suffix != ".musicxml":
        write(chorale, path, one.kept.known)
        return
    if one.tune is None:
        write_score(carried(chorale, one.kept.sources, one.kept.numbers), path)
        return
    changed = np.zeros_like(one.kept.known)
    for _, start, end in one.tune.numbers:  # whole bars are written
        changed[start:end] = ~one.kept.known[start:end].all(axis=0)
    # music21 keeps what it read, so a copy is written over.
    score = copy.deepcopy(one.tune.score)
    for voice, part in voices_of(one.tune).items():
        patch(score.parts[list(one.tune.score.parts).index(part.source)], chorale, voice,
              changed[:, voice])
    write_score(score, path)
