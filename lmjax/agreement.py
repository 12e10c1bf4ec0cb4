"""Whether a config asks for the model that a checkpoint holds."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from lmjax import settings as settings_module
from lmjax.settings import Settings
from lmjax.training.checkpoints import CheckpointError

# What may differ where a run is gone on with: nothing that the weights depend on.
FREE_SECTIONS = ("name", "sampler", "compose", "evaluation")
FREE_FIELDS = ("data.path", "training.devices", "training.checkpoint_every")
# What a model reads and writes, and of which kind it is.
KIND = ("data.source", "data.encoding", "data.ranges", "data.padding", "embedding.kind",
        "network.kind")
UNUSED = "network.dropout"  # but in training


def check_run(folder: pathlib.Path, about: Mapping[str, Any], settings: Settings) -> None:
    """Raises CheckpointError unless a run in a folder can be gone on with by a config."""
    _check(folder, difference(about, settings, lambda name: (
        name.split(".")[0] not in FREE_SECTIONS and name not in FREE_FIELDS)))


def check_model(folder: pathlib.Path, about: Mapping[str, Any], settings: Settings) -> None:
    """Raises CheckpointError unless a folder holds a config's model, however that was trained."""
    _check(folder, difference(about, settings, lambda name: name != UNUSED and (
        name in KIND or name.split(".")[0] in ("embedding", "network"))))


def _check(folder: pathlib.Path, different: str | None) -> None:
    if different:
        raise CheckpointError(
            f"{folder} holds a model with {different}; use the same config, or another --workdir")


def check_kind(workdir: pathlib.Path, about: Mapping[str, Any], settings: Settings) -> None:
    """Raises CheckpointError unless the shipped weights are a model of a config's kind.

    How large it is, they tell themselves.
    """
    different = difference(about, settings, lambda name: name in KIND)
    if different:
        raise CheckpointError(f"{workdir} holds no weights; the shipped ones are of a model with "
                              f"{different}; train first, with --mode=train")


def difference(about: Mapping[str, Any], settings: Settings,
               counts: Callable[[str], bool]) -> str | None:
    """The first field that counts and in which a checkpoint's config differs, and how; or None.

    Kinds come first, that of the network before all: where they differ, so do the fields that a
    section has.
    """
    ours, theirs = _flat(settings_module.to_config(settings)), _flat(about["config"])
    names = filter(counts, ours.keys() | theirs.keys())
    for name in sorted(names, key=lambda name: (
            name != "network.kind", not name.endswith(".kind"), name)):
        mine, other = ours.get(name), theirs.get(name)
        if mine != other:
            return f"{name}={other!r}, and the config asks for {mine!r}"
    return None


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a config by their names with dots; tuples as the lists that JSON makes them."""
    fields = {}
    for section, values in config.items():
        for name, value in (values if isinstance(values, Mapping) else {"": values}).items():
            fields[f"{section}.{name}".rstrip(".")] = (
                list(value) if isinstance(value, tuple) else value)
    return fields
