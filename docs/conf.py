"""How sphinx builds the site: `python -m sphinx -W docs docs/_build`."""

import pkgutil
import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

import lmjax

project = "lmjax"
html_theme = "furo"
html_title = "lmjax"
html_math_renderer = "mathml"  # of browsers, so that pages ask nothing of any network
html_static_path = ["_static"]
html_css_files = ["math.css"]
exclude_patterns = ["_build"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Docstrings: Google's style, and `code` between single backticks.
default_role = "literal"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

# What pages name by {py:obj} has to exist; types in signatures are those of other libraries, too.
nitpicky = True
suppress_warnings = ["ref.python"]  # several modules have a `Diagnostics`, for instance
nitpick_ignore_regex = [("py:class", ".*"), ("py:exc", ".*"), ("py:obj", r"None|typing\..*")]

MODULES = list(pkgutil.walk_packages(lmjax.__path__, "lmjax."))


def modules_of(name: str) -> list[str]:
    """A package and the modules in it; of lmjax itself, those that are not packages."""
    if name == "lmjax":
        return [one.name for one in MODULES if one.name.count(".") == 1 and not one.ispkg]
    return [one.name for one in MODULES if one.name == name or one.name.startswith(f"{name}.")]


def write_reference(app: Sphinx, page: str, source: list[str]) -> None:
    """Puts the modules of a package in the place of a line such as `(modules of lmjax.noise)`."""
    del app, page

    def listed(line: re.Match[str]) -> str:
        return "\n\n".join(f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```"
                           for name in modules_of(line[1]))

    source[0] = re.sub(r"^\(modules of (\S+)\)$", listed, source[0], flags=re.MULTILINE)


def as_rst(app: Sphinx, what: str, name: str, obj: object, options: Any,
           lines: list[str]) -> None:
    """Shows the indented blocks of a docstring as they stand: formulas, commands, files; and the
    star of `[B, *shape]` as a star."""
    del app, what, name, obj, options
    for number in reversed(range(1, len(lines))):
        if lines[number].startswith("    ") and not lines[number - 1].strip():
            above = next((line for line in reversed(lines[:number]) if line.strip()), " ")
            if not above.startswith(" "):
                lines[number:number] = ["::", ""]
    lines[:] = [re.sub(r"(?<=, )\*+(?=\w)", lambda stars: r"\*" * len(stars[0]), line)
                for line in lines]


def skip_fields(app: Sphinx, what: str, name: str, obj: object, skip: bool,
                options: Any) -> bool | None:
    """Leaves out the fields of a named tuple: its docstring says what they are."""
    del app, what, name, skip, options
    return True if str(obj.__doc__).startswith("Alias for field number") else None


def write_math(writer: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Writes a formula as MathML."""
    block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=block)
    writer.body.append(f'<div style="overflow-x: auto">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connects the above."""
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
    app.connect("source-read", write_reference)
    app.connect("autodoc-process-docstring", as_rst, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skip_fields)
