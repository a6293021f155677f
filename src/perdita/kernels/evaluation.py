"""A fused loss computed in two ways: as its definition says, and block by block."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.criterion import Criterion
from perdita.core.domains import check_finite
from perdita.core.errors import InputError
from perdita.core.numerics import widen
from perdita.core.reduction import check_reduction
from perdita.kernels.autograd import Total, Values
from perdita.kernels.blocked import Plan
from perdita.kernels.cross_entropy_blocks import CrossEntropyBlocks
from perdita.kernels.dispatch import WHOLE, Whole, Wish, whole
from perdita.kernels.inputs import MASK, Rows, prepare
from perdita.kernels.logit_blocks import linear
from perdita.kernels.row_loss import Head, row_loss

if TYPE_CHECKING:
    from jaxtyping import Float

IMPLEMENTATIONS = ("auto", "blocked", "reference", *WHOLE)


def fuse(
    loss: str | Criterion | Callable[..., Tensor],
    head: Head,
    target: Tensor | Head | None,
    options: Mapping[str, Any],
    *,
    shift: int,
    weight: Tensor | None,
    mask: Tensor | None,
    ignore_index: int | str | None,
    reduction: str | None,
    normalizer: float | Tensor | None,
    z_penalty: float,
    return_lse: bool,
    accumulate: torch.dtype | None,
    impl: str,
    block_rows: Callable[[Rows], int],
    hand_written: Callable[[Rows, float], CrossEntropyBlocks | None],
) -> Any:
    """A row-wise loss of a head: resolve, check, evaluate, reduce; the public functions say what they are given."""
    if impl not in IMPLEMENTATIONS:
        raise InputError(f"impl must be one of {IMPLEMENTATIONS}, not {impl!r}")
    rowwise, fields = row_loss(loss, dict(options))
    reduction = rowwise.reduction if reduction is None else reduction
    check_reduction(reduction, normalizer)
    ignored = rowwise.ignore_index if ignore_index == "default" else ignore_index
    second = rowwise.card.signature.fields[1].name
    if target is not None and second in fields:  # a teacher by name, then target is the loss's own target
        if "target" not in rowwise.card.signature.names or second == "target":
            raise InputError(f"{rowwise.card.name} got {second} twice")
        second = "target"
    given = {**rowwise.held, **fields, **({} if target is None else {second: target})}
    rows = prepare(rowwise, head, given, shift=shift, weight=weight, mask=mask, ignore_index=ignored)  # type: ignore[arg-type]
    written = hand_written(rows, z_penalty) if impl not in ("blocked", "reference") else None
    if written is not None and written.direct is not None and return_lse:
        written = None  # its gradient has no room for a second one
    wish = None
    if written is not None and written.direct is None:
        again = functools.partial(_values_and_lse, block_rows=block_rows(rows), accumulate=accumulate)
        wish = Wish(written, return_lse, accumulate, again)
    with torch.autocast(head.hidden.device.type, enabled=False):
        entire = whole(impl, rows, wish)
        if impl == "reference" or rows.count == 0:
            value, lse = reference(rows, reduction, normalizer, z_penalty, return_lse)
        elif entire is not None and wish is not None:
            value, lse = end_to_end(entire, rows, wish, reduction, normalizer)
        else:
            size = block_rows(rows)
            value, lse = blocked(rows, reduction, normalizer, z_penalty, return_lse, size, accumulate, written)
    if rows.looked:
        check_rows(rows, value)
    return (value, lse) if return_lse else value


def end_to_end(
    entire: Whole, rows: Rows, wish: Wish, reduction: str, normalizer: float | Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """By an implementation that gives values and log-sum-exps, differentiable, out of the tensors as they are."""
    values, lse = entire.values(rows, wish)
    shown = rows.unreduced(lse) if wish.with_lse and lse is not None else None
    return rows.reduced(values, None, reduction, normalizer), shown


def _values_and_lse(rows: Rows, block_rows: int, accumulate: torch.dtype | None) -> tuple[Tensor, Tensor]:
    values, lse = blocked(rows, "none", None, 0.0, True, block_rows, accumulate, None)
    assert lse is not None
    return values, lse


def reference(
    rows: Rows,
    reduction: str,
    normalizer: float | Tensor | None,
    z_penalty: float,
    with_lse: bool,
    kept: Rows | None = None,
    index: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """The definition: all logits at once, the loss, the contract's reduction; of the kept rows alone if these come."""
    filled = rows.filled() if kept is None else kept
    logits = [linear(*head[:3]) for head in filled.heads.values()]
    shared = [*filled.shared.values(), *filled.loss.parameters.values()]
    found = _evaluate(filled, z_penalty, with_lse, logits, list(filled.by_row.values()), shared)
    values, lse, counts = (None if part is None else rows.spread(index, part) for part in found)
    return rows.reduced(values, counts, reduction, normalizer), None if lse is None else rows.unreduced(lse)


