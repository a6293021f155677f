"""`@loss`: from one pure per-example function to everything a user expects of a loss.

The decorated function is the only definition. The public function and the module are derived from it; both run it
through `perdita.core.apply`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from torch import Tensor

from perdita.core import catalogue
from perdita.core.apply import apply, gather_tensors
from perdita.core.card import Card, Choice, Cost, Range, Traits, compose_doc
from perdita.core.domains import DOMAINS
from perdita.core.signature import CONTRACT, REQUIRED, read_signature, signature_of

T = TypeVar("T", bound=Callable[..., Any])


def loss(
    *,
    task: str,
    paper: str | None = None,
    traits: Traits = Traits(),  # noqa: B008 (frozen)
    ranges: Mapping[str, Range | Choice] | None = None,
    domains: Mapping[str, str] | None = None,
    aliases: tuple[str, ...] = (),
    cost: Cost = Cost(),  # noqa: B008 (frozen)
    ignore_index: int | None = None,
    reduction: str = "mean",
    rowwise: bool = True,
    link: str = "softmax",
    limits: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Callable[[T], T]:
    """Register a per-example function, or a `Criterion` subclass with a ``per_example`` method, as a loss.

    Args:
        task: what is predicted, as in ``perdita list`` (multiclass, binary, regression, …).
        paper: slug in the bibliography, or None.
        traits: claims that the conformance battery tests.
        ranges: hyper-parameter → `Range` or `Choice`: checked at each call, searched by ``compare --tune``.
        domains: tensor argument → what its numbers may be (a key of `DOMAINS`); labels for integers, else real.
        aliases: other names that users know it by.
        ignore_index, reduction: their defaults for this loss.
        rowwise: False where a value depends on other rows of the batch too (pairs, lists, batch statistics).
        link: what makes probabilities of a classification's outputs, where that is neither softmax nor sigmoid.
        limits: name of a battery check → why this loss does not support it.

    Returns:
        The public function (with weight, mask, ignore_index, reduction and normalizer), or the class itself.
    """
    catalogued: dict[str, Any] = {
        "task": task, "paper": paper, "traits": traits, "ranges": dict(ranges or {}), "aliases": aliases, "cost": cost,
        "ignore_index": ignore_index, "reduction": reduction, "limits": dict(limits or {}), "link": link,
    }  # fmt: skip
    if unknown := set((domains or {}).values()) - set(DOMAINS):
        raise TypeError(f"unknown domains {sorted(unknown)}; known: {sorted(DOMAINS)}")

    def register(definition: T) -> T:
        from perdita.core.criterion import adopt_class, derive_class

        is_class = inspect.isclass(definition)
        own = name or (_snake(definition.__name__) if is_class else definition.__name__)
        per_example = definition.per_example if is_class else definition  # type: ignore[attr-defined]
        signature = read_signature(per_example, domains or {})
        if is_class:
            options = [*signature_of(definition.__init__).parameters.values()][1:]
            signature = replace(signature, defaults={p.name: p.default for p in options if p.name not in CONTRACT})
        doc = compose_doc(inspect.cleandoc(definition.__doc__ or ""), traits, cost)
        alone = rowwise and signature.level == "item"
        card = Card(name=own, signature=signature, per_example=per_example, doc=doc, rowwise=alone, **catalogued)
        if unranged := set(card.ranges) - set(signature.defaults):
            raise TypeError(f"{own}: ranges names no hyper-parameter: {sorted(unranged)}")
        if is_class:
            object.__setattr__(card, "criterion", adopt_class(definition, card))  # type: ignore[arg-type]
            catalogue.register(card)
            return definition
        public = _public_function(card, definition)
        object.__setattr__(card, "function", public)
        object.__setattr__(card, "criterion", derive_class(card))
        catalogue.register(card)
        return public  # type: ignore[return-value]

    return register


def _public_function(card: Card, definition: Callable[..., Any]) -> Callable[..., Tensor]:
    needs_options = REQUIRED in card.signature.defaults.values()

    @functools.wraps(definition)
    def function(
        *args: Tensor,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        ignore_index: int | None = card.ignore_index,
        reduction: str = card.reduction,
        normalizer: float | Tensor | None = None,
        **named: Any,
    ) -> Tensor:
        tensors = gather_tensors(card, args, named)
        if named or needs_options:
            card.check_options(named)
        return apply(card, card.per_example, tensors, named, weight, mask, ignore_index, reduction, normalizer)

    function.__doc__ = card.doc
    function.__signature__ = public_signature(card)  # type: ignore[attr-defined]
    function.card = card  # type: ignore[attr-defined]
    function.per_example = definition  # type: ignore[attr-defined]
    return function


def public_signature(card: Card) -> inspect.Signature:
    """The signature that a user sees: the loss's own arguments, then the contract's."""
    own = [p for p in signature_of(card.per_example).parameters.values() if p.name not in (*CONTRACT, "self")]
    shared = {
        "weight": ("Tensor | None", None), "mask": ("Tensor | None", None),
        "ignore_index": ("int | None", card.ignore_index), "reduction": ("str", card.reduction),
        "normalizer": ("float | Tensor | None", None),
    }  # fmt: skip
    extra = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for key, (annotation, default) in shared.items()
    ]
    return inspect.Signature([*own, *extra], return_annotation="Tensor")


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
