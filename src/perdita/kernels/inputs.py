"""What a fused loss is given, checked and brought into rows: heads, row tensors, shared tensors, mask and weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.apply import is_plain, may_look
from perdita.core.domains import DOMAINS, check_values
from perdita.core.errors import InputError
from perdita.core.reduction import align, reduce
from perdita.core.signature import Field, Sizes
from perdita.kernels.row_loss import Head, RowLoss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


MASK = "mask"  # stands among the row tensors where each block fills what it leaves out


@dataclass(frozen=True, eq=False)
class Rows:
    """Everything with one row for each example, flattened to (n, …), and what all rows share."""

    loss: RowLoss
    heads: Mapping[str, Head]  # by the field that they give the logits of
    by_row: Mapping[str, Tensor]
    shared: Mapping[str, Tensor]
    leading: tuple[int, ...]  # shape of the values
    weight: Float[Tensor, "n"] | None
    mask: Bool[Tensor, "n"] | None  # False: masked or ignored
    plain: bool  # eager, under no transform
    looked: bool  # values may be read on the host

    @property
    def count(self) -> int:
        return math.prod(self.leading)

    def tensors(self) -> list[Tensor]:
        """Flat, in the order of `blocked.Plan`, learnable parameters of the loss last."""
        heads = [part for head in self.heads.values() for part in head[:3] if part is not None]
        return [*heads, *self.by_row.values(), *self.shared.values(), *self.loss.parameters.values()]

    def kept(self) -> tuple[Rows, Tensor | None]:
        """Without the rows that the mask leaves out, and the indices of those that stay.

        Where shapes may not depend on data (compiled code, transforms, accelerators) the rows stay, filled with
        harmless numbers, and their scale is zero. Logits stay as well, and are filled block by block: a copy of them
        would be as large as they are.
        """
        if self.mask is None:
            return self, None
        if self.looked and bool(self.mask.all()):
            return replace(self, mask=None), None
        if any(head.weight is None for head in self.heads.values()):
            return replace(self, by_row={**self.by_row, MASK: self.mask}), None
        if not self.looked:
            return self.filled(), None
        index = self.mask.nonzero().squeeze(1)
        rows = {name: tensor[index] for name, tensor in self.by_row.items()}
        heads = {name: head._replace(hidden=head.hidden[index]) for name, head in self.heads.items()}
        weight = None if self.weight is None else self.weight[index]
        return replace(self, heads=heads, by_row=rows, weight=weight, mask=None), index

    def filled(self) -> Rows:
        """With harmless numbers where the mask says False, so that a NaN there reaches neither value nor gradient."""
        if self.mask is None:
            return self
        hidden = self.fill({name: head.hidden for name, head in self.heads.items()}, self.mask)
        heads = {name: head._replace(hidden=hidden[name]) for name, head in self.heads.items()}
        return replace(self, heads=heads, by_row=self.fill(self.by_row, self.mask))

    def fill(self, fields: Mapping[str, Tensor], mask: Bool[Tensor, "n"]) -> dict[str, Tensor]:
        """Fields with a row for each example, with harmless numbers where the mask says False; others as they are."""
        domains = {item.name: item.domain for item in self.loss.card.signature.fields}
        filled = dict(fields)
        for name in [*self.heads, *self.by_row]:
            tensor = fields.get(name)
            if tensor is None:
                continue
            fill = DOMAINS[domains[name]].fill if tensor.is_floating_point() and name not in self.heads else 0
            aligned = mask.view(-1, *(1,) * (tensor.ndim - 1))
            filled[name] = tensor & aligned if tensor.dtype is torch.bool else torch.where(aligned, tensor, fill)
        return filled

    def spread(self, index: Tensor | None, values: Tensor) -> Tensor:
        """Values of the kept rows at their places among all rows, zeros elsewhere."""
        if index is None:
            return values
        return values.new_zeros(self.count, *values.shape[1:]).index_copy(0, index, values)

    def reduced(
        self, values: Tensor, counts: Tensor | None, reduction: str, normalizer: float | Tensor | None
    ) -> Tensor:
        """The contract's reduction of a value for each row."""
        parts = {"weight": self.weight, "mask": self.mask, "count": counts}
        shaped = {name: None if part is None else part.reshape(self.leading) for name, part in parts.items()}
        return reduce(values.reshape(self.leading), reduction=reduction, normalizer=normalizer, **shaped)

    def unreduced(self, values: Tensor) -> Tensor:
        """In the leading shape, 0 where the mask says False."""
        mask = None if self.mask is None else self.mask.reshape(self.leading)
        return reduce(values.reshape(self.leading), mask=mask, reduction="none")


