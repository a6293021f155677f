"""Checks of a batch: what an item, a weight, a mask and an ignored label mean."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from perdita.core.signature import Field
from perdita.testing.registry import ConformanceError, at, check, expect_gradients, expect_same, has_items, is_rowwise
from perdita.testing.sample import Sample
from perdita.testing.subject import Subject

REDUCED = ("mean", "sum")


def takes_weight(subject: Subject) -> str:
    """Applies where a weight stands for copies of an item: each value is its own row's, or the loss takes weights."""
    if subject.plain is not None:
        return "it takes no weight of an item"
    if "weight" in subject.card.signature.takes and subject.card.signature.level == "batch":
        return ""
    return has_items(subject) or is_rowwise(subject)


def takes_mask(subject: Subject) -> str:
    """Applies to losses with a value for each item, and to others that take a mask."""
    if subject.plain is not None:
        return "it takes no mask"
    return "" if "mask" in subject.card.signature.takes else has_items(subject)


def _labels(subject: Subject) -> Field | None:
    """The integer labels; a plain loss of one number may leave out items too."""
    plain = (item for item in subject.card.signature.fields if item.domain == "labels") if subject.plain else ()
    return subject.card.signature.labels or next(iter(plain), None)


def has_labels(subject: Subject) -> str:
    """Applies to losses with one integer label for each value; a plain loss must have an ``ignore_index``."""
    if subject.plain is not None and not subject.plain.ignores:
        return "it has no ignore_index"
    labels = _labels(subject)
    first = subject.sample().tensors.get(labels.name) if labels else None
    return "" if first is not None and not first.is_floating_point() else "it has no integer label for each value"


@check(has_items)
def check_rowwise(subject: Subject) -> None:
    """A card says truly whether a value depends on its own row alone."""
    depends = None
    for seed in range(4):
        inputs, other = subject.sample(10 + seed, n=4), subject.sample(20 + seed, n=4)
        kept = torch.tensor([0, 5, 6, 7])
        mixed = subject.take(_joined(subject, inputs, other), kept)
        before, after = subject(inputs, reduction="none")[0], subject(mixed, reduction="none")[0]
        alone = subject(subject.take(inputs, torch.tensor([0])), reduction="none")[0]
        if not (
            torch.allclose(before, after, rtol=1e-9, atol=1e-12)
            and torch.allclose(before, alone, rtol=1e-9, atol=1e-12)
        ):
            depends = mixed
    if subject.card.rowwise and depends is not None:
        raise ConformanceError("rowwise", f"the first value depends on other rows; declare rowwise=False{at(depends)}")
    if not subject.card.rowwise and depends is None:
        raise ConformanceError("rowwise", "the card says rowwise=False, but no value was seen to depend on other rows")


def _joined(subject: Subject, left: Sample, right: Sample) -> Sample:
    """Two samples below each other; what belongs to no row comes from the first."""
    tensors = {}
    for name, tensor in left.tensors.items():
        axes = subject.item_axes(name, tensor)
        if len(axes) == 1:
            tensors[name] = torch.cat([tensor, right.tensors[name]], axes[0])
        elif axes:  # a relation between items: no item of one sample knows one of the other, but by repetition
            tensors[name] = tensor.repeat([2 if axis in axes else 1 for axis in range(tensor.ndim)])
        else:
            tensors[name] = tensor
    return left.but(**tensors)


@check(takes_weight)
def check_weight_equals_copies(subject: Subject) -> None:
    """Weight k is the same as k copies of an item, and weight 0 as none; for the mean and the sum."""
    inputs = subject.sample(30)
    copies = torch.tensor([2, 1, 3, 0, 1, 2])[: subject.n]
    repeated = torch.arange(subject.n).repeat_interleave(copies)
    for reduction in REDUCED:
        weight = copies.double()
        found, gradients = subject.gradients(inputs, weight=weight, reduction=reduction)
        expected, parts = subject.gradients(subject.take(inputs, repeated), reduction=reduction)
        what = f"with weight={copies.tolist()} and reduction={reduction!r}"
        expect_same("weight_equals_copies", f"the value {what}", found, expected, inputs)
        summed = {name: _summed(subject, name, inputs, gradient, repeated) for name, gradient in parts.items()}
        expect_gradients("weight_equals_copies", what, gradients, summed, inputs)


def _summed(subject: Subject, name: str, inputs: Sample, gradient: Tensor, rows: Tensor) -> Tensor:
    """Gradients of taken rows, added up where they came from."""
    for axis in subject.item_axes(name, inputs.tensors[name]):
        shape = list(gradient.shape)
        shape[axis] = subject.n
        gradient = torch.zeros(shape, dtype=gradient.dtype).index_add(axis, rows, gradient)
    return gradient


@check(takes_mask)
def check_masked_equals_removed(subject: Subject) -> None:
    """A masked item is as if it were not there, and a NaN in it reaches neither the value nor a gradient."""
    mask = torch.tensor([True, False, True, True, False, True])[: subject.n]
    for variant, reduction in itertools.product(subject.variants, REDUCED):
        inputs = subject.sample(31, **variant)
        spoiled = _spoil(subject, inputs, (~mask).nonzero().flatten())
        _expect_removed(subject, "masked_equals_removed", spoiled, inputs, mask, reduction, {"mask": mask})


