"""Checks of what a loss does to its inputs: it changes none, and their layout or history changes no value."""

from __future__ import annotations

import torch
from torch import Tensor

from perdita.testing.registry import ConformanceError, at, check, expect_gradients, expect_same, has_items
from perdita.testing.subject import Subject


@check()
def check_inputs_unchanged(subject: Subject) -> None:
    """No input is changed in place, neither forward nor backward."""
    inputs = subject.sample(60)
    contract = {} if has_items(subject) else {
        "weight": torch.rand(subject.n, dtype=torch.float64), "mask": torch.arange(subject.n) != 1
    }  # fmt: skip
    watched = {**inputs.tensors, **contract}
    before = {name: (tensor.clone(), tensor._version) for name, tensor in watched.items()}
    leaves = {name: inputs.tensors[name].detach().requires_grad_() for name in subject.differentiable(inputs)}
    try:
        subject(inputs.but(**leaves), **contract).backward()
    except RuntimeError as error:
        if "in-place" not in str(error):
            raise
        raise ConformanceError("inputs_unchanged", f"{error}{at(inputs)}") from error
    subject(inputs, **contract)
    for name, tensor in watched.items():
        copy, version = before[name]
        if tensor._version != version or not torch.equal(tensor, copy):
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
    inputs = subject.sample(62)
    expected, gradients = subject.gradients(inputs)
    for layout in (_strided, _transposed):
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
