"""Checks that bad input raises `InputError` naming the argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from perdita.core.card import Choice, Range
from perdita.core.domains import DOMAINS
from perdita.core.errors import InputError
from perdita.core.signature import Field
from perdita.testing.registry import ConformanceError, check, has_items, under_contract
from perdita.testing.sample import SIZES, Sample, options_for
from perdita.testing.subject import Subject

OUTSIDE = {  # a number just outside each domain
    "lengths": -1, "binary": 2, "sign": 0, "unit": 1.5, "simplex": -0.5, "log_probs": 0.5, "nonnegative": -1.0,
    "positive": 0.0,
}  # fmt: skip


def has_hyperparameters(subject: Subject) -> str:
    """Applies to losses with hyper-parameters that have a range."""
    return "" if subject.card.ranges else "it has no hyper-parameter with a range"


def has_domains(subject: Subject) -> str:
    """Applies to losses with an argument whose values are limited."""
    domains = {item.domain for item in subject.card.signature.fields}
    if subject.plain is not None:  # others may well mean what they accept, but a label beyond the classes
        domains &= {"labels"} if subject.card.task != "embeddings" else set()  # there, labels are only compared
    limited = bool(domains - {"real", "indices"})
    return "" if limited else "its arguments may hold any number"


def expect_rejected(name: str, what: str, argument: str, call: Callable[[], Any], *, plain: bool = False) -> None:
    """Raise unless the call raises `InputError` whose message has the argument's name; any error of a plain loss."""
    try:
        call()
    except InputError as error:
        if argument not in str(error):
            raise ConformanceError(name, f"the error of {what} does not name {argument}: {error}") from error
        return
    except Exception as error:
        if plain:
            return
        raise ConformanceError(name, f"{what} raises {type(error).__name__}, expected InputError: {error}") from error
    expected = "an error" if plain else f"InputError naming {argument}"
    raise ConformanceError(name, f"{what} is accepted, expected {expected}")


def _fields(subject: Subject, inputs: Sample) -> list[tuple[Field, Tensor]]:
    return [(item, inputs.tensors[item.name]) for item in subject.card.signature.fields if item.name in inputs.tensors]


@check(under_contract)
def check_rejects_missing(subject: Subject) -> None:
    """A required tensor that is missing, or something that is no tensor, is named."""
    inputs = subject.sample(70)
    for item, _ in _fields(subject, inputs):
        if not item.optional:
            rest = inputs.but(**{item.name: None})
            without = Sample({k: v for k, v in rest.tensors.items() if _after(subject, k, item.name)}, rest.options)
            expect_rejected("rejects_missing", f"a call without {item.name}", item.name, lambda s=without: subject(s))
        listed = Sample({**inputs.tensors, item.name: [0.0]}, inputs.options)  # type: ignore[dict-item]
        expect_rejected("rejects_missing", f"a list as {item.name}", item.name, lambda s=listed: subject(s))


def _after(subject: Subject, name: str, missing: str) -> bool:
    """Whether an argument can still be given when ``missing`` is left out: by position only those before it."""
    order = [item.name for item in subject.card.signature.fields]
    return name not in subject.card.signature.names or order.index(name) < order.index(missing)


@check()
def check_rejects_shape(subject: Subject) -> None:
    """A wrong number of dimensions, or of items, is refused."""
    inputs = subject.sample(71)
    plain = subject.plain is not None
    if plain and subject.n == 1:
        return  # a single row goes with anything, and does no harm
    for item, tensor in _fields(subject, inputs)[1:]:
        if all(shape.dims == ("n",) for shape in item.shapes):
            column = inputs.but(**{item.name: tensor.unsqueeze(1)})
            what = f"{item.name} of shape ({subject.n}, 1) beside ({subject.n},)"
            expect_rejected("rejects_shape", what, item.name, lambda s=column: subject(s), plain=plain)
    for index, (item, tensor) in enumerate(_fields(subject, inputs)):
        for shape in item.shapes:
            if (fixed := len(shape.before) + len(shape.after)) and shape.takes(tensor.dtype) and not plain:
                flat = inputs.but(**{item.name: torch.zeros((1,) * (fixed - 1), dtype=tensor.dtype)})
                if all(
                    fixed - 1 != len(s.dims) and (s.variadic is None or fixed - 1 < len(s.dims) - 1)
                    for s in item.shapes
                ):
                    what = f"{item.name} with {fixed - 1} dimensions"
                    expect_rejected("rejects_shape", what, item.name, lambda s=flat: subject(s))
        if index and subject.item_axes(item.name, tensor):
            axis = subject.item_axes(item.name, tensor)[0]
            longer = inputs.but(**{item.name: torch.cat([tensor, tensor.narrow(axis, 0, 1)], axis)})
            what = f"{item.name} with {subject.n + 1} items beside {subject.n}"
            expect_rejected("rejects_shape", what, item.name, lambda s=longer: subject(s), plain=plain)


@check(under_contract)
def check_rejects_dtype(subject: Subject) -> None:
    """A tensor of a kind of dtype that the annotation does not allow is named."""
    inputs = subject.sample(72)
    for item, tensor in _fields(subject, inputs):
        for dtype in (torch.float64, torch.int64, torch.bool):
            if not any(shape.takes(dtype) for shape in item.shapes):
                given = inputs.but(**{item.name: tensor.to(dtype)})
                expect_rejected("rejects_dtype", f"{item.name} of {dtype}", item.name, lambda s=given: subject(s))


