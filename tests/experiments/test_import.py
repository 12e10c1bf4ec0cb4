"""Nothing runs where an experiment is imported: read from the source."""

import ast
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
DECLARATIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign,
                ast.AnnAssign)
GUARD = "__name__ == '__main__'"


def running(source: str) -> list[str]:
    """The statements of a module that are neither declarations nor guarded."""
    return [ast.unparse(node) for node in ast.parse(source).body if not (
        isinstance(node, DECLARATIONS)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.If) and ast.unparse(node.test) == GUARD))]


# The texts of notebooks run from top to bottom.
@pytest.mark.parametrize("path", sorted(
    path for path in EXPERIMENTS.rglob("*.py") if not path.with_suffix(".ipynb").exists()),
                         ids=lambda path: str(path.relative_to(EXPERIMENTS)))
def test_nothing_runs_at_import(path: Path) -> None:
    assert running(path.read_text()) == []


def test_what_runs_is_seen() -> None:
    source = '"""Text."""\nimport os\nX = 1\nif __name__ == "__main__":\n    main()\n'
    assert running(source) == []
    assert running(source + "main()\nfor x in X: pass") == ["main()", "for x in X:\n    pass"]
