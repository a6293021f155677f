"""Checks of what a loss does to its inputs: it changes none, and their layout or history changes no value."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from perdita.testing.registry import (
    ConformanceError,
    at,
    check,
    expect_gradients,
    expect_same,
    has_items,
    under_contract,
)
from perdita.testing.subject import Subject


def is_plain(subject: Subject) -> str:
    """Applies to losses that are not perdita's, of which a warning does not fail every other check."""
    return "any check of a perdita loss fails on a warning" if subject.plain is None else ""


@check(is_plain, shrinks=False)
def check_silent(subject: Subject) -> None:
    """A call on a usual input warns of nothing."""
    if subject.plain and subject.plain.warns:
        raise ConformanceError("silent", " ".join(" ".join(subject.plain.warns).split()))


@check()
def check_inputs_unchanged(subject: Subject) -> None:
    """No input is changed in place, neither forward nor backward."""
    inputs = subject.sample(60)
    if subject.plain and subject.plain.changes:
        raise ConformanceError("inputs_unchanged", f"{subject.plain.changes} is changed in place{at(inputs)}")
    contracts: list[dict[str, Tensor]] = [{}]
    if not (has_items(subject) or under_contract(subject)):  # with a mask the contract itself makes copies
        weight = torch.linspace(0.5, 1.5, subject.n, dtype=torch.float64)
        contracts.append({"weight": weight, "mask": torch.arange(subject.n) != 1})
    for contract in contracts:
        watched = {**inputs.tensors, **contract}
        before = {name: (tensor.clone(), tensor._version) for name, tensor in watched.items()}
        leaves = {name: inputs.tensors[name].clone().requires_grad_() for name in subject.differentiable(inputs)}
        try:
            subject(inputs.but(**leaves), **contract).backward()
        except RuntimeError as error:
            if "in-place" not in str(error):
                raise
            raise ConformanceError("inputs_unchanged", f"{error}{at(inputs)}") from error
        subject(inputs, **contract)
        for name, tensor in {**watched, **leaves}.items():
            copy, _ = before[name]
            if not torch.equal(tensor, copy) or (name not in leaves and tensor._version != before[name][1]):
                raise ConformanceError("inputs_unchanged", f"{name} is changed in place{at(inputs)}")
        for name in leaves:
            if inputs.tensors[name]._version != before[name][1]:
                raise ConformanceError("inputs_unchanged", f"{name} is changed in place{at(inputs)}")


@check()
def check_requires_grad(subject: Subject) -> None:
    """The value is the same whether a gradient is asked for or not."""
    inputs = subject.sample(61)
    leaves = {name: inputs.tensors[name].clone().requires_grad_() for name in subject.differentiable(inputs)}
    for reduction in ("none", "mean"):
        expected = subject(inputs, reduction=reduction)
        found = subject(inputs.but(**leaves), reduction=reduction)
        if not found.requires_grad:
            raise ConformanceError("requires_grad", f"the value is cut off from {', '.join(leaves)}{at(inputs)}")
        expect_same("requires_grad", "the value of inputs that require a gradient", found, expected, inputs, within=0.0)
        with torch.no_grad():
            without = subject(inputs.but(**leaves), reduction=reduction)
        expect_same("requires_grad", "the value under no_grad", without, expected, inputs, within=0.0)


@check()
def check_noncontiguous(subject: Subject) -> None:
    """Strided and transposed inputs give the value and gradient of contiguous ones."""
    for variant, layout in itertools.product(subject.variants, (_strided, _transposed)):
        inputs = subject.sample(62, **variant)
        expected, gradients = subject.gradients(inputs)
        given = inputs.but(**{name: layout(tensor) for name, tensor in inputs.tensors.items()})
        leaves = {name: given.tensors[name].requires_grad_() for name in subject.differentiable(given)}
        value = subject(given.but(**leaves))
        found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True, materialize_grads=True)
        what = f"of {layout.__name__.removeprefix('_')} inputs"
        expect_same("noncontiguous", f"the value {what}", value, expected, inputs)
        expect_gradients("noncontiguous", what, dict(zip(leaves, found, strict=True)), gradients, inputs)


def _strided(tensor: Tensor) -> Tensor:
    return torch.stack([tensor, tensor], -1)[..., 0]


def _transposed(tensor: Tensor) -> Tensor:
    return tensor.transpose(0, -1).contiguous().transpose(0, -1) if tensor.ndim else tensor.clone()
