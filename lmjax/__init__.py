"""Generative modelling of Bach chorales by gradient estimation.

Shapes, here and everywhere:
  B  batch
  T  frames, one sixteenth note each
  V  voices, always 4: soprano, alto, tenor, bass
  K  tokens of the longest voice's vocabulary
  D  width of one frame of the continuous state, the sum of the voices' embedding widths
  L  noise levels
  C  conditioning tracks
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmjax.composer import Composer, load
    from lmjax.composing import compose, draw_forms
    from lmjax.render.write import write
    from lmjax.requests.form import Form
    from lmjax.requests.keep import keep
    from lmjax.requests.schema import ask

__all__ = ["Composer", "Form", "ask", "compose", "draw_forms", "keep", "load", "write"]

# Looked up on first use, so that reading the corpus in a worker process does not start JAX.
_HOMES = {"Composer": "lmjax.composer", "load": "lmjax.composer", "compose": "lmjax.composing",
          "draw_forms": "lmjax.composing", "write": "lmjax.render.write",
          "Form": "lmjax.requests.form", "keep": "lmjax.requests.keep",
          "ask": "lmjax.requests.schema"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


if "IPython" in sys.modules:  # in a notebook a Chorale displays itself
    importlib.import_module("lmjax.render.notebook").register()
