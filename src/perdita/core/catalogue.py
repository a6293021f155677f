"""The catalogue: each card under its name, filled by `@loss` alone. There is no second list of losses."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from perdita.core.card import Card
from perdita.core.errors import InputError, nearest

_CARDS: dict[str, Card] = {}
_ALIASES: dict[str, str] = {}
_COMPONENTS: dict[str, str] = {}
T = TypeVar("T")


def register(card: Card) -> None:
    """Add a card. Raises ValueError where the name or an alias is taken."""
    for name in (card.name, card.class_name, *card.aliases):
        if _ALIASES.get(name, card.name) != card.name or (name == card.name and name in _CARDS):
            raise ValueError(f"a loss named {name!r} is registered already: {_ALIASES.get(name, name)}")
    _CARDS[card.name] = card
    _ALIASES.update(dict.fromkeys((card.name, card.class_name, *card.aliases), card.name))


def cards(task: str | None = None) -> Iterator[Card]:
    """All registered cards, or those of a task, by name."""
    return (_CARDS[name] for name in sorted(_CARDS) if task is None or _CARDS[name].task == task)


def card(name: str) -> Card:
    """The card of a loss, by its name, class name or alias, or of one's own loss as ``module:loss``.

    Raises `InputError` with the nearest names, or with why the module cannot be imported.
    """
    if name in _ALIASES:
        return _CARDS[_ALIASES[name]]
    module, colon, attribute = name.partition(":")
    if colon:
        try:
            found = getattr(getattr(importlib.import_module(module), attribute), "card", None)
        except (ImportError, AttributeError) as error:
            raise InputError(f"loss {name!r} cannot be imported: {error}") from error
        if isinstance(found, Card):
            return found
        raise InputError(f"{name} is no registered loss; decorate it with @perdita.loss")
    raise InputError(f"unknown loss {name!r}{nearest(name, _ALIASES)}")


def named(name: str) -> Card | None:
    """The card of that name, class name or alias, or None."""
    return _CARDS.get(_ALIASES.get(name, ""))


def build(config: str | Mapping[str, Any]) -> Any:
    """A criterion from its configuration: ``{"loss": "focal", "gamma": 3.0}``, a bare name, or a ``{"sum": …}``.

    The inverse of `Criterion.to_config`. Raises `InputError` for an unknown name or hyper-parameter.
    """
    from perdita.core.combine import Sum

    if isinstance(config, str):
        config = {"loss": config}
    if not isinstance(config, Mapping):
        raise InputError(f"config must be a name or a mapping, not {type(config).__name__}")
    if "sum" in config:
        return Sum.from_config(config)
    if "loss" not in config:
        raise InputError(f"config must have the key 'loss' or 'sum', but has {sorted(config)}")
    criterion = card(str(config["loss"])).criterion
    assert criterion is not None
    return criterion(**{key: value for key, value in config.items() if key != "loss"})


def component(paper: str, name: str | None = None) -> Callable[[T], T]:
    """Register a layer, function or trainer that is no loss as what a paper brings."""

    def register(definition: T) -> T:
        own = name or definition.__name__  # type: ignore[attr-defined]
        if _COMPONENTS.setdefault(own, paper) != paper:
            raise ValueError(f"a component named {own!r} is registered already")
        return definition

    return register


def components() -> dict[str, str]:
    """Name → paper's slug of each component that is no loss."""
    return dict(_COMPONENTS)
