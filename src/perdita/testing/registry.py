"""The checks of the battery by name, and what a check says when a loss fails it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from perdita.testing.sample import Sample
from perdita.testing.subject import Subject

Applies = Callable[[Subject], str]  # the reason why a check says nothing about a loss, or "" where it does


class ConformanceError(AssertionError):
    """A loss breaks the contract: the check, what was seen, what was expected, and an input that shows it."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


@dataclass(frozen=True)
class Check:
    """One property of every loss.

    Args:
        name: as in a card's ``limits``.
        run: raises `ConformanceError` where a loss lacks the property.
        applies: each says why the check does not apply to a loss, or "" where it does.
        must_raise: a loss that declares this check as a limit must raise an error of its own: a wrong number without
            one is never an accepted limit.
        shrinks: a failure is worth repeating on fewer items.
    """

    name: str
    run: Callable[[Subject], None]
    applies: tuple[Applies, ...] = ()
    must_raise: bool = False
    shrinks: bool = True

    def reason_against(self, subject: Subject) -> str:
        """Why the check does not apply, or ""."""
        return next((reason for applies in self.applies if (reason := applies(subject))), "")


CHECKS: dict[str, Check] = {}


def check(
    *applies: Applies, must_raise: bool = False, shrinks: bool = True
) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register ``check_<name>`` under its name."""

    def register(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
        name = function.__name__.removeprefix("check_")
        if name in CHECKS:
            raise ValueError(f"a check named {name!r} exists already")
        CHECKS[name] = Check(name, function, applies, must_raise, shrinks)
        return function

    return register


def has_items(subject: Subject) -> str:
    """Applies to losses with a value for each item."""
    return "" if subject.card.signature.level == "item" else "it is one value for the whole batch"


def under_contract(subject: Subject) -> str:
    """Applies to losses made by @perdita.loss: it is their contract that asks for this."""
    return "" if subject.plain is None else "it is no perdita loss"


def is_rowwise(subject: Subject) -> str:
    """Applies to losses whose values depend on their own row alone (the check ``rowwise`` proves the card's claim)."""
    return "" if subject.card.rowwise else "its values depend on other rows"


def takes(name: str) -> Applies:
    """Applies to losses with an argument of this name."""

    def applies(subject: Subject) -> str:
        return "" if any(item.name == name for item in subject.card.signature.fields) else f"it takes no {name}"

    return applies


def tolerance(dtype: torch.dtype) -> float:
    """What rounding may add up to, relative to the largest number: 1e-11 in float64, 1e-5 in float32."""
    return float(torch.finfo(dtype).eps ** 0.7)


def expect_same(
    check: str, what: str, got: Tensor, expected: Tensor, inputs: Sample, *, within: float | None = None
) -> None:
    """Raise unless two tensors agree in shape and, relative to the largest number, in every element."""
    if got.shape != expected.shape:
        raise ConformanceError(
            check, f"{what} has shape {tuple(got.shape)}, expected {tuple(expected.shape)}{at(inputs)}"
        )
    if not got.numel():
        return
    common = torch.promote_types(got.dtype, expected.dtype)
    allowed = tolerance(common) if within is None else within
    scale = expected.detach().abs().amax().clamp(min=1.0)
    gap = (got.detach().to(common) - expected.detach().to(common)).abs()
    wrong = ~(gap <= allowed * scale)  # a NaN is wrong
    if wrong.any():
        index = tuple(wrong.nonzero()[0].tolist())
        where = f" at {list(index)}" if index else ""
        raise ConformanceError(
            check, f"{what} is {got[index].item():.9g}{where}, expected {expected[index].item():.9g}{at(inputs)}"
        )


def expect_gradients(
    check: str,
    what: str,
    got: dict[str, Tensor],
    expected: dict[str, Tensor],
    inputs: Sample,
    *,
    within: float | None = None,
) -> None:
    """`expect_same` for the gradient of each argument."""
    for name, gradient in expected.items():
        expect_same(check, f"the gradient of {name} {what}", got[name], gradient, inputs, within=within)


def at(inputs: Sample, limit: int = 400) -> str:
    """The end of a message: the input that shows the fault."""
    shown = ", ".join(f"{name}={_text(tensor)}" for name, tensor in inputs.tensors.items())
    options = "".join(f", {name}={value!r}" for name, value in inputs.options.items())
    text = shown + options
    return f"; input: {text if len(text) <= limit else text[:limit] + ' …'}"


def _text(tensor: Tensor) -> Any:
    if tensor.is_floating_point():
        return torch.round(tensor.detach().double(), decimals=4).tolist()
    return tensor.tolist()
