"""Checks of the reduction: identities, empty sets, further dimensions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from perdita.testing.registry import ConformanceError, at, check, expect_same, has_items
from perdita.testing.row_checks import has_labels, takes_mask
from perdita.testing.sample import Sample, shape_of
from perdita.testing.subject import Subject

EXTRA = (2, 3)


def has_variadic(subject: Subject) -> str:
    """Applies to losses with a variadic dimension."""
    variadic = any(shape.variadic for item in subject.card.signature.fields for shape in item.shapes)
    if subject.sampler:
        return "its inputs come from a sampler of its own, without further dimensions"
    return "" if variadic else "it has no variadic dimension"


def has_reductions(subject: Subject) -> str:
    """Applies where there is more than one reduction to compare."""
    if subject.plain is None or subject.plain.reduces:
        return ""
    return "it has no reduction of its own" if subject.card.signature.level == "item" else "it gives one number only"


def _extras(subject: Subject) -> tuple[tuple[int, ...], ...]:
    return ((),) if has_variadic(subject) else ((), (2,), EXTRA)


@check(has_reductions)
def check_reductions(subject: Subject) -> None:
    """sum, mean and batchmean are those of the values, and the values have the annotated shape."""
    if subject.plain is not None:
        return _expect_own_reductions(subject)
    for extra in _extras(subject):
        inputs = subject.sample(40, extra=extra)
        values = subject(inputs, reduction="none")
        _expect_shape(subject, inputs, values, extra)
        total = subject(inputs, reduction="sum")
        count = _count(subject, inputs, values)
        expect_same("reductions", "the sum", total, values.sum(), inputs)
        expect_same("reductions", f"the mean over a count of {count.item():g}", subject(inputs), total / count, inputs)
        items = max(values.shape[1:].numel(), 1) if values.ndim else 1
        expect_same(
            "reductions", "the batchmean", subject(inputs, reduction="batchmean"), total * items / count, inputs
        )
        divided = subject(inputs, normalizer=3.0)
        expect_same("reductions", "the mean with normalizer=3", divided, total / 3, inputs)
    return None


def _expect_own_reductions(subject: Subject) -> None:
    inputs = subject.sample(40)
    values = subject(inputs, reduction="none")
    expect_same("reductions", "the sum", subject(inputs, reduction="sum"), values.sum(), inputs)
    expect_same("reductions", "the mean", subject(inputs, reduction="mean"), values.mean(), inputs)


def _expect_shape(subject: Subject, inputs: Sample, values: Tensor, extra: tuple[int, ...]) -> None:
    sizes: dict[str, int] = {}
    for item in subject.card.signature.fields:
        if item.name in inputs.tensors:
            shape_of(item, inputs.tensors[item.name]).bind(inputs.tensors[item.name], sizes)
    expected: tuple[int, ...] = ()
    for dim in subject.card.signature.returns.dims:
        expected += tuple(sizes[dim]) if dim.startswith("*") else ((int(dim) if dim.isdigit() else sizes[dim]),)
    if tuple(values.shape) != expected:
        annotated = ", ".join(subject.card.signature.returns.dims)
        raise ConformanceError(
            "reductions", f"the values have shape {tuple(values.shape)}, but ({annotated}) is {expected}{at(inputs)}"
        )


def _count(subject: Subject, inputs: Sample, values: Tensor) -> Tensor:
    """The mean's denominator: the number of values, or what the loss itself returns as counts."""
    own = subject.card.per_example if subject.card.function else subject.module(values.dtype).per_example
    options = {**inputs.options, **subject.randomness()} if subject.card.function else {}
    found = own(**inputs.tensors, **options)
    if isinstance(found, tuple):
        return found[1].to(values.dtype).expand_as(values).sum()
    return torch.tensor(float(values.numel()), dtype=values.dtype)


