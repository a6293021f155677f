"""Every loss of the catalogue as a function: ``perdita.functional.focal(logits, target, gamma=2.0)``."""

from __future__ import annotations

from typing import Any

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.core import catalogue
from perdita.core.errors import nearest


def __getattr__(name: str) -> Any:
    card = catalogue.named(name)
    if card is not None and card.name == name and card.function is not None:
        return card.function
    hint = nearest(name, __dir__())
    raise AttributeError(f"module 'perdita.functional' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return [card.name for card in catalogue.cards() if card.function is not None]
