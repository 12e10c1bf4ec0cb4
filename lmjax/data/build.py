"""The corpus as a data set: read once from the installed music21, then loaded from the cache.

`python -m lmjax.data.build` prints what was kept and what was left out, and why.
"""

import argparse
import concurrent.futures
import csv
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lmjax.data import splits, tunes
from lmjax.data.cache import VARIABLE, cache_folder
from lmjax.data.dataset import Dataset, LeftOut, fingerprint, piece_of
from lmjax.files import write_bytes
from lmjax.music import corpus
from lmjax.music.chorale import PAPER_RANGES, Chorale
from lmjax.music.score import Rejection
from lmjax.music.transpose import transpositions

# Part of the cache's name: raise it when the same corpus would give other chorales.
BUILDER_VERSION = 1

MOST_WORKERS = 8
UNKNOWN_SPLIT = "not in the written split"
ARRAYS = {"pitch": np.int16, "struck": np.bool_, "fermata": np.bool_}


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """What reading the corpus gave: the chorales, and the files that were left out."""

    chorales: tuple[Chorale, ...]
    rejections: tuple[LeftOut, ...]


def load(progress: bool = True) -> Dataset:
    """The corpus, split by tune; read on first use, from the cache afterwards.

    Raises:
      ValueError: if the cache folder cannot be written to.
    """
    whole = load_corpus(progress)
    written = splits.split_of()
    pieces = {name: tuple(piece_of(chorale) for chorale in whole.chorales
                          if written.get(chorale.bwv) == name) for name in splits.NAMES}
    unknown = tuple(LeftOut(f"bwv{chorale.bwv}", UNKNOWN_SPLIT, chorale.title)
                    for chorale in whole.chorales if chorale.bwv not in written)
    return Dataset(pieces, True, fingerprint(pieces), whole.rejections + unknown)


def load_corpus(progress: bool = True) -> Corpus:
    """The corpus before it is split, from the cache if that holds it.

    Raises:
      ValueError: if the cache folder cannot be written to.
    """
    path = cache_path()
    if path.exists():
        try:
            return _read(path)
        except Exception as error:  # A damaged archive raises errors of many kinds.
            print(f"the cached corpus is damaged ({error}); reading it anew", file=sys.stderr)
    whole = read_corpus(progress)
    _write(path, whole)
    return whole


def cache_path() -> Path:
    """Where the corpus is cached, by the versions of music21 and of this builder."""
    version = importlib.metadata.version("music21")
    return cache_folder() / f"corpus-music21-{version}-builder-{BUILDER_VERSION}.npz"


def read_corpus(progress: bool = True) -> Corpus:
    """Reads every file of the corpus, in parallel, and sets duplicates aside."""
    paths = corpus.corpus_paths()
    with tqdm(total=len(paths), desc="reading the corpus", unit="file",
              disable=not progress) as bar:
        results = []
        for result in _read_files(paths):
            results.append(result)
            bar.update()
    chorales = [result for result in results if isinstance(result, Chorale)]
    twins = tunes.duplicates(chorales)
    names = {chorale.bwv: path.name for path, chorale in zip(paths, results, strict=True)
             if isinstance(chorale, Chorale)}
    rejections = [result for result in results if isinstance(result, LeftOut)]
    rejections.extend(
        LeftOut(names[chorales[i].bwv], "duplicate", f"of {names[chorales[twin].bwv]}")
        for i, twin in sorted(twins.items()))
    kept = tuple(chorale for i, chorale in enumerate(chorales) if i not in twins)
    return Corpus(kept, tuple(rejections))


def _read_files(paths: list[Path]) -> Iterable[Chorale | LeftOut]:
    """Reads files in fresh processes: forking one that already runs JAX's threads can hang."""
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    done = 0
    try:
        with concurrent.futures.ProcessPoolExecutor(
                workers, multiprocessing.get_context("spawn")) as pool:
            for result in pool.map(read_file, paths, chunksize=4):
                yield result
                done += 1
    except concurrent.futures.BrokenExecutor:
        # A script without `if __name__ == "__main__"` cannot be entered a second time.
        print("no worker process could be started; reading in this one", file=sys.stderr)
        yield from map(read_file, paths[done:])