@check()
def check_empty(subject: Subject) -> None:
    """A batch of no items is exactly 0, connected to the graph, with a gradient of zeros."""
    for reduction in subject.reductions:
        _expect_zero(subject, "empty", subject.sample(41, n=0), reduction)
    if not has_items(subject):
        values = subject(subject.sample(41, n=0), reduction="none")
        if values.numel():
            raise ConformanceError("empty", f"no items give values of shape {tuple(values.shape)}")


def leaves_out(subject: Subject) -> str:
    """Applies to losses that take a mask, and to plain ones that leave out items by their labels."""
    return takes_mask(subject) if subject.plain is None else has_labels(subject)


@check(leaves_out)
def check_all_masked(subject: Subject) -> None:
    """A batch whose items are all masked is exactly 0, connected to the graph, with a gradient of zeros.

    The items of a plain loss are left out by its ignore_index.
    """
    if subject.plain is not None:
        labels = subject.card.signature.fields[1].name
        inputs = subject.sample(42)
        ignored = inputs.but(**{labels: torch.full_like(inputs.tensors[labels], -100)})
        return _expect_zero(subject, "all_masked", ignored, "mean", ignore_index=-100)
    mask = torch.zeros(subject.n, dtype=torch.bool)
    for reduction in ("mean", "sum", "batchmean"):
        _expect_zero(subject, "all_masked", subject.sample(42), reduction, mask=mask)
    return None


def _expect_zero(subject: Subject, name: str, inputs: Sample, reduction: str, **call: Any) -> None:
    names = subject.differentiable(inputs)
    leaves = {key: inputs.tensors[key].clone().requires_grad_() for key in names}
    value = subject(inputs.but(**leaves), reduction=reduction, **call)
    what = f"with reduction={reduction!r}"
    if value.ndim or value.item() != 0:
        raise ConformanceError(name, f"the value {what} is {value.tolist()}, expected exactly 0{at(inputs)}")
    if not value.requires_grad:
        raise ConformanceError(name, f"the value {what} is a constant, cut off from the graph{at(inputs)}")
    value.backward()
    first = leaves.get(subject.first.name, next(iter(leaves.values())))
    if first.grad is None:
        raise ConformanceError(name, f"no gradient reaches {subject.first.name} {what}{at(inputs)}")
    for key, leaf in leaves.items():
        if leaf.grad is not None and not (leaf.grad == 0).all():
            raise ConformanceError(name, f"the gradient of {key} {what} is not zero{at(inputs)}")


@check(has_variadic)
def check_extra_dims(subject: Subject) -> None:
    """Further dimensions: each place of the values is the loss of that place; a mask of values leaves places out."""
    for extra in ((2,), EXTRA):
        inputs = subject.sample(43, extra=extra)
        values = subject(inputs, reduction="none")
        if subject.card.signature.returns.variadic is None:
            continue  # it sums over the further dimensions; their shape is checked by the reductions
        for index in torch.cartesian_prod(*map(torch.arange, extra)).view(-1, len(extra)).tolist():
            place = inputs.but(**{name: _place(subject, name, t, index) for name, t in inputs.tensors.items()})
            leading = subject.card.signature.returns.before or (0,)
            found = values[(slice(None),) * len(leading) + tuple(index)]
            expect_same(
                "extra_dims", f"the values at {index} of {extra}", found, subject(place, reduction="none"), place
            )
        mask = torch.rand(values.shape, generator=torch.Generator().manual_seed(3)) > 0.4
        total = subject(inputs, mask=mask, reduction="sum")
        expect_same("extra_dims", "the sum with a mask of values", total, torch.where(mask, values, 0.0).sum(), inputs)


def _place(subject: Subject, name: str, tensor: Tensor, index: list[int]) -> Tensor:
    item = next(item for item in subject.card.signature.fields if item.name == name)
    shape = shape_of(item, tensor)
    if shape.variadic is None:
        return tensor
    before = len(shape.before) or 1
    return tensor[(slice(None),) * before + tuple(index)]
