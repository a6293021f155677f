"""Rows of every rank on every rank, with gradients that find their way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


def rank_of(group: dist.ProcessGroup) -> tuple[int, int]:
    """This process's rank in a group, and the number of ranks."""
    return dist.get_rank(group), dist.get_world_size(group)


def sum_over(tensor: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """The sum over the ranks, without a gradient; the tensor itself without a group."""
    if group is None:
        return tensor
    total = tensor.detach().clone()
    dist.all_reduce(total, group=group)
    return total


def sizes_over(size: int, device: torch.device, group: dist.ProcessGroup) -> list[int]:
    """The number that each rank brings, in the order of the ranks."""
    own = torch.tensor([size], device=device)
    every = [torch.zeros_like(own) for _ in range(dist.get_world_size(group))]
    dist.all_gather(every, own, group=group)
    return [int(other) for other in every]


def gather_rows(
    rows: Float[Tensor, "n d"], label: Int[Tensor, "n"] | None, mask: Bool[Tensor, "n"] | None, group: dist.ProcessGroup
) -> tuple[int, Float[Tensor, "m d"], Int[Tensor, "m"] | None, Bool[Tensor, "m"] | None]:
    """The rows of all ranks one below the other, each rank's padded to the longest.

    A gradient of the gathered rows is summed over the ranks and goes to the rank that they came from: where every rank
    differentiates its share of a sum, each gets the gradient of the whole sum with respect to its own rows.

    Returns:
        The place of this rank's first row; the rows, labels and mask of all ranks (padding is masked).
    """
    rank, _ = rank_of(group)
    lengths = sizes_over(len(rows), rows.device, group)
    longest = max(lengths)
    gathered = _Gather.apply(_pad(rows, longest), group)  # type: ignore[no-untyped-call]
    labels = None if label is None else _gathered(_pad(label, longest), group)
    if mask is None and min(lengths) == longest:
        return rank * longest, gathered, labels, None
    mask = torch.ones(len(rows), dtype=torch.bool, device=rows.device) if mask is None else mask
    return rank * longest, gathered, labels, _gathered(_pad(mask.to(torch.uint8), longest), group).bool()


def _pad(rows: Tensor, length: int) -> Tensor:
    return torch.cat([rows, rows.new_zeros(length - len(rows), *rows.shape[1:])])


def _gathered(rows: Tensor, group: dist.ProcessGroup) -> Tensor:
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, rows.contiguous(), group=group)
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group, ctx.length = group, len(rows)
        return _gathered(rows, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        total = sum_over(gradient.contiguous(), ctx.group)
        start = rank_of(ctx.group)[0] * ctx.length
        return total[start : start + ctx.length], None
