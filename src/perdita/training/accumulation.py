"""Accumulated and data-parallel steps that give exactly the gradient of the whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Num


def shared_normalizer(
    targets: Sequence[Num[Tensor, "n *d"]],
    *,
    weights: Sequence[Float[Tensor, "n *d"]] | None = None,
    masks: Sequence[Bool[Tensor, "n *d"]] | None = None,
    ignore_index: int | None = None,
    group: dist.ProcessGroup | None = None,
) -> Float[Tensor, ""]:
    r"""The denominator of the mean over several micro-batches and ranks, to pass as ``normalizer`` to each of them.

    .. math:: \text{normalizer} = \frac{1}{\text{world size}} \sum_{\text{ranks}} \sum_{\text{batches}} \sum_i w_i m_i

    With it, the sum of the micro-batches' losses has the gradient of the mean over their union, however many items of
    each are masked or ignored. Data-parallel training averages gradients over the ranks: the division by their number
    makes up for it. Without a process group the world size is 1.

    Args:
        targets: the targets of this rank's micro-batches; one place for each value of the loss.
        weights: as passed to the loss for each micro-batch, (n,) up to the target's shape.
        masks: likewise; False leaves an item out.
        ignore_index: items with this target are left out.
        group: process group to sum over; the default group where one is initialised.

    Returns:
        A scalar on the targets' device; every rank gets the same. It is a sum of item weights: a loss whose mean counts
        items otherwise (class weights) needs a normalizer of its own.

    Raises:
        InputError: no targets, or not as many weights or masks as targets.

    Example:
        >>> from perdita.training.accumulation import shared_normalizer
        >>> targets = [torch.tensor([1, 0, -100]), torch.tensor([2, -100, -100])]
        >>> shared_normalizer(targets, ignore_index=-100).item()
        3.0

    Source:
        The fault that it mends is described in huggingface/transformers issues 35203 and 37766.
    """
    if not targets:
        raise InputError("targets must hold at least one tensor")
    for name, given in (("weights", weights), ("masks", masks)):
        if given is not None and len(given) != len(targets):
            raise InputError(f"{name} must be one for each of the {len(targets)} targets, not {len(given)}")
    total = torch.zeros((), device=targets[0].device)
    for index, target in enumerate(targets):
        share = torch.ones(target.shape, device=target.device)
        if weights is not None:
            share = share * _spread(weights[index], target).to(share.dtype)
        if masks is not None:
            share = share * _spread(masks[index], target)
        if ignore_index is not None:
            share = share * (target != ignore_index)
        total = total + share.sum()
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(total, group=group)
        total = total / dist.get_world_size(group)
    return total


def _spread(tensor: Tensor, target: Tensor) -> Tensor:
    """A tensor over items with trailing dimensions of size one, as many as the target has."""
    return tensor.reshape(tensor.shape + (1,) * (target.ndim - tensor.ndim))