def _evaluate(
    rows: Rows,
    z_penalty: float,
    with_lse: bool,
    logits: Sequence[Tensor],
    own: Sequence[Tensor],
    shared: Sequence[Tensor],
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Values, log-sum-exps and counts out of logits, row tensors and shared tensors in the order of `Rows.tensors`."""
    names = [*rows.heads, *rows.by_row, *rows.shared]
    fields = dict(zip(names, [*logits, *own, *shared[: len(rows.shared)]], strict=True))
    if (mask := fields.pop(MASK, None)) is not None:
        fields = rows.fill(fields, mask)
    fields |= {name: cap_logits(fields[name], head.softcap) for name, head in rows.heads.items()}
    learned = dict(zip(rows.loss.parameters, shared[len(rows.shared) :], strict=True))
    return rows.loss.values(fields, learned, z_penalty, with_lse)


def cap_logits(logits: Float[Tensor, "n v"], softcap: float | None) -> Float[Tensor, "n v"]:
    """softcap * tanh(logits / softcap), in float32 at least."""
    return logits if softcap is None else softcap * torch.tanh(widen(logits) / softcap)


def blocked(
    rows: Rows,
    reduction: str,
    normalizer: float | Tensor | None,
    z_penalty: float,
    with_lse: bool,
    block_rows: int,
    accumulate: torch.dtype | None,
    written: CrossEntropyBlocks | None,
) -> tuple[Tensor, Tensor | None]:
    """The same without the logits of more than one block."""
    kept, index = rows.kept()
    if index is not None and index.numel() == 0:
        return reference(rows, reduction, normalizer, z_penalty, with_lse, kept, index)
    tensors = kept.tensors()
    evaluate = functools.partial(_evaluate, kept, z_penalty)
    counted = written is None and _has_counts(kept, evaluate)
    plan = Plan(
        lambda *parts: _pair(*evaluate(with_lse and not counted, *parts)),
        tuple(sum(part is not None for part in head[:3]) for head in kept.heads.values()),
        len(kept.by_row),
        tuple(wants_gradient(tensor) for tensor in tensors),
        block_rows,
        accumulate,
        rows.plain,
        counted or with_lse,
        written,
    )
    joined = replace(
        plan,
        evaluate=lambda *parts: (_columns(*evaluate(with_lse, *parts)), None),
        extra=False,
        run=written and replace(written, columns=1 + with_lse),
    )
    shared_wants = any(plan.wanted[len(plan.wanted) - len(kept.shared) - len(kept.loss.parameters) :])
    if reduction == "none" or (counted and (with_lse or shared_wants)):  # counts with a gradient need the values' way
        columns = rows.spread(index, Values.apply(joined, None, *tensors))
        values, *others = columns.unbind(1) if columns.ndim == 2 else (columns,)
        lse = rows.unreduced(others[0]) if with_lse else None
        return rows.reduced(values, others[-1] if counted else None, reduction, normalizer), lse
    scale, items = _scale(rows, kept, index, reduction, normalizer)
    total, values, *aside = Total.apply(plan, scale, *tensors)
    if counted and reduction != "sum" and normalizer is None:
        denominator = (scale * aside[0]).sum() * items
        return total / torch.where(denominator == 0, 1.0, denominator), None
    if not with_lse:
        return total, None
    known = Values.apply(joined, torch.stack([values, aside[0]], 1), *tensors)
    return total, rows.unreduced(rows.spread(index, known[:, 1]))


def _pair(values: Tensor, lse: Tensor | None, counts: Tensor | None) -> tuple[Tensor, Tensor | None]:
    return values, lse if counts is None else counts


def _columns(values: Tensor, lse: Tensor | None, counts: Tensor | None) -> Tensor:
    """(n,), or (n, columns) of the value, its log-sum-exp and its count, as far as they are there."""
    parts = [part for part in (values, lse, counts) if part is not None]
    return torch.stack(parts, 1) if len(parts) > 1 else values


def _has_counts(rows: Rows, evaluate: Callable[..., Any]) -> bool:
    """Whether the loss gives counts: seen on one row of zeros."""
    logits = [head.hidden.new_zeros(1, head.classes) for head in rows.heads.values()]
    with torch.no_grad():
        own = [tensor[:1] for tensor in rows.by_row.values()]
        return evaluate(False, logits, own, [*rows.shared.values(), *rows.loss.parameters.values()])[2] is not None


def _scale(
    rows: Rows, kept: Rows, index: Tensor | None, reduction: str, normalizer: float | Tensor | None
) -> tuple[Float[Tensor, "n"], float]:
    """The factor of each kept row in the reduced loss, and the items that a mean over rows counts as one."""
    hidden = next(iter(rows.heads.values())).hidden
    scale = hidden.new_ones(rows.count, dtype=torch.promote_types(hidden.dtype, torch.float32))
    if rows.weight is not None:
        scale = rows.weight.to(scale.dtype)
    if rows.mask is not None:
        scale = torch.where(rows.mask, scale, 0.0)
    items = 1 / max(math.prod(rows.leading[1:]), 1) if reduction == "batchmean" else 1.0
    total = scale.sum() * items if normalizer is None else normalizer
    own = scale if index is None else scale[index]
    if reduction == "sum":
        return own, 1.0
    if normalizer is None:
        total = torch.where(total == 0, 1.0, total)
    return own / total, items


def check_rows(rows: Rows, value: Tensor) -> None:
    """Name the row of a NaN or infinity among those that count."""
    if math.isfinite(value.sum().item()):
        return
    for field, head in rows.filled().heads.items():
        names = (field,) if head.weight is None else ("hidden", "weight", "bias")
        for name, tensor in zip(names, head[:3], strict=False):
            if tensor is not None:
                check_finite(name, tensor)


def wants_gradient(tensor: Tensor) -> bool:
    """Whether a gradient may be asked for; in compiled code of all numbers, as what nobody uses is cut out there."""
    if not tensor.is_floating_point():
        return False
    if torch.compiler.is_compiling():
        return True
    asks = tensor.requires_grad or torch._C._functorch.is_batchedtensor(tensor)  # a batched tensor never says it
    return torch.is_grad_enabled() and asks
