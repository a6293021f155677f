"""A loss run under the contract: check shapes, check values, widen half precision, leave out what is masked, reduce."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor

from perdita.core.card import Card
from perdita.core.domains import DOMAINS, check_finite, check_values
from perdita.core.errors import InputError
from perdita.core.numerics import HALF, widen
from perdita.core.reduction import align, check_reduction, reduce
from perdita.core.signature import Field, Signature, Sizes

_DEBUG: ContextVar[bool] = ContextVar("perdita_debug", default=False)
NO_LABEL = -0x3B9A_CA07_1CE5_0DD5  # which nobody means by a label: a kernel that may leave it out leaves out nothing
_LOOKED: set[str] = set()  # losses whose first logits were looked at
_peek = torch._C._functorch.peek_interpreter_stack  # the function transform within which we are, or None


@contextmanager
def debug(enabled: bool = True) -> Iterator[None]:
    """Within this context, values are checked on accelerators too (label range, domains, NaN), at the price of a
    device synchronisation for each loss. On the CPU they always are, outside compiled code and function transforms."""
    token = _DEBUG.set(enabled)
    try:
        yield
    finally:
        _DEBUG.reset(token)


def gather_tensors(card: Card, args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Name the tensor arguments of a call, moving those given by keyword out of ``named``."""
    names = card.signature.names
    if len(args) > len(names):
        raise InputError(f"{card.name} takes {len(names)} tensors by position, but {len(args)} came")
    tensors: dict[str, Any] = dict(zip(names, args))  # noqa: B905 (the argument costs as much as the dictionary)
    if named:
        for item in card.signature.fields:
            if item.name in named:
                if item.name in tensors:
                    raise InputError(f"{card.name} got {item.name} twice")
                tensors[item.name] = named.pop(item.name)
    for tensor in tensors.values():
        if tensor is None:
            return {name: tensor for name, tensor in tensors.items() if tensor is not None}
    return tensors