def prepare(
    loss: RowLoss,
    head: Head,
    fields: Mapping[str, Any],
    *,
    shift: int,
    weight: Tensor | None,
    mask: Tensor | None,
    ignore_index: int | None,
    classes: int | None = None,
) -> Rows:
    """Check everything that comes in, cut it for the shift, and flatten the leading dimensions.

    ``classes`` is how many there are, where the head gives the logits of some of them alone.

    Raises:
        InputError: shapes, dtypes or values that do not fit.
    """
    first, *others = loss.card.signature.fields
    if head.weight is None:
        check_logits(first.name, head)
    else:
        check_head("hidden", "weight", head)
    full = tuple(head.hidden.shape[:-1])
    leading = (*full[:-1], max(full[-1] - shift, 0))
    heads = {first.name: _flat_head(head, leading)}
    by_row: dict[str, Tensor] = {}
    shared: dict[str, Tensor] = {}
    sizes: Sizes = {}
    first.bind(_like_logits(heads[first.name], classes), sizes)
    for item in others:
        value = fields.get(item.name)
        if value is None:
            if not item.optional:
                raise InputError(f"{loss.card.name} needs {item.name}: {item.expected()}")
        elif isinstance(value, tuple):
            heads[item.name] = _other_head(item, Head(*value), full, leading)
            item.bind(_like_logits(heads[item.name]), sizes)
        elif _has_rows(item, value):
            by_row[item.name] = _flat(item.name, value, full, leading)
            item.bind(by_row[item.name], sizes)
        else:
            item.bind(value, sizes)
            shared[item.name] = value
    given = {**by_row, **shared}
    every = {(name, part): own[part] for name, own in heads.items() for part in (0, 1) if own[part] is not None}
    looked = may_look({**every, **given})
    if looked:
        for item in others:
            if item.name in given and item.domain != "real":
                check_values(item, given[item.name], sizes, ignore_index)
        if weight is not None and isinstance(weight, Tensor) and weight.numel() and (least := weight.min().item()) < 0:
            raise InputError(f"example_weight must hold numbers >= 0; its smallest is {least:.6g}")
    keep = None if mask is None else _aligned("mask", mask, full, leading)
    own_weight = None if weight is None else _aligned("example_weight", weight, full, leading)
    labels = loss.card.signature.labels
    if ignore_index is not None and labels is not None and not by_row[labels.name].is_floating_point():
        ignored = by_row[labels.name] == ignore_index
        keep = ~ignored if keep is None else keep & ~ignored
        if not looked:
            by_row[labels.name] = by_row[labels.name].masked_fill(ignored, 0)
    elif ignore_index is not None and ignore_index != loss.card.ignore_index:
        raise InputError(f"{loss.card.name}: ignore_index speaks of an integer target, one for each row; pass mask")
    return Rows(loss, heads, by_row, shared, leading, own_weight, keep, is_plain(), looked)


def check_logits(name: str, head: Head) -> None:
    """Raise `InputError` unless hidden holds logits (*n, c)."""
    logits, softcap = head.hidden, head.softcap
    if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.ndim < 2:
        came = f"{logits.dtype} of shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(f"{name} must be a floating tensor of shape (*n, c), but came as {came}")
    check_softcap(softcap)


def check_softcap(softcap: float | None) -> None:
    """Raise `InputError` for a bound that bounds nothing."""
    if softcap is not None and not softcap > 0:
        raise InputError(f"softcap must be a number above 0, not {softcap!r}")


