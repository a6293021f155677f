"""The house stays small and plainly named. Each guard is also shown a tree that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Guard = Callable[[Path], list[str]]

LINES_OF_A_FILE = 300
FILES_OF_A_FOLDER = 20
LINES_OF_CORE = 1_300
EMPTY_NAMES = {"utils", "util", "misc", "common", "helpers", "helper"}


def modules(root: Path) -> list[Path]:
    return sorted((root / "src").rglob("*.py"))


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def long_files(root: Path) -> list[str]:
    return [f"{path}: {lines(path)} lines" for path in modules(root) if lines(path) > LINES_OF_A_FILE]


def full_folders(root: Path) -> list[str]:
    folders = {path.parent for path in modules(root)}
    return [
        f"{folder}: {n} files"
        for folder in sorted(folders)
        if (n := len(list(folder.glob("*.py")))) > FILES_OF_A_FOLDER
    ]


def empty_names(root: Path) -> list[str]:
    return [str(path) for path in modules(root) if {path.stem, path.parent.name} & EMPTY_NAMES]


def large_core(root: Path) -> list[str]:
    total = sum(lines(path) for path in (root / "src/perdita/core").glob("*.py"))
    return [f"core: {total} lines, of {LINES_OF_CORE} that it may have"] if total > LINES_OF_CORE else []


def plant(root: Path, path: str, count: int = 1) -> None:
    file = root / "src/perdita" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x = 1\n" * count)


def plant_folder(root: Path) -> None:
    for number in range(FILES_OF_A_FOLDER + 1):
        plant(root, f"losses/part_{number}.py")


@pytest.mark.parametrize("guard", [long_files, full_folders, empty_names, large_core])
def test_the_house_keeps_it(guard: Guard) -> None:
    assert modules(ROOT)
    assert guard(ROOT) == []


@pytest.mark.parametrize(
    ("guard", "break_it"),
    [
        (long_files, lambda root: plant(root, "losses/long.py", LINES_OF_A_FILE + 1)),
        (full_folders, plant_folder),
        (empty_names, lambda root: plant(root, "losses/utils.py")),
        (empty_names, lambda root: plant(root, "common/idea.py")),
        (large_core, lambda root: plant(root, "core/rules.py", LINES_OF_CORE + 1)),
    ],
)
def test_a_breach_is_seen(guard: Guard, break_it: Callable[[Path], None], tmp_path: Path) -> None:
    plant(tmp_path, "core/fine.py")
    assert guard(tmp_path) == []
    break_it(tmp_path)
    assert len(guard(tmp_path)) == 1
