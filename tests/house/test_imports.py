"""Importing perdita is light, core needs torch alone, and rooms import only from the rooms above them."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "jaxtyping", "lightning", "matplotlib", "optuna", "pandas", "plotly", "polars", "pyarrow", "ray", "rich", "scipy",
    "sklearn", "transformers", "typer",
}  # fmt: skip


def loaded(statement: str) -> set[str]:
    """The packages that a fresh interpreter loads for a statement, beyond the standard library."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()} - set(sys.stdlib_module_names)


def test_importing_perdita_loads_perdita_alone() -> None:
    assert loaded("import perdita") == {"perdita"}


def test_a_loss_loads_nothing_optional() -> None:
    found = loaded("import perdita; perdita.CrossEntropy; perdita.functional.cross_entropy")
    assert "torch" in found
    assert not found & HEAVY


def test_an_optional_library_would_be_seen() -> None:
    assert "scipy" in loaded("import perdita, scipy") & HEAVY


def test_the_first_call_may_be_compiled() -> None:
    """Nothing of the contract waits for an eager call before it can be traced."""
    first = "torch.compile(perdita.functional.cross_entropy, fullgraph=True, backend='eager')"
    code = f"import torch, perdita; {first}(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def foreign_imports(source: str) -> set[str]:
    """Packages that a module imports at run time, beyond the standard library, torch and perdita."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"torch", "perdita"}


def test_core_needs_torch_alone() -> None:
    files = list((ROOT / "src/perdita/core").glob("*.py"))
    assert files
    assert {path.name: found for path in files if (found := foreign_imports(path.read_text()))} == {}


def test_a_foreign_import_is_seen() -> None:
    assert foreign_imports("def f():\n    import numpy.linalg") == {"numpy"}
    assert foreign_imports("if TYPE_CHECKING:\n    import numpy") == set()


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--config", root / "pyproject.toml", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_rooms_import_only_from_the_rooms_above_them() -> None:
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    leave = shutil.ignore_patterns("__pycache__")
    for part in ("src", "tools"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "statement", "message"),
    [
        ("core/errors.py", "from perdita.losses.classification import cross_entropy", "core may not import losses"),
        (
            "losses/classification/squentropy.py",
            "def late():\n    import perdita.compare.spec",
            "losses may not import compare",
        ),
        ("laws/power.py", "import perdita.losses", "laws may not import losses"),
        ("core/errors.py", "import perdita", "core may not import losses"),
        ("attic/box.py", "x = 1", "room 'attic' is not in the table"),
    ],
)
def test_an_upward_import_is_seen(copy: Path, path: str, statement: str, message: str) -> None:
    file = copy / "src/perdita" / path
    if not file.parent.exists():
        file.parent.mkdir()
        (file.parent / "__init__.py").touch()
    with file.open("a") as stream:
        stream.write(f"\n{statement}\n")
    run = lint_imports(copy)
    assert run.returncode == 1
    assert message in " ".join(run.stdout.split())