@check(takes_mask)
def check_mask_zeroes_values(subject: Subject) -> None:
    """With reduction="none" a masked value is 0, and the others are those of the rest."""
    if has_items(subject):
        return
    inputs = subject.sample(32)
    mask = torch.tensor([True, True, False, True, False, True])[: subject.n]
    kept = mask.nonzero().flatten()
    values = subject(_spoil(subject, inputs, (~mask).nonzero().flatten()), mask=mask, reduction="none")
    expected = torch.zeros_like(values).index_copy(0, kept, subject(subject.take(inputs, kept), reduction="none"))
    expect_same("mask_zeroes_values", f"the values with mask={mask.tolist()}", values, expected, inputs)


@check(has_labels)
def check_ignore_index_equals_removed(subject: Subject) -> None:
    """An item whose label is ``ignore_index`` is as if it were not there, be the label outside the classes or not."""
    labels = _labels(subject)
    assert labels is not None
    for index in (-100, 0):
        inputs = subject.sample(33)
        target = inputs.tensors[labels.name]
        ignored = torch.arange(1, subject.n, 2)
        target = torch.where(target == index, 1, target).index_fill(0, ignored, index)
        given = inputs.but(**{labels.name: target})
        clean = inputs.but(**{labels.name: torch.where(target == index, 1, target)})
        kept = torch.ones(subject.n, dtype=torch.bool).index_fill(0, ignored, False)
        _expect_removed(subject, "ignore_index_equals_removed", given, clean, kept, "mean", {"ignore_index": index})
        _expect_removed(subject, "ignore_index_equals_removed", given, clean, kept, "sum", {"ignore_index": index})


def _spoil(subject: Subject, inputs: Sample, rows: Tensor) -> Sample:
    """NaN in the chosen rows of every floating argument."""
    spoiled = {}
    for name, tensor in inputs.tensors.items():
        for axis in subject.item_axes(name, tensor) if tensor.is_floating_point() else ():
            tensor = tensor.index_fill(axis, rows, torch.nan)
        spoiled[name] = tensor
    return inputs.but(**spoiled)


def _expect_removed(
    subject: Subject, name: str, given: Sample, clean: Sample, kept: Tensor, reduction: str, how: dict[str, object]
) -> None:
    rows = kept.nonzero().flatten()
    found, gradients = subject.gradients(given, reduction=reduction, **how)
    expected, parts = subject.gradients(subject.take(clean, rows), reduction=reduction)
    shown = ", ".join(f"{key}={value.tolist() if isinstance(value, Tensor) else value}" for key, value in how.items())
    what = f"with {shown} and reduction={reduction!r}, against those items removed,"
    expect_same(name, f"the value {what}", found, expected, given)
    summed = {key: _summed(subject, key, clean, gradient, rows) for key, gradient in parts.items()}
    expect_gradients(name, what, gradients, summed, given)


def adds_up(subject: Subject) -> str:
    """Applies to losses whose values are their own rows'; and to every plain loss, for it has not said otherwise."""
    return "" if subject.plain is not None else has_items(subject) or is_rowwise(subject)


@check(adds_up)
def check_shards_equal_whole(subject: Subject) -> None:
    """Shards of a batch with a shared normalizer add up to the value and gradient of the whole.

    A plain loss: shards weighed by their rows (or added, where it is a sum) give the value and gradient of the whole.
    """
    if subject.plain is not None:
        return _expect_accumulated(subject)
    inputs = subject.sample(34)
    whole, gradients = subject.gradients(inputs, normalizer=7.0)
    total, parts = torch.zeros_like(whole), {name: torch.zeros_like(g) for name, g in gradients.items()}
    cut = max(1, subject.n // 3)
    for rows in (torch.arange(cut), torch.arange(cut, subject.n)):
        value, found = subject.gradients(subject.take(inputs, rows), normalizer=torch.tensor(7.0))
        total = total + value
        parts = {name: parts[name] + _summed(subject, name, inputs, found[name], rows) for name in parts}
    expect_same("shards_equal_whole", "the sum over two shards", total, whole, inputs)
    expect_gradients("shards_equal_whole", "summed over two shards", parts, gradients, inputs)
    return None


def _expect_accumulated(subject: Subject) -> None:
    assert subject.plain is not None
    inputs = subject.sample(34, n=max(subject.n, 2))
    n = max(subject.n, 2)
    for reduction in subject.reductions:
        adds = reduction == "sum" or subject.plain.additive == "sum"
        whole, gradients = subject.gradients(inputs, reduction=reduction)
        total, parts = torch.zeros_like(whole), {name: torch.zeros_like(g) for name, g in gradients.items()}
        for rows in (torch.arange(max(1, n // 3)), torch.arange(max(1, n // 3), n)):
            share = 1.0 if adds else len(rows) / n
            value, found = subject.gradients(subject.take(inputs, rows), reduction=reduction)
            total = total + share * value
            parts = {k: parts[k] + share * _summed(subject, k, inputs, found[k], rows) for k in parts}
        what = f"{'sum' if adds else 'mean, weighed by their rows,'} of two micro-batches"
        expect_same("shards_equal_whole", f"the {what}", total, whole, inputs)
        expect_gradients("shards_equal_whole", f"from the {what}", parts, gradients, inputs)


@check()
def check_permutation(subject: Subject) -> None:
    """Reordering the items reorders the values, and changes no value of a whole batch."""
    inputs = subject.sample(35)
    order = torch.randperm(subject.n, generator=torch.Generator().manual_seed(1))
    found = subject(subject.take(inputs, order), reduction="none")
    expected = subject(inputs, reduction="none")
    expected = expected[order] if subject.card.signature.level == "item" else expected
    expect_same("permutation", f"the values of items in the order {order.tolist()}", found, expected, inputs)