def apply(
    card: Card,
    per_example: Callable[..., Any],
    tensors: dict[str, Any],
    options: Mapping[str, Any],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Run a loss under the contract; the arguments are those of every public function."""
    signature = card.signature
    check_reduction(reduction, normalizer)
    compiling = torch.compiler.is_compiling()
    plan = _drawn(card, tensors) if compiling else _plan(card, tensors)
    sizes, eager = plan.sizes, not compiling and (plan.near or _DEBUG.get()) and _peek() is None
    plain = weight is None and mask is None and normalizer is None and (ignore_index is None or ignore_index < 0)
    if plain and eager and plan.screens and reduction != "batchmean" and card.name in _LOOKED and not _DEBUG.get():
        try:  # the labels are the only values that can be wrong, and the loss's kernel refuses them, ignored ones too
            values: Tensor = per_example(**tensors, **options, reduction=reduction, ignore_index=NO_LABEL)
            if _is_finite(values):
                return values
        except IndexError:
            pass  # said below, in our words
    if eager and _checked(card, tensors, plan, ignore_index, weight):
        ignored = None
    else:
        ignored = _ignored(card, tensors, ignore_index)
    inputs = {name: widen(tensor) for name, tensor in tensors.items()} if plan.narrow else dict(tensors)
    if ignored is not None and signature.labels is not None:
        name = signature.labels.name
        inputs[name] = inputs[name].masked_fill(ignored, 0)
        mask = ~ignored if mask is None else align(mask, ignored.shape, "mask") & ~ignored
    if mask is not None:
        mask = align(mask, _extents(signature.mask_dims, sizes), "mask")
    if plan.reduces and weight is None and normalizer is None and (mask is None or "mask" in signature.takes):
        own: dict[str, Any] = {"reduction": reduction if reduction in ("mean", "sum") else "none"}
        own |= {} if mask is None else {"mask": mask}
    else:
        own = {name: given for name, given in (("weight", weight), ("mask", mask)) if name in signature.takes}
    if signature.level == "batch":
        if (weight is not None and "weight" not in own) or (mask is not None and "mask" not in own):
            raise InputError(f"{card.name} is one value for the whole batch and takes no weight or mask")
        weight = mask = None
    elif mask is not None and "mask" not in own:
        inputs = _fill_masked(signature, inputs, sizes, mask)
    if torch._C._is_any_autocast_enabled():  # the inputs are wide already; autocast would narrow them again
        with torch.autocast(next(iter(inputs.values())).device.type, enabled=False):
            found: Tensor | tuple[Tensor, Tensor] = per_example(**inputs, **options, **own)
    else:
        found = per_example(**inputs, **options, **own)
    values, count = found if isinstance(found, tuple) else (found, None)
    if mask is not None and mask.ndim > values.ndim:
        mask = None  # finer than the values: the loss left those places out, and its counts say what remains
    if own.get("reduction", "none") == "none" or count is not None:
        values = reduce(values, weight=weight, mask=mask, reduction=reduction, normalizer=normalizer, count=count)
    if eager and not _is_finite(values):
        for name, tensor in inputs.items():
            if tensor.dtype.is_floating_point:
                check_finite(name, tensor)
    return values


class Plan(NamedTuple):
    """What the shapes and dtypes of a call say before its values are looked at."""

    sizes: Sizes
    looked: tuple[Field, ...]  # the arguments whose values can be wrong
    near: bool  # all lie on the CPU
    narrow: bool  # one is in half precision
    reduces: bool  # the loss can reduce for itself
    screens: bool  # its labels are all that can be wrong, and its kernel raises IndexError for all but one number


def _plan(card: Card, tensors: Mapping[str, Any]) -> Plan:
    try:
        return _plan_of(card, *[(name, x.shape, x.dtype, x.is_cpu) for name, x in tensors.items()])
    except (AttributeError, TypeError):  # not all are tensors: the binding names the one that is not
        return _drawn(card, tensors)


@functools.lru_cache(maxsize=4096)
def _plan_of(card: Card, *described: tuple[str, torch.Size, torch.dtype, bool]) -> Plan:
    like = {name: torch.empty(shape, dtype=dtype, device="meta") for name, shape, dtype, _ in described}
    return _drawn(card, like)._replace(near=all(near for *_, near in described))


def _drawn(card: Card, tensors: Mapping[str, Any]) -> Plan:
    sizes: Sizes = {}
    fields = [item for item in card.signature.fields if item.name in tensors or not item.optional]
    for item in fields:
        if item.name not in tensors:
            raise InputError(f"{card.name} needs {item.name}: {item.expected()}")
        item.bind(tensors[item.name], sizes)
    looked = tuple(item for item in fields if item.domain != "real")
    near = all(tensor.is_cpu for tensor in tensors.values())
    narrow = any(tensor.dtype in HALF for tensor in tensors.values())
    reduces = "reduction" in card.signature.takes and tensors[fields[0].name].numel() > 0
    integers = len(fields) == 2 and not narrow and not tensors[fields[1].name].is_floating_point()
    screens = integers and reduces and "ignore_index" in card.signature.takes
    return Plan(sizes, looked, near, narrow, reduces, screens)


def is_plain() -> bool:
    """Whether this is neither compiled code nor within a transform of ``torch.func``."""
    return not torch.compiler.is_compiling() and _peek() is None


def may_look(tensors: Mapping[str, Any]) -> bool:
    """Whether values may be read on the host: never in compiled code or under vmap/grad; on accelerators in debug."""
    return is_plain() and (all(tensor.is_cpu for tensor in tensors.values()) or _DEBUG.get())


def _ignored(card: Card, tensors: Mapping[str, Any], ignore_index: int | None) -> Tensor | None:
    if ignore_index is None:
        return None
    labels = card.signature.labels
    if labels is None or tensors[labels.name].dtype.is_floating_point:
        if ignore_index != card.ignore_index:
            raise InputError(f"{card.name}: ignore_index speaks of an integer target for each value; pass mask instead")
        return None
    return tensors[labels.name] == ignore_index  # type: ignore[no-any-return]


def _fill_masked(signature: Signature, inputs: dict[str, Tensor], sizes: Sizes, mask: Tensor) -> dict[str, Tensor]:
    """Put a harmless number where the mask says False, so that a NaN there reaches neither the value nor a gradient."""
    returned = _expanded(signature.returns.dims, sizes)
    filled = dict(inputs)
    for item in (item for item in signature.fields if item.name in inputs):
        tensor = inputs[item.name]
        dims = _expanded(next(shape for shape in item.shapes if shape.takes(tensor.dtype)).dims, sizes)
        if returned[0] not in dims:
            continue
        finer = [axis for axis, dim in enumerate(returned) if dim not in dims]  # than this field
        aligned = mask.any(finer) if finer else mask
        for axis, dim in enumerate(dims):
            if dim not in returned:
                aligned = aligned.unsqueeze(axis)
        fill = DOMAINS[item.domain].fill if tensor.is_floating_point() else 0
        filled[item.name] = tensor & aligned if tensor.dtype is torch.bool else torch.where(aligned, tensor, fill)
    return filled


def _is_finite(values: Tensor) -> bool:
    return math.isfinite((values if values.ndim == 0 else values.sum()).item())


def _extents(dims: tuple[str, ...], sizes: Sizes) -> tuple[int, ...]:
    return tuple(size for dim in dims for size in (sizes[dim] if dim[0] == "*" else (sizes[dim],)))


def _expanded(dims: tuple[str, ...], sizes: Sizes) -> tuple[str, ...]:
    names: list[str] = []
    for dim in dims:
        names += [f"{dim}{index}" for index in range(len(sizes.get(dim, ())))] if dim.startswith("*") else [dim]
    return tuple(names)


def _checked(
    card: Card, tensors: Mapping[str, Any], plan: Plan, ignore_index: int | None, weight: Tensor | None
) -> bool:
    """Raise `InputError` for values outside their domain; gives True where it is sure that no item is ignored."""
    none_ignored = ignore_index is None or (ignore_index < 0 and card.signature.labels is not None)
    for item in plan.looked:
        none_ignored &= check_values(item, tensors[item.name], plan.sizes, ignore_index)
    if weight is not None and isinstance(weight, Tensor) and weight.numel() and (least := weight.min().item()) < 0:
        raise InputError(f"weight must hold numbers >= 0; its smallest is {least:.6g}")
    if card.name not in _LOOKED or _DEBUG.get():
        _LOOKED.add(card.name)
        if "c" in plan.sizes and "logits" in tensors:
            _warn_of_probabilities(card.name, tensors["logits"].detach())
    return none_ignored


def _warn_of_probabilities(name: str, logits: Tensor) -> None:
    in_range = logits.numel() and logits.shape[1] > 1 and logits.min() >= 0 and logits.max() <= 1
    if in_range and ((logits.float().sum(1) - 1).abs() < 1e-5).all():
        warnings.warn(f"{name} expects logits, but these rows look like probabilities", stacklevel=5)
