"""What the pages of a report are made of: templates, a style sheet and a player lie here."""

import base64
import html
import importlib.resources
from collections.abc import Mapping
from string import Template

escape = html.escape


def source(name: str) -> str:
    """A file of this folder."""
    return (importlib.resources.files(__name__) / name).read_text(encoding="utf-8")


def fill(template: str, /, **fields: str) -> str:
    """A template of this folder with its fields, HTML each, filled in."""
    return Template(source(template)).substitute(fields)


def facts_list(facts: Mapping[str, str]) -> str:
    """What is said about something, by name, as a list of definitions."""
    if not facts:
        return ""
    shown = {name: f"<code>{escape(value)}</code>" if name == "command" else escape(value)
             for name, value in facts.items()}
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>"
                    for name, value in shown.items())
    return f"<dl>{items}</dl>"


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that holds all of it; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
