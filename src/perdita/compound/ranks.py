"""Losses over the ranks of a data-parallel run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float


def world_size(group: dist.ProcessGroup | None = None) -> int:
    """Number of ranks; 1 without a process group."""
    return dist.get_world_size(group) if dist.is_available() and dist.is_initialized() else 1


def mean_over_ranks(values: Mapping[str, Tensor], group: dist.ProcessGroup | None = None) -> dict[str, Tensor]:
    """The mean of each scalar over the ranks, which must all call this, with the same names."""
    ranks = world_size(group)
    if ranks == 1 or not values:
        return dict(values)
    stacked = torch.stack([value.detach() for value in values.values()])
    dist.all_reduce(stacked, group=group)
    return dict(zip(values, (stacked / ranks).unbind(), strict=True))


def with_value_of_all_ranks(losses: Float[Tensor, "k"], group: dist.ProcessGroup | None = None) -> Float[Tensor, "k"]:
    """The mean of the losses over the ranks, with the gradient of this rank's own.

    Data-parallel training averages gradients, so any function of these values gets the gradient of the whole batch.
    """
    ranks = world_size(group)
    if ranks == 1:
        return losses
    total = losses.detach().clone()
    dist.all_reduce(total, group=group)
    return losses + (total / ranks - losses.detach())