def check_head(hidden_name: str, weight_name: str, head: Head) -> None:
    """Raise `InputError` unless hidden (*n, d), weight (v, d) and bias (v,) fit each other."""
    hidden, weight, bias = head[:3]
    for name, tensor, dims in ((hidden_name, hidden, "(*n, d)"), (weight_name, weight, "(v, d)")):
        if not isinstance(tensor, Tensor):
            raise InputError(f"{name} must be a floating tensor of shape {dims}, not {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise InputError(f"{name} must be a floating tensor of shape {dims}, but came as {tensor.dtype}")
        if hasattr(tensor, "placements"):
            raise InputError(
                f"{name} is a DTensor, spread over ranks; call within the forward pass of the module that holds it, "
                f"where FSDP2 has gathered it, pass {name}.full_tensor(), or, where classes are spread, "
                f"{name}.to_local() to vocabulary_parallel_linear"
            )
    if weight.ndim != 2 or hidden.ndim < 2 or hidden.shape[-1] != weight.shape[1]:
        raise InputError(
            f"{hidden_name} must have shape (*n, d) and {weight_name} (v, d) with one d, but they came as "
            f"{tuple(hidden.shape)} and {tuple(weight.shape)}"
        )
    if bias is not None and (not isinstance(bias, Tensor) or tuple(bias.shape) != (weight.shape[0],)):
        found = tuple(bias.shape) if isinstance(bias, Tensor) else type(bias).__name__
        raise InputError(f"bias must have shape ({weight.shape[0]},), one for each row of {weight_name}, not {found}")
    dtypes = [tensor.dtype for tensor in (hidden, weight, bias) if tensor is not None]
    if len(set(dtypes)) > 1 and not torch.is_autocast_enabled(hidden.device.type):
        raise InputError(
            f"{hidden_name}, {weight_name} and bias must have one dtype, but came as {', '.join(map(str, dtypes))}; "
            "convert one of them, or run under torch.autocast"
        )
    devices = {str(tensor.device) for tensor in (hidden, weight, bias) if tensor is not None}
    if len(devices) > 1:
        raise InputError(f"{hidden_name}, {weight_name} and bias must be on one device, but are on {sorted(devices)}")
    check_softcap(head.softcap)


def _flat_head(head: Head, leading: tuple[int, ...]) -> Head:
    """Rows in one dimension, the shifted ones left out, and autocast's dtype where it is on."""
    hidden, weight, bias, softcap = head
    if leading[-1] != hidden.shape[-2]:
        hidden = hidden.narrow(-2, 0, leading[-1])
    hidden = hidden.reshape(-1, hidden.shape[-1])
    device = hidden.device.type
    if weight is not None and torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    return Head(hidden, weight, bias, softcap)


def _other_head(item: Field, head: Head, full: tuple[int, ...], leading: tuple[int, ...]) -> Head:
    if not any(shape.kind == "Float" and len(shape.before) == 2 and not shape.after for shape in item.shapes):
        raise InputError(f"{item.name} must be {item.expected()}; only logits (n, c) can come as (hidden, weight)")
    check_head(f"{item.name}[0]", f"{item.name}[1]", head)
    if tuple(head.hidden.shape[:-1]) != full:
        raise InputError(
            f"{item.name}[0] must have the leading shape of hidden, {full}, not {tuple(head.hidden.shape[:-1])}"
        )
    return _flat_head(head, leading)


def _like_logits(head: Head, classes: int | None = None) -> Tensor:
    """One number that has the shape of all logits."""
    return head.hidden.new_zeros(()).expand(head.hidden.shape[0], head.classes if classes is None else classes)


def _has_rows(item: Field, value: Any) -> bool:
    if not isinstance(value, Tensor):
        raise InputError(f"{item.name} must be {item.expected()}, not {type(value).__name__}")
    fitting = [shape for shape in item.shapes if shape.takes(value.dtype)]
    if len(fitting) > 1:
        fitting = [shape for shape in fitting if len(shape.before) == value.ndim] or fitting
    return any("n" in shape.before for shape in fitting or item.shapes)


def _flat(name: str, tensor: Tensor, full: tuple[int, ...], leading: tuple[int, ...]) -> Tensor:
    rank = len(full)
    if tuple(tensor.shape[:rank]) != full:
        raise InputError(f"{name} must begin with the leading shape of hidden, {full}, but has {tuple(tensor.shape)}")
    if leading != full:
        tensor = tensor.narrow(rank - 1, full[-1] - leading[-1], leading[-1])
    return tensor.reshape(-1, *tensor.shape[rank:])


def _aligned(name: str, tensor: Tensor, full: tuple[int, ...], leading: tuple[int, ...]) -> Tensor:
    return _flat(name, align(tensor, full, name.removeprefix("example_")).expand(full), full, leading)
