"""The type stubs say what the catalogue says, and a type checker makes use of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.stubs import stubs

ROOT = Path(__file__).resolve().parents[2]


def test_stubs_are_up_to_date() -> None:
    stale = [path.name for path, text in stubs().items() if not path.exists() or path.read_text() != text]
    assert not stale, f"{', '.join(stale)} differ from the catalogue: run `make stubs`"


def test_stubs_name_every_loss() -> None:
    import perdita

    package, functional = stubs().values()
    for card in perdita.cards():
        assert f"class {card.class_name}(Criterion):" in package
        assert (f"\ndef {card.name}(" in functional) == (card.function is not None)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says of the stubs and of a user's script."""
    folder = tmp_path_factory.mktemp("user")
    script = folder / "script.py"
    script.write_text(
        "import torch\n"
        "import perdita\n"
        "criterion = perdita.CrossEntropy(label_smoothing=0.1)\n"
        "value: torch.Tensor = criterion(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))\n"
        "total = perdita.Squentropy() + 0.5 * criterion\n"
        "perdita.functional.cross_entropy(torch.zeros(2, 3), torch.zeros(2), reduction='sum').mean()\n"
        "perdita.CrossEntropy(label_smothing=0.1)\n"
        "perdita.functional.cross_entropy(torch.zeros(2, 3), torch.zeros(2), smoothing=0.1)\n"
        "criterion.forward(torch.zeros(2, 3))\n"
    )
    # strict, with what `make types` keeps: to read PyTorch's types anew takes most of a minute
    command = [sys.executable, "-m", "mypy", str(script), *map(str, stubs())]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


@pytest.mark.slow
def test_a_type_checker_accepts_stubs_and_right_calls(checked: str) -> None:
    faults = [line for line in checked.splitlines() if "error:" in line]
    assert [line.split("script.py:")[-1].split(":")[0] for line in faults] == ["7", "8", "9"], checked


@pytest.mark.slow
def test_a_type_checker_flags_wrong_calls(checked: str) -> None:
    assert 'Unexpected keyword argument "label_smothing" for "CrossEntropy"' in checked
    assert 'Unexpected keyword argument "smoothing" for "cross_entropy"' in checked
    assert 'Missing positional argument "target"' in checked
