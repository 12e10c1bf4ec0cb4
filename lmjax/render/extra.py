"""Libraries that not every installation has."""

import importlib
from types import ModuleType

# What libraries of Python open of the system's, by its name on Debian.
SYSTEM = {"cairosvg": "libcairo2", "soundfile": "libsndfile1"}


class MissingExtra(ValueError):
    """A library that an extra installs is not there."""


def load(library: str, what: str, extra: str = "render") -> ModuleType:
    """Imports a library that an extra installs.

    Args:
      library: the name of its module.
      what: needs it, such as "engraved music (.svg)".
      extra: that installs it.

    Raises:
      MissingExtra: naming the extra, if it is not there, or the system's library that it needs.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingExtra(f'{what} needs {library}; install it by pip install -e '
                           f'".[{extra}]"') from error
    except OSError as error:
        needed = SYSTEM.get(library, "another library")
        raise MissingExtra(f"{what} needs {library}, and that needs {needed} of the system; "
                           f"install it with the system's package manager") from error
