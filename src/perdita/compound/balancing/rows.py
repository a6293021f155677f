"""One row of gradients for each of several scalars, and where they end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from perdita.compound.ranks import mean_over_ranks, world_size

if TYPE_CHECKING:
    from jaxtyping import Float


class Rows(NamedTuple):
    """Gradients of k scalars."""

    rows: list[Float[Tensor, "k p"]]  # to each balanced tensor, flattened, in at least float32
    used: set[int]  # places of the balanced tensors that some scalar depends on
    beside: list[Tensor | None]  # to each of the other tensors, of the weighted sum


def gradient_rows(
    scalars: Sequence[Tensor | None],
    tensors: Sequence[Tensor],
    beside: Sequence[Tensor] = (),
    shares: Sequence[float] | None = None,
) -> Rows:
    """The gradient of each scalar to all tensors: one backward pass for each scalar; graphs are kept.

    It takes the memory of k gradients, and of the k of one tensor once more while they are laid together.

    Args:
        scalars: None, or one without a graph, has a row of zeros.
        tensors: parameters or features whose gradients are kept apart.
        beside: parameters for which the sum will do.
        shares: the scalars' weights in that sum.
    """
    kept: list[list[Tensor | None]] = [[None] * len(scalars) for _ in tensors]
    sums: list[Tensor | None] = [None] * len(beside)
    for at, (scalar, share) in enumerate(zip(scalars, shares or [1.0] * len(scalars), strict=True)):
        if scalar is None or not scalar.requires_grad:
            continue
        found = torch.autograd.grad(scalar, [*tensors, *beside], retain_graph=True, allow_unused=True)
        for own, gradient in zip(kept, found, strict=False):
            own[at] = gradient
        for place, gradient in enumerate(found[len(tensors) :]):
            if gradient is not None:
                own, before = gradient if share == 1 else share * gradient, sums[place]
                sums[place] = own if before is None else before + own
    used = {place for place, own in enumerate(kept) if any(gradient is not None for gradient in own)}
    return Rows([_stacked(tensor, kept.pop(0)) for tensor in tensors], used, sums)


def _stacked(tensor: Tensor, gradients: Sequence[Tensor | None]) -> Float[Tensor, "k p"]:
    """Gradients to a tensor one below the other; zeros where there is none."""
    zeros = torch.zeros_like(tensor) if any(gradient is None for gradient in gradients) else tensor
    rows = torch.stack([zeros if gradient is None else gradient for gradient in gradients])
    return rows.reshape(len(gradients), tensor.numel()).to(torch.promote_types(rows.dtype, torch.float32))


def leaves(scalars: Sequence[Tensor | None], above: Iterable[Tensor | None] = ()) -> list[Tensor]:
    """The parameters that the scalars' graphs end in, each once; without what lies below the tensors ``above``.

    Equal graphs give equal orders: ranks agree on them.
    """
    found = dict.fromkeys(
        scalar for scalar in scalars if scalar is not None and scalar.is_leaf and scalar.requires_grad
    )
    seen = {tensor.grad_fn for tensor in above if tensor is not None}
    starts = dict.fromkeys(scalar.grad_fn for scalar in scalars if scalar is not None and scalar.grad_fn is not None)
    nodes = [node for node in starts if node not in seen]
    seen.update(nodes)
    while nodes:
        for node, _ in nodes.pop().next_functions:
            if node is None or node in seen:
                continue
            seen.add(node)
            nodes.append(node)
            if hasattr(node, "variable"):
                found[node.variable] = None
    return list(found)


def mean_gradients(
    gradients: Sequence[Tensor | None], group: dist.ProcessGroup | None = None
) -> Sequence[Tensor | None]:
    """Means of gradients over the ranks, which must all have one in the same places."""
    there = [gradient for gradient in gradients if gradient is not None]
    if not there or world_size(group) == 1:
        return gradients
    flat = torch.cat([one.flatten().to(there[0].device) for one in there])  # they may lie on several devices
    flat = mean_over_ranks({"flat": flat}, group)["flat"]
    means = iter(flat.split([one.numel() for one in there]))
    return [None if one is None else next(means).view_as(one).to(one) for one in gradients]


def add_gradients(tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """Add to each ``grad`` what came for it; where nothing came it stays as it is, None too."""
    for tensor, gradient in zip(tensors, gradients, strict=True):
        if gradient is not None:
            tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient
