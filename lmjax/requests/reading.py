"""Files of requests: YAML, JSON, or JSON on each line."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lmjax.requests.pins import AskingError


def read_requests(path: str | os.PathLike[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The requests of a file, and where each stands in it.

    Args:
      path: one request or a list of them, as JSON (`.json`) or else as YAML; or one on each line,
        as JSON (`.jsonl`).

    Raises:
      AskingError: if it holds something else, or a field of a request stands twice.
      OSError: if it cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AskingError(f"{path} is no YAML or JSON: {error}") from error
    if path.suffix == ".jsonl":
        # Only by line feeds: a string may hold other signs at which `splitlines` divides.
        lines = [(f"{path}, line {number}", line)
                 for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        found = [(where, _json(line, where)) for where, line in lines]
    else:
        whole = _json(text, str(path)) if path.suffix == ".json" else _yaml(text, str(path))
        several = whole if isinstance(whole, list) else [whole]
        found = [(str(path) if len(several) == 1 else f"{path}, request {number}", one)
                 for number, one in enumerate(several, 1)]
    if not found:
        raise AskingError(f"{path} holds no request")
    for where, fields in found:
        if not isinstance(fields, dict):
            raise AskingError(f"{where}: a request has fields, such as input and keep, and is not "
                              f"{fields!r}")
    return found


def _json(text: str, where: str) -> Any:
    """What JSON holds."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise AskingError(f"{where} is no JSON: {error}") from error


def _yaml(text: str, where: str) -> Any:
    """What YAML holds."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Which refuses a field that stands twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            _once((self.construct_object(key, deep=True), None) for key, _ in node.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)
    # ValueError: of a date that is none, or of a number with thousands of digits.
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise AskingError(f"{where} is no YAML or JSON: {' '.join(str(error).split())}") from error


def _once(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Fields and what they hold; ValueError if one of them stands twice."""
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the field {name!r} stands twice in it")
        found[name] = value
    return found
