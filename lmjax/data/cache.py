"""The user's cache folder: what is built once and read at every later start."""

import os
from pathlib import Path

VARIABLE = "LMJAX_CACHE"


def cache_folder() -> Path:
    """The folder for cached files, made if need be.

    `LMJAX_CACHE` names it; else it is `lmjax` in `XDG_CACHE_HOME`, else `~/.cache/lmjax`.

    Raises:
      ValueError: if the folder cannot be made or written to.
    """
    named = os.environ.get(VARIABLE)
    if named:
        folder = Path(named).expanduser()
    else:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        folder = Path(home) / "lmjax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"the cache folder {folder} cannot be made ({error.strerror}); "
                         f"set {VARIABLE} to a folder that can be written to") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"the cache folder {folder} cannot be written to; "
                         f"set {VARIABLE} to one that can")
    return folder
