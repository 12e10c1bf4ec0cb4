"""The notebooks: the same as their texts, without outputs, and running from top to bottom."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "experiments"
NAMES = "tour", "colab_compose", "colab_train"
PATIENCE = 900  # seconds a cell
MARKER = re.compile(r"^# %%(?: \[(markdown)\])?(?: tags=(\[.*\]))?$\n", re.MULTILINE)
# The tiny config with a network that is quick to compile.
QUICK = """
import runpy
from ml_collections import ConfigDict

def get_config():
    config = runpy.run_path({tiny!r})["get_config"]()
    config.network = ConfigDict({{
        "kind": "transformer", "width": 8, "layers": 1, "heads": 1, "feedforward": 8,
        "dropout": 0.0, "level": True, "tracks": True, "output": "logits"}})
    config.condition.update(known=0.0, allowed=0.0)
    return config
"""
EXTRA = 'needs pip install -e ".[notebooks]"'


class Cell(NamedTuple):
    """A cell of a notebook or of its text."""

    kind: str
    tags: list[str]
    source: str


def cells_of_text(text: str) -> list[Cell]:
    """The cells of a text in the format py:percent."""
    cells = []
    _, *parts = MARKER.split(text)
    for kind, tags, source in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        source = source.strip("\n")
        if kind:
            source = re.sub("^# ?", "", source, flags=re.MULTILINE)
        cells.append(Cell(kind or "code", json.loads(tags or "[]"), source))
    return cells


def cells_of_notebook(notebook: dict[str, Any]) -> list[Cell]:
    return [Cell(cell["cell_type"], cell["metadata"].get("tags", []), "".join(cell["source"]))
            for cell in notebook["cells"]]


@pytest.mark.parametrize("name", NAMES)
def test_notebook_and_text_agree(name: str) -> None:
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert cells_of_notebook(notebook) == cells_of_text(text), (
        f"run: jupytext --sync experiments/{name}.py")


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_stripped(name: str) -> None:
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) <= {"accelerator", "jupytext", "kernelspec"}
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_every_notebook_is_known() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


def test_cells_of_a_text() -> None:
    text = '# ---\n\n# %% [markdown]\n# # A\n#\n# b\n\n# %% tags=["x"]\na = 1\n\n\nb\n'
    assert cells_of_text(text) == [Cell("markdown", [], "# A\n\nb"),
                                   Cell("code", ["x"], "a = 1\n\n\nb")]


@pytest.fixture
def execute(environ, monkeypatch):
    """Runs a notebook with other values of its parameters, and gives all it displayed by type."""
    nbformat = pytest.importorskip("nbformat", reason=EXTRA)
    nbclient = pytest.importorskip("nbclient", reason=EXTRA)
    pytest.importorskip("ipykernel", reason=EXTRA)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def run(name: str, **parameters: object) -> dict[str, list[str]]:
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        tagged, = (number for number, cell in enumerate(notebook.cells)
                   if "parameters" in cell.metadata.get("tags", []))
        for parameter in parameters:
            assert re.search(f"^{parameter} = ", notebook.cells[tagged].source, re.MULTILINE)
        notebook.cells.insert(tagged + 1, nbformat.v4.new_code_cell("\n".join(
            f"{parameter} = {value!r}" for parameter, value in parameters.items())))
        nbclient.NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3",
                                resources={"metadata": {"path": str(FOLDER)}}).execute()
        displayed: dict[str, list[str]] = {}
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                for kind, content in output.get("data", {}).items():
                    displayed.setdefault(kind, []).append(content)
        return displayed

    return run


def test_the_tour(execute) -> None:
    displayed = execute("tour", SAMPLES=100, EVALUATIONS=11, LEVELS=8)
    assert len(displayed["image/png"]) == 11
    assert sum("<figure" in html for html in displayed["text/html"]) == 3


def test_composing(execute, tmp_path) -> None:
    displayed = execute("colab_compose", FOLDER=str(tmp_path), EVALUATIONS=11)
    assert sum("<figure" in html for html in displayed["text/html"]) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"chorale.musicxml", "chorale.mid",
                                                          "tune.abc"}


def test_training(execute, tiny, tmp_path) -> None:
    folder, config = tmp_path / "run", tmp_path / "quick.py"
    config.write_text(QUICK.format(tiny=str(tiny)))
    displayed = execute("colab_train", CONFIG=str(config), OVERRIDES=["--config.compose.num=1"],
                        NAME=str(folder), BARS=2, SECONDS=1)
    assert len(displayed["image/png"]) == 1  # the curves, as they are in the end
    assert sum("<figure" in html for html in displayed["text/html"]) == 3
    assert (folder / "best").is_dir() and (folder / "log.txt").is_file()
