"""Runs the command line in a process forked for it; see the fixture `command`.

Starting Python and importing JAX takes longer than all that most of these commands do.
"""

import os
import sys
from typing import Any

import jax

from lmjax import main


def child(argv: list[str], before: str, out: str, err: str, environ: dict[str, str],
          options: dict[str, Any]) -> None:
    """Runs `before`, then the command line with its output in two files."""
    for path, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.environ.update(environ)
    for name, value in options.items():
        jax.config.update(name, value)
    sys.argv = ["lmjax", *argv]
    exec(before, {})
    main.run()


child(**globals()["arguments"])
