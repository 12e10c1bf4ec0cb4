"""Who may import whom. Read from the source by `ast`, so that lazy imports count too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lmjax"
LONGEST_FILE = 400  # lines

# What the modules of each room may import from lmjax, beside their own room and `files`.
# Data flows from left to right:
#   music -> data; noise -> networks, losses -> training; noise -> sampling;
#   music -> render, requests; data, losses, noise -> metrics, whose bound cuts pieces into windows.
ROOMS: dict[str, set[str]] = {
    "files": set(),
    "music": set(),
    "data": {"music"},
    "noise": set(),
    "networks": {"noise"},
    "losses": {"noise"},
    "sampling": {"noise"},
    "training": {"noise", "networks", "losses"},
    "metrics": {"music", "data", "noise", "losses"},
    "requests": {"music"},
    "render": {"music"},
}
ALL_ROOMS = set(ROOMS)
# The modules above the rooms, in order: each may import every room and those before it.
ENTRIES = ("settings", "families", "composer", "agreement", "windowing", "composing", "export",
           "reporting", "train", "sample", "judge", "evaluate", "ranking", "answer", "columns",
           "compare", "main")
LIBRARIES = {"jax": ALL_ROOMS - {"files", "music", "data", "requests", "render"},
             "flax": {"networks"}, "orbax": {"training.checkpoints"}}


def imports(source: str) -> Iterator[str]:
    """The dotted names that a module's source imports; `from a import b` gives a and a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(module: str, source: str) -> list[str]:
    """What a module, named as in "noise.embed", imports against the rules."""
    room = module.split(".")[0]
    if not module:  # the package itself, which offers the public face
        return []
    allowed = ({room, "files"} | ROOMS[room] if room in ROOMS
               else ALL_ROOMS | set(ENTRIES[:ENTRIES.index(room) + 1]))
    found = []
    for name in imports(source):
        top, *rest = name.split(".")
        if top == "lmjax" and rest and rest[0] not in allowed:
            found.append(f"{module} imports {name}")
        users = LIBRARIES.get(top)
        if users and not ({room, module} & users or (top == "jax" and room in ENTRIES)):
            found.append(f"{module} imports {name}")
    return found


def modules() -> dict[str, Path]:
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    return names


@pytest.mark.parametrize("module", modules())
def test_imports_flow_one_way(module):
    assert violations(module, modules()[module].read_text()) == []


@pytest.mark.parametrize("module", modules())
def test_no_file_is_long(module):
    assert len(modules()[module].read_text().splitlines()) <= LONGEST_FILE


def test_every_room_is_known():
    rooms = {module.split(".")[0] for module in modules() if module}
    assert rooms == ALL_ROOMS | set(ENTRIES)


@pytest.mark.parametrize("module, source", [
    ("music.chorale", "from lmjax.data import build"),
    ("data.windows", "import jax.numpy as jnp"),
    ("noise.embed", "from lmjax.networks.score import ScoreModel"),
    ("losses.sliced", "from lmjax import networks"),
    ("networks.layers", "import lmjax.losses.implicit"),
    ("sampling.chain", "def late():\n    from lmjax.networks import score"),
    ("sampling.chain", "import flax.linen as nn"),
    ("metrics.likelihood", "from lmjax.training.step import loss"),
    ("render.midi", "import jax"),
    ("requests.form", "from lmjax.files import write_bytes\nfrom lmjax.render import write"),
    ("training.state", "import orbax.checkpoint as ocp"),
    ("files", "from lmjax.music import chorale"),
    ("train", "from lmjax.evaluate import evaluate"),
    ("composer", "from lmjax.train import train"),
])
def test_a_wrong_import_is_seen(module, source):
    assert violations(module, source)


def test_a_right_import_is_not_blamed():
    assert violations("main", "import jax\nfrom lmjax.train import train") == []
    assert violations("training.checkpoints", "import orbax.checkpoint as ocp") == []
    assert violations("data.build", "from lmjax.files import write_bytes") == []
