"""``pytest tests/golden --vectors DIR`` checks every JSON file in DIR; each case is a test, and so is each failure to
find one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.adapters import load_adapters
from tests.golden.compare import Case, read_cases

DEFAULT = Path(__file__).resolve().parents[1] / "vectors"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--vectors", type=Path, default=DEFAULT, metavar="DIR", help="folder of golden vectors")


def cases_of(path: Path) -> list[tuple[str, Case | str]]:
    """(test id, case) of a file, or the reason why it has none that can be checked."""
    try:
        cases = read_cases(path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return [(f"{path.stem}: unreadable", f"{path} cannot be read: {error!r}")]
    slug = cases[0].slug
    if slug not in load_adapters():
        reason = f"{path.name}: no adapter for the slug {slug!r}; {len(cases)} cases are unchecked"
        return [(f"{path.stem}: missing adapter", reason)]
    return [(f"{path.stem}: {case.name}", case) for case in cases]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden" not in metafunc.fixturenames:
        return
    folder = metafunc.config.getoption("vectors", DEFAULT)
    found = [item for path in sorted(folder.glob("*.json")) for item in cases_of(path)]
    found = found or [("no vectors", f"{folder} holds no *.json")]
    metafunc.parametrize("golden", [case for _, case in found], ids=[name for name, _ in found])
