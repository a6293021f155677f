"""Checks of the module form: equal to the function, and the same after every way of storing it."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import torch
from torch import Tensor, nn

from perdita.core.card import Choice, Range
from perdita.core.catalogue import build
from perdita.testing.registry import (
    ConformanceError,
    check,
    expect_gradients,
    expect_same,
    has_items,
    under_contract,
)
from perdita.testing.sample import SIZES, Sample, construct, inside, options_for
from perdita.testing.subject import Subject


def is_function(subject: Subject) -> str:
    """Applies to losses that exist both as a function and as a module."""
    return "" if subject.card.function is not None else "it exists only as a class"


def other_options(subject: Subject) -> dict[str, Any]:
    """A value other than the default for each hyper-parameter with a range, so that a lost one is noticed."""
    found = options_for(subject.card, {**SIZES, "n": subject.n}, subject.arguments or ())
    for name, allowed in subject.card.ranges.items():
        default = subject.card.signature.defaults[name]
        if isinstance(allowed, Choice):
            found[name] = next((value for value in allowed.values if value != default), default)
        elif isinstance(allowed, Range) and not isinstance(default, list | tuple):
            found[name] = next((v for v in (inside(allowed, 0.3), inside(allowed, 0.7)) if v != default), default)
    return found


def has_module(subject: Subject) -> str:
    """Applies to perdita's losses, each of which is a module too, and to other modules."""
    return "it is a function" if subject.plain and subject.plain.module is None else ""


def _module(subject: Subject, **options: Any) -> Any:
    if subject.plain is not None:
        return copy.deepcopy(subject.plain.module).double()  # type: ignore[union-attr]
    given = subject.arguments or {}
    return construct(subject.card, {**options_for(subject.card, SIZES, given), **given, **options}).double()


def _changed(subject: Subject) -> tuple[Any, dict[str, Any]]:
    """A module with every hyper-parameter away from its default, or as its own arguments say."""
    options = {} if subject.arguments or subject.plain else other_options(subject)
    try:
        return _module(subject, **options), options
    except ValueError:  # the changed values do not go together; the loss's own tests cover such pairs
        return _module(subject), {}


def _value(subject: Subject, module: nn.Module, inputs: Sample, **contract: Any) -> Tensor:
    positional, named = subject.split(inputs.tensors)
    return module(*positional, **named, **contract)


@check(under_contract, is_function)
def check_module_equals_function(subject: Subject) -> None:
    """The module gives the function's value and gradient, for each reduction, with weight and mask."""
    inputs = subject.sample(90)
    module, options = _changed(subject)
    given = Sample(inputs.tensors, {**inputs.options, **options})
    contracts: list[dict[str, Any]] = [{}]
    if not has_items(subject):
        contracts.append({"weight": torch.linspace(0.5, 1.5, subject.n).double(), "mask": torch.arange(subject.n) != 2})
    names = subject.differentiable(inputs)
    for reduction in ("none", "mean", "sum", "batchmean"):
        for contract in contracts:
            module.reduction = reduction
            expected, eager = subject.gradients(given, reduction=reduction, **contract)
            leaves = {name: inputs.tensors[name].clone().requires_grad_() for name in names}
            value = _value(subject, module, inputs.but(**leaves), **contract)
            found = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True, materialize_grads=True)
            what = f"of the module with {options}, reduction={reduction!r} and {sorted(contract)}"
            expect_same("module_equals_function", f"the value {what}", value, expected, given)
            expect_gradients("module_equals_function", what, dict(zip(names, found, strict=True)), eager, given)


def _expect_equal(subject: Subject, name: str, what: str, stored: Any, module: Any) -> None:
    inputs = subject.sample(91)
    expect_same(
        name,
        f"the value of the module {what}",
        _value(subject, stored, inputs),
        _value(subject, module, inputs),
        inputs,
    )
    if repr(stored) != repr(module):
        raise ConformanceError(name, f"the module {what} shows itself as {stored!r}, before as {module!r}")


@check(has_module)
def check_pickle(subject: Subject) -> None:
    """A module comes back from pickle equal."""
    module, _ = _changed(subject)
    _expect_equal(subject, "pickle", "from pickle", pickle.loads(pickle.dumps(module)), module)


@check(has_module)
def check_deepcopy(subject: Subject) -> None:
    """A deep copy of a module is equal and shares no parameter."""
    module, _ = _changed(subject)
    twin = copy.deepcopy(module)
    _expect_equal(subject, "deepcopy", "from deepcopy", twin, module)
    shared = {p.data_ptr() for p in module.parameters()} & {p.data_ptr() for p in twin.parameters()}
    if shared:
        raise ConformanceError("deepcopy", "the copy shares parameters with the original")


@check(has_module)
def check_state_dict(subject: Subject) -> None:
    """A module whose parameters and buffers are loaded from a saved state is equal."""
    module, options = _changed(subject)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.01 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(2), dtype=parameter.dtype
            )
    stored = io.BytesIO()
    torch.save(module.state_dict(), stored)
    stored.seek(0)
    twin = _module(subject, **options)
    twin.load_state_dict(torch.load(stored, weights_only=True))
    _expect_equal(subject, "state_dict", "with a loaded state", twin, module)


@check(under_contract)
def check_config(subject: Subject) -> None:
    """A module built from another's configuration is equal, and has the same configuration."""
    module, options = _changed(subject)
    config = module.to_config()
    twin = build(config).double()
    if twin.to_config() != config:
        raise ConformanceError("config", f"the configuration {config} comes back as {twin.to_config()}")
    for name, value in options.items():
        if config.get(name) != value:
            raise ConformanceError("config", f"{name}={value!r} is {config.get(name)!r} in the configuration {config}")
    twin.load_state_dict(module.state_dict())
    _expect_equal(subject, "config", "built from its configuration", twin, module)


@check(under_contract)
def check_repr(subject: Subject) -> None:
    """repr shows the class and every hyper-parameter."""
    module, options = _changed(subject)
    text = repr(module)
    wanted = [type(module).__name__, *(f"{name}={value!r}" for name, value in options.items())]
    if missing := [part for part in wanted if part not in text]:
        raise ConformanceError("repr", f"{text!r} does not show {', '.join(missing)}")
