"""Gradients of several losses to what they share, and their inner products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

from perdita.compound.ranks import world_size
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float


def loss_gradients(losses: Float[Tensor, "k"], shared: Tensor | Sequence[Tensor]) -> Float[Tensor, "k p"]:
    """One row for each loss: its gradient to all that is shared, flattened; zero where it does not depend on it.

    Args:
        losses: with a graph, which is kept.
        shared: parameters of the shared part, or a tensor of features: the last place that all losses pass through.
            Gradients to features cost as much as the heads alone, however deep the trunk is.

    Raises:
        InputError: nothing shared, or losses without a graph.
    """
    tensors = [shared] if isinstance(shared, Tensor) else list(shared)
    if not tensors or not losses.requires_grad:
        raise InputError("losses must have a graph, and shared must hold at least one tensor of it")
    rows = []
    for loss in losses.unbind():
        found = torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([gradient.flatten() for gradient in found]))
    return torch.stack(rows)


def gramian(
    losses: Float[Tensor, "k"], shared: Tensor | Sequence[Tensor], *, group: dist.ProcessGroup | None = None
) -> Float[Tensor, "k k"]:
    """Inner products of the losses' gradients, of the whole batch where it is spread over ranks.

    Parameters are the same on all ranks, so their gradients are averaged before they are multiplied; features belong to
    a rank's own items, so their products are added up.

    Args:
        losses, shared: as in `loss_gradients`.
        group: process group; the default group where one is initialised.
    """
    rows, ranks = loss_gradients(losses, shared), world_size(group)
    features = isinstance(shared, Tensor) and not shared.is_leaf
    if ranks > 1 and not features:
        dist.all_reduce(rows, group=group)
        rows = rows / ranks
    products = rows @ rows.T
    if ranks > 1 and features:
        dist.all_reduce(products, group=group)
        products = products / ranks**2
    return products
