"""One reduction for every loss.

With values l, weights w (1 unless given, 0 where masked) and counts k (1 unless the loss says otherwise):

    none: w*l      sum: sum(w*l)      mean: sum(w*l) / sum(w*k)      batchmean: sum(w*l) / (sum(w*k) / values per item)

``normalizer`` replaces the denominator of the two means, so that shards and accumulated micro-batches add up to the
gradient of the whole batch. Where nothing is left to average the result is a zero connected to the graph. Masked places
contribute exactly zero; a NaN that is not masked always shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from perdita.core.errors import InputError, nearest

REDUCTIONS = ("none", "mean", "sum", "batchmean")


def check_reduction(reduction: str, normalizer: float | Tensor | None = None) -> None:
    """Raise `InputError` for an unknown reduction, or a normalizer where nothing is divided."""
    if reduction not in REDUCTIONS:
        raise InputError(
            f"reduction must be one of {REDUCTIONS}, not {reduction!r}{nearest(str(reduction), REDUCTIONS)}"
        )
    if normalizer is not None and reduction in ("none", "sum"):
        raise InputError(f"normalizer replaces the denominator of a mean; with reduction={reduction!r} there is none")


def reduce(
    values: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
    count: Tensor | None = None,
) -> Tensor:
    """Reduce per-example values, shape (n, *d) or (); ``weight`` and ``mask`` have shape (n,) up to (n, *d)."""
    if weight is None and mask is None and count is None and normalizer is None and reduction == "mean":
        return values.mean() if values.numel() else values.sum()
    if weight is not None:
        weight = align(weight, values.shape, "weight").to(values.dtype)
        values = values * weight
    if mask is not None:
        mask = align(mask, values.shape, "mask")
        values = torch.where(mask, values, 0.0)
    if reduction == "none":
        return values
    total = values.sum()
    if reduction == "sum" or normalizer is not None:
        return total if normalizer is None else total / normalizer
    denominator = torch.ones_like(values) if count is None else count.to(values.dtype).expand_as(values)
    if weight is not None:
        denominator = denominator * weight
    if mask is not None:
        denominator = torch.where(mask, denominator, 0.0)
    items = denominator.sum()
    if reduction == "batchmean" and values.ndim:
        items = items / max(values.shape[1:].numel(), 1)
    return total / torch.where(items == 0, 1.0, items)


def align(tensor: Tensor, extents: Sequence[int], name: str) -> Tensor:
    """Give a per-item tensor trailing dimensions of size one: (n,) speaks for whole items of (n, *d)."""
    if not isinstance(tensor, Tensor):
        raise InputError(f"{name} must be a tensor, not {type(tensor).__name__}")
    if name == "mask" and tensor.dtype is not torch.bool:
        raise InputError(f"mask must be a boolean tensor (True = counts), not {tensor.dtype}")
    shape = tensor.shape
    if shape == extents:
        return tensor
    if len(shape) > len(extents) or any(a not in (1, b) for a, b in zip(shape, extents, strict=False)):
        raise InputError(f"{name} must have shape {tuple(extents)} or a beginning of it, not {tuple(shape)}")
    return tensor.reshape(shape + (1,) * (len(extents) - len(shape)))
