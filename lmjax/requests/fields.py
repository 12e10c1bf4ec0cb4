"""Whether the fields of a request are those that there are, and of the kinds that they have to be.

A kind is a type; several of them, as a tuple; a range of numbers; or a list of the one kind of its
items.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lmjax.requests.pins import AskingError


def check_fields(given: Any, fields: Mapping[str, Any], what: str,
                  required: Sequence[str] = ()) -> None:
    """Raises AskingError if a mapping has other fields, or of another kind, or lacks some."""
    if not isinstance(given, Mapping):
        raise AskingError(f"{what} has fields, such as {next(iter(fields))}, and is not {given!r}")
    for name, value in given.items():
        if name not in fields:
            raise AskingError(f"{what} has no field {name!r}, only {', '.join(fields)}")
        if not _is(value, fields[name]):
            raise AskingError(f"{name} of {what} is {_told(fields[name])}, not {value!r}")
    for name in required:
        if name not in given:
            raise AskingError(f"{what} lacks {name!r}")


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of a kind: a type, one of several, or a list of some kind."""
    if isinstance(kind, tuple):
        return any(_is(value, one) for one in kind)
    if isinstance(kind, list):
        return isinstance(value, list | tuple) and all(_is(one, kind[0]) for one in value)
    if isinstance(kind, range):
        return type(value) is int and value in kind
    if kind is dict:
        return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if kind is float:
        return isinstance(value, int | float) and type(value) is not bool and abs(value) < 1e6
    return type(value) is kind and (kind is not int or abs(value) < 1e6)


def _told(kind: Any) -> str:
    """A kind as it stands in a sentence."""
    if isinstance(kind, tuple):
        return " or ".join(map(_told, kind))
    if isinstance(kind, list):
        return f"a list, each item {_told(kind[0])}"
    if isinstance(kind, range):
        return f"a whole number from {kind[0]} to {kind[-1]}"
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false",
            dict: "a set of fields"}[kind]
