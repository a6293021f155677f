"""A compound from its configuration: what a YAML or JSON file holds."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

import perdita.losses  # noqa: F401 (fills the catalogue that names are looked up in)
from perdita.compound.objective import Compound
from perdita.compound.terms import Term
from perdita.compound.weighting.protocol import WEIGHTINGS
from perdita.core import InputError
from perdita.core import build as build_criterion
from perdita.core.errors import nearest

COMPOUND_KEYS = ("terms", "weights", "balance", "steps")
TERM_KEYS = ("criterion", "outputs", "batch", "weight", "schedule")


def build(
    config: str | Mapping[str, Any], *, steps: int | None = None, steps_per_epoch: int | None = None
) -> nn.Module:
    """A compound from ``{"terms": {name: term}, "weights": …, "balance": …, "steps": …}``, or a criterion.

    A term is a loss's name, a criterion's configuration, another compound's, or ``{"criterion": one of these,
    "outputs": fields, "batch": fields, "weight": number, "schedule": …}``. ``balance`` is the name of a method of
    `GradientBalancer`, or ``{"method": name, "seed": …, …options}``. Criteria are made as `perdita.build` makes them.

    Args:
        config: as above; the inverse of `Compound.to_config`.
        steps: length of the training, where the configuration does not say it.
        steps_per_epoch: likewise, for weightings that count epochs.

    Raises:
        InputError: an unknown key, name or option, with the nearest ones.

    Example:
        >>> from perdita.compound import build
        >>> build({"terms": {"dice": "dice", "ce": {"loss": "cross_entropy"}}, "weights": {"ce": 0.5}}).scales.tolist()
        [1.0, 0.5]
    """
    if not isinstance(config, Mapping) or "terms" not in config:
        return build_criterion(config)  # type: ignore[no-any-return]
    _check_keys("a compound", config, COMPOUND_KEYS)
    if not isinstance(config["terms"], Mapping):
        raise InputError(f"terms must map names to terms, not be a {type(config['terms']).__name__}")
    length = config.get("steps", steps)
    terms = {name: _term(item, length, steps_per_epoch) for name, item in config["terms"].items()}
    weights = _weights(config.get("weights"), steps_per_epoch)
    return Compound(terms, weights=weights, balance=config.get("balance"), steps=length)


def _term(item: Any, steps: int | None, steps_per_epoch: int | None) -> Term:
    if isinstance(item, str) or (isinstance(item, Mapping) and {"loss", "sum", "terms"} & set(item)):
        return Term(build(item, steps=steps, steps_per_epoch=steps_per_epoch))
    if not isinstance(item, Mapping):
        raise InputError(f"a term must be a name or a mapping, not {item!r}")
    _check_keys("a term", item, TERM_KEYS)
    if "criterion" not in item:
        raise InputError(f"a term must have a criterion, but has {', '.join(item) or 'nothing'}")
    criterion = build(item["criterion"], steps=steps, steps_per_epoch=steps_per_epoch)
    return Term(criterion, **{key: value for key, value in item.items() if key != "criterion"})


def _weights(config: Any, steps_per_epoch: int | None) -> Any:
    """The weighting's configuration, with the number of steps in an epoch where it takes one and has none."""
    given = {"method": config} if isinstance(config, str) else config
    if not isinstance(given, Mapping) or given.get("method") not in WEIGHTINGS:
        return given
    takes = inspect.signature(WEIGHTINGS[given["method"]]).parameters
    if steps_per_epoch is not None and "steps_per_epoch" in takes and given.get("steps_per_epoch") is None:
        return {**given, "steps_per_epoch": steps_per_epoch}
    return given


def _check_keys(what: str, config: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in config:
        if key not in known:
            raise InputError(f"{what} has no {key!r}{nearest(str(key), known)}; it has {', '.join(known)}")
