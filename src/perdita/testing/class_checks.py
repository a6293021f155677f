"""Checks of classes: a masked class is a deleted column, a class weight scales the values of its class."""

from __future__ import annotations

from typing import Any

import torch

from perdita.testing.object_checks import other_options
from perdita.testing.registry import check, expect_gradients, expect_same, takes
from perdita.testing.sample import Sample, shape_of
from perdita.testing.subject import Subject


@check(takes("class_mask"))
def check_class_mask(subject: Subject) -> None:
    """A masked class is a deleted column: the same value, the same gradient elsewhere, none in the column."""
    for options in ({}, other_options(subject)) if subject.card.function else ({},):
        _expect_deleted(subject, options)


def _expect_deleted(subject: Subject, options: dict[str, Any]) -> None:
    full = subject.sample(50, optional=True)  # its class mask leaves out the last class, which is no target
    full = Sample(full.tensors, {**full.options, **options})
    inputs = full.but(**{item.name: None for item in subject.card.signature.fields if item.optional})
    classes = full.tensors["class_mask"].shape[1 if full.tensors["class_mask"].ndim > 1 else 0]
    kept = torch.arange(classes - 1)
    vector = torch.arange(classes) < classes - 1
    deleted = inputs.but(**{name: _columns(subject, name, inputs, kept) for name in inputs.tensors})
    for mask in (full.tensors["class_mask"], vector):
        given = inputs.but(class_mask=mask)
        if not _allowed(subject, given):
            continue
        for reduction in ("mean", "sum"):
            found, gradients = subject.gradients(given, reduction=reduction)
            expected, parts = subject.gradients(deleted, reduction=reduction)
            what = f"with the last class masked and reduction={reduction!r}, against its column deleted,"
            expect_same("class_mask", f"the value {what}", found, expected, given)
            padded = {}
            for name, gradient in parts.items():
                axis = _class_axis(subject, name, inputs)
                padded[name] = gradient
                if axis is not None:
                    shape = list(gradient.shape)
                    shape[axis] = 1
                    padded[name] = torch.cat([gradient, torch.zeros(shape, dtype=gradient.dtype)], axis)
            expect_gradients("class_mask", what, gradients, padded, given)


def _allowed(subject: Subject, given: Sample) -> bool:
    item = next(item for item in subject.card.signature.fields if item.name == "class_mask")
    return any(len(shape.dims) - bool(shape.variadic) == given.tensors["class_mask"].ndim for shape in item.shapes)


def _class_axis(subject: Subject, name: str, inputs: Sample) -> int | None:
    item = next(item for item in subject.card.signature.fields if item.name == name)
    dims = shape_of(item, inputs.tensors[name]).dims
    return dims.index("c") if "c" in dims else None


def _columns(subject: Subject, name: str, inputs: Sample, kept: torch.Tensor) -> torch.Tensor:
    axis = _class_axis(subject, name, inputs)
    tensor = inputs.tensors[name]
    if axis is None:
        return tensor
    tensor = tensor.index_select(axis, kept)
    item = next(item for item in subject.card.signature.fields if item.name == name)
    soft = item.domain in ("simplex", "labels") and tensor.is_floating_point()
    if soft and name.startswith("target"):
        return tensor / tensor.sum(axis, keepdim=True).where(
            tensor.sum(axis, keepdim=True) > 0, torch.ones(()).double()
        )
    return tensor


@check(takes("class_weight"))
def check_class_weight(subject: Subject) -> None:
    """Class weights of 1 change nothing, doubled ones double the values, and a label's weight scales its value."""
    inputs = subject.sample(51)
    full = subject.sample(51, optional=True)
    weight = torch.linspace(0.5, 2.0, full.tensors["class_weight"].numel(), dtype=torch.float64)
    ones = inputs.but(class_weight=torch.ones_like(weight))
    for reduction in ("none", "mean", "sum"):
        expected = subject(inputs, reduction=reduction)
        expect_same(
            "class_weight",
            f"the loss with class weights of 1 and {reduction=}",
            subject(ones, reduction=reduction),
            expected,
            ones,
        )
    given = inputs.but(class_weight=weight)
    found = subject(given, reduction="none")
    doubled = subject(inputs.but(class_weight=2 * weight), reduction="none")
    expect_same("class_weight", "the values with doubled class weights", doubled, 2 * found, given)
    labels = subject.card.signature.labels
    if labels is not None and not inputs.tensors[labels.name].is_floating_point():
        expected = weight[inputs.tensors[labels.name]] * subject(inputs, reduction="none")
        expect_same("class_weight", "the values with class weights", found, expected, given)
