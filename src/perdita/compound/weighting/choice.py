"""From what a user says of weights to fixed weights and a weighting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perdita.compound.terms import check_names
from perdita.compound.weighting.protocol import EqualWeighting, Weighting, build_weighting
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from perdita.compound.terms import Term


def choose_weighting(weights: Any, terms: Mapping[str, Term]) -> tuple[dict[str, float], Weighting]:
    """Fixed weights by name, and the weighting.

    Args:
        weights: a `Weighting`, its name or configuration, {name: number}, or None, as `Compound` takes them.
        terms: by name.

    Raises:
        InputError: none of these, or the name of a term that is not there.
    """
    if isinstance(weights, Weighting):
        return {}, weights
    if weights is None:
        return {}, EqualWeighting(len(terms))
    if not isinstance(weights, str | Mapping):
        raise InputError(f"weights must be a weighting, its name or numbers by name, not {type(weights).__name__}")
    given = {"method": weights} if isinstance(weights, str) else dict(weights)
    if "method" not in given:
        check_names("weights", given, terms)
        return {name: float(given.get(name, 1.0)) for name in terms}, EqualWeighting(len(terms))
    if given["method"] == "uncertainty" and not isinstance(given.get("kinds"), str | list | tuple):
        chosen = dict(given.get("kinds") or {})
        check_names("kinds", chosen, terms)
        given["kinds"] = [chosen.get(name) or kind(term.criterion) for name, term in terms.items()]
    return {}, build_weighting(given.pop("method"), len(terms), **given)


def kind(criterion: nn.Module) -> str:
    """The kind of `UncertaintyWeighting` that a criterion's card speaks of."""
    card = getattr(criterion, "card", None)
    if card is None or card.task != "regression":
        return "classification"
    return "laplace" if card.name == "l1" else "regression"