def read_file(path: Path) -> Chorale | LeftOut:
    """One file as a chorale, or why it is none."""
    try:
        return corpus.read(path)
    except Rejection as rejection:
        return LeftOut(path.name, rejection.reason, rejection.detail)
    except Exception as error:  # One file that this music21 cannot read is not to stop the rest.
        return LeftOut(path.name, "unreadable", f"{type(error).__name__}: {error}")


def _write(path: Path, whole: Corpus) -> None:
    """Writes the cache, whole or not at all."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(chorale, name) for chorale in whole.chorales])
        for name in ARRAYS}
    described = {
        "chorales": [{"frames": len(chorale), "bars": chorale.bars, "sharps": chorale.sharps,
                      "mode": chorale.mode, "title": chorale.title, "bwv": chorale.bwv}
                     for chorale in whole.chorales],
        "rejections": whole.rejections,
    }
    arrays["described"] = np.frombuffer(json.dumps(described).encode(), np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, checksum=_checksum(arrays), **arrays)
    try:
        write_bytes(path, file.getvalue())
    except OSError as error:
        raise ValueError(f"{error}; {VARIABLE} names the folder of the cache") from error


def _read(path: Path) -> Corpus:
    """Reads the cache; raises one of several errors if it is damaged."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if not np.array_equal(arrays.pop("checksum"), _checksum(arrays)):
        raise ValueError("its checksum is wrong")
    described = json.loads(arrays["described"].tobytes())
    chorales, start = [], 0
    for about in described["chorales"]:
        end = start + about.pop("frames")
        chorales.append(Chorale(**{name: arrays[name][start:end] for name in ARRAYS}, **about))
        start = end
    return Corpus(tuple(chorales), tuple(LeftOut(*entry) for entry in described["rejections"]))


def _checksum(arrays: dict[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def tally(data: Dataset) -> str:
    """What was kept and what was left out, in a few lines."""
    chorales = [piece.chorale for pieces in data.splits.values() for piece in pieces
                if piece.chorale is not None]
    inside = [transpositions(chorale.pitch, PAPER_RANGES) for chorale in chorales]
    lines = [f"kept: {len(chorales)} chorales, {sum(map(len, chorales))} sixteenths"]
    for name, pieces in data.splits.items():
        lines.append(f"  {name}: {len(pieces)} chorales, {sum(map(len, pieces))} sixteenths")
    lines += [
        f"  in 4/4 throughout: {sum(metres(chorale) == '4/4' for chorale in chorales)}",
        f"  inside the paper's ranges as written: {sum(0 in shifts for shifts in inside)}",
        f"  inside them in some transposition: {sum(len(shifts) > 0 for shifts in inside)}",
        f"left out: {len(data.rejections)} files"]
    reasons = Counter(entry.reason for entry in data.rejections)
    lines.extend(f"  {reason}: {count}" for reason, count in reasons.most_common())
    return "\n".join(lines)


def metres(chorale: Chorale) -> str:
    """The metres of a chorale in order of appearance, such as "4/4" or "4/4 3/4"."""
    return " ".join(dict.fromkeys(bar.metre for bar in chorale.bars))


def table(data: Dataset) -> str:
    """Every chorale kept and every file left out, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "split", "reason", "detail", "frames", "metre", "sharps", "mode",
                     "title"])
    for split, pieces in data.splits.items():
        for piece in pieces:
            if (chorale := piece.chorale) is not None:
                writer.writerow([f"bwv{chorale.bwv}", split, "", "", len(chorale), metres(chorale),
                                 chorale.sharps, chorale.mode, chorale.title])
    for entry in data.rejections:
        writer.writerow([entry.path, "", entry.reason, entry.detail, "", "", "", "", ""])
    return text.getvalue()


def main() -> None:
    """Builds the data set if need be and prints the tally."""
    parser = argparse.ArgumentParser(prog="python -m lmjax.data.build", description=main.__doc__)
    parser.add_argument("--csv", metavar="FILE", help="also write the list of all files")
    options = parser.parse_args()
    try:
        data = load()
        print(tally(data))
        if options.csv:
            write_bytes(options.csv, table(data).encode())
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
