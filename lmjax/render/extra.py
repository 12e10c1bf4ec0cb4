"""Libraries that not every installation has."""

import importlib
from types import ModuleType


class MissingExtra(ValueError):
    """A library that an extra installs is not there."""


def load(library: str, what: str, extra: str = "render") -> ModuleType:
    """Imports a library that an extra installs.

    Args:
      library: the name of its module.
      what: needs it, such as "engraved music (.svg)".
      extra: that installs it.

    Raises:
      MissingExtra: naming the extra, if it is not there or lacks a library of the system.
    """
    try:
        return importlib.import_module(library)
    except (ImportError, OSError) as error:  # cairosvg and soundfile open libraries of the system
        raise MissingExtra(f'{what} needs {library} ({error}); install it by pip install -e '
                           f'".[{extra}]"') from error
