"""Every loss of the catalogue as a function: ``perdita.functional.focal(logits, target, gamma=2.0)``."""

from __future__ import annotations

from typing import Any

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.core import catalogue
from perdita.core.errors import nearest


def __getattr__(name: str) -> Any:
    functions = catalogue.functions()
    if name in functions:
        return functions[name]
    raise AttributeError(f"module 'perdita.functional' has no attribute {name!r}{nearest(name, functions)}")


def __dir__() -> list[str]:
    return sorted(catalogue.functions())
