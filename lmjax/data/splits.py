"""Which chorale belongs to training, validation or test.

The split is made by hymn tune before any augmentation, and written down by BWV number in
`splits.json`, so that it stays the same whatever version of the corpus is installed.
`python -m lmjax.data.splits` writes that file anew.
"""

import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from lmjax.data.tunes import tune_groups
from lmjax.files import write_bytes
from lmjax.music.chorale import Chorale

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
NAMES = tuple(SHARES)
FILE = "splits.json"

# BWV numbers: for each split its tunes, for each tune its settings.
Split = dict[str, list[list[str]]]


def make_splits(chorales: Sequence[Chorale]) -> Split:
    """Splits chorales by tune, deterministically.

    Tunes come in the order of a hash of their BWV numbers, and each goes to the split that is then
    the least filled of its share.
    """
    tunes = [sorted((chorales[i].bwv for i in group), key=bwv_order)
             for group in tune_groups(chorales)]
    tunes.sort(key=lambda tune: hashlib.sha256(" ".join(tune).encode()).digest())
    split: Split = {name: [] for name in NAMES}
    for tune in tunes:
        filled = {name: sum(map(len, [*split[name], tune])) / SHARES[name] for name in NAMES}
        split[min(NAMES, key=filled.__getitem__)].append(tune)
    for settings in split.values():
        settings.sort(key=lambda tune: bwv_order(tune[0]))
    return split


def bwv_order(bwv: str) -> tuple[list[int], str]:
    """Sorts BWV numbers as a catalogue does: 9.7 before 10.7."""
    number, _, suffix = bwv.partition("-")
    return [int(part) for part in number.split(".") if part.isdigit()], suffix


def read_splits() -> Split:
    """The split that is written down."""
    text = resources.files("lmjax.data").joinpath(FILE).read_text(encoding="utf-8")
    return json.loads(text)


def split_of() -> dict[str, str]:
    """The split of each BWV number that is written down."""
    return {bwv: name for name, tunes in read_splits().items() for tune in tunes for bwv in tune}


def to_json(split: Split) -> str:
    """The text of the file: one line for each tune."""
    parts = [f' {json.dumps(name)}: [\n' + ",\n".join(f"  {json.dumps(tune)}" for tune in tunes)
             + "\n ]" for name, tunes in split.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Writes the split of the installed corpus into the package."""
    from lmjax.data.build import load_corpus  # which reads the file written here

    split = make_splits(load_corpus().chorales)
    write_bytes(Path(__file__).with_name(FILE), to_json(split).encode())
    for name, tunes in split.items():
        print(f"{name}: {sum(map(len, tunes))} chorales on {len(tunes)} tunes")


if __name__ == "__main__":
    main()