@check(has_domains)
def check_rejects_values(subject: Subject) -> None:
    """A label outside the classes and a number outside the domain are refused."""
    for alternative in range(max(len(item.shapes) for item in subject.card.signature.fields)):
        inputs = subject.sample(73, optional=not subject.sampler, alternative=alternative)
        for item, tensor in _fields(subject, inputs):
            for bad in _bad_values(subject, item, tensor, inputs):
                spoiled = tensor.clone()
                spoiled[(0,) * spoiled.ndim] = bad
                given = inputs.but(**{item.name: spoiled})
                what = f"{item.name} with a value of {bad:g} ({DOMAINS[item.domain].phrase})"
                plain = subject.plain is not None
                expect_rejected("rejects_values", what, item.name, lambda s=given: subject(s), plain=plain)


def _bad_values(subject: Subject, item: Field, tensor: Tensor, inputs: Sample) -> tuple[float, ...]:
    if tensor.dtype is torch.bool or not tensor.numel() or (subject.plain is not None and item.domain != "labels"):
        return ()
    if item.domain == "labels":
        if tensor.is_floating_point():
            return (OUTSIDE["simplex"],)
        classes = _classes(subject, inputs)
        return (-7,) if classes is None else (-7, classes)
    if item.domain not in OUTSIDE:
        return ()
    return (OUTSIDE[item.domain] if tensor.is_floating_point() else math.ceil(OUTSIDE[item.domain]),)


def _classes(subject: Subject, inputs: Sample) -> int | None:
    sizes: dict[str, Any] = {}
    for item, tensor in _fields(subject, inputs):
        item.bind(tensor, sizes)
    return sizes.get("c")


@check(has_hyperparameters)
def check_rejects_hyperparameters(subject: Subject) -> None:
    """A hyper-parameter just outside its range or choices, NaN or text is named, by the function and the class."""
    for name, allowed in subject.card.ranges.items():
        for bad in outside(allowed):
            _refuse(subject, name, bad)


def _refuse(subject: Subject, name: str, bad: Any) -> None:
    base = subject.sample(74)
    given = subject.arguments or {}
    needed = {**options_for(subject.card, {**SIZES, "n": subject.n}, given), **base.options, **given}
    calls: dict[str, Callable[[], Any]] = {"the class": lambda: subject.card.criterion(**{**needed, name: bad})}  # type: ignore[misc]
    if subject.card.function is not None:
        calls["the function"] = lambda: subject(Sample(base.tensors, {**base.options, name: bad}))
    for where, call in calls.items():
        expect_rejected("rejects_hyperparameters", f"{name}={bad!r} given to {where}", name, call)


def outside(allowed: Range | Choice) -> list[Any]:
    """Values just outside a range or choice."""
    if isinstance(allowed, Choice):
        return ["no such choice"]
    found: list[Any] = ["text", math.nan]
    if allowed.low > -math.inf:
        closed = allowed.low - 1 if allowed.integer else math.nextafter(allowed.low, -math.inf)
        found.append(allowed.low if allowed.open in ("low", "both") else closed)
    if allowed.high < math.inf:
        closed = allowed.high + 1 if allowed.integer else math.nextafter(allowed.high, math.inf)
        found.append(allowed.high if allowed.open in ("high", "both") else closed)
    if allowed.integer:
        found.append(max(allowed.low, 0) + 0.5)
    return found


@check(under_contract)
def check_rejects_unknown(subject: Subject) -> None:
    """An unknown hyper-parameter and an unknown reduction are named."""
    inputs = subject.sample(75)
    if subject.card.function is not None:
        stray = Sample(inputs.tensors, {**inputs.options, "no_such_option": 1.0})
        expect_rejected("rejects_unknown", "no_such_option=1.0", "no_such_option", lambda: subject(stray))
    expect_rejected("rejects_unknown", "reduction='median'", "reduction", lambda: subject(inputs, reduction="median"))
    shared = {"reduction": "sum", "normalizer": 2.0}
    expect_rejected("rejects_unknown", f"{shared}", "normalizer", lambda: subject(inputs, **shared))


@check(under_contract, has_items)
def check_rejects_weight_and_mask(subject: Subject) -> None:
    """A negative weight, a mask that is not boolean, and shapes that do not fit are named."""
    inputs = subject.sample(76)
    ones = torch.ones(subject.n, dtype=torch.float64)
    bad = {
        "a negative weight": ("weight", torch.where(torch.arange(subject.n) == 0, -1.0, ones)),
        "a weight of n + 1 numbers": ("weight", torch.ones(subject.n + 1, dtype=torch.float64)),
        "a weight that is a list": ("weight", [1.0] * subject.n),
        "a floating mask": ("mask", ones),
        "a mask of n + 1 places": ("mask", torch.ones(subject.n + 1, dtype=torch.bool)),
    }
    for what, (name, value) in bad.items():
        expect_rejected("rejects_weight_and_mask", what, name, lambda n=name, v=value: subject(inputs, **{n: v}))
