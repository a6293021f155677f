"""What a rank that holds some of the classes computes and tells the others, as differentiable functions.

The value is one value, the same on every rank; its gradient to what a rank holds needs no word from the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from perdita.core.errors import InputError
from perdita.core.numerics import widen
from perdita.kernels.gather import sum_over
from perdita.kernels.tiles.host import Tiles, cut_gradients, tile_sums

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def _join(lse: Float[Tensor, "n"], picked: Float[Tensor, "n"], ranks: dist.ProcessGroup) -> tuple[Tensor, Tensor]:
    """The log-sum-exp over all ranks' classes, and the target's logit, which one rank has and the others give as 0."""
    highest = lse.clone()
    dist.all_reduce(highest, dist.ReduceOp.MAX, group=ranks)
    total, picked = sum_over(torch.stack([(lse - highest).exp(), picked]), ranks)
    return highest + total.log(), picked


def _places(target: Int[Tensor, "n"], classes: int) -> tuple[Tensor, Tensor]:
    """Each target's place among this rank's classes (n, 1), and whether it is there at all."""
    inside = (target >= 0) & (target < classes)
    return target.clamp(0, classes - 1).unsqueeze(1), inside.unsqueeze(1)


def _upstream(lse: Tensor, by_value: Tensor | None, by_lse: Tensor | None) -> tuple[Tensor, Tensor]:
    """The gradients of values and log-sum-exps, zeros for what nobody differentiates."""
    if torch.is_grad_enabled():
        raise InputError("vocabulary-parallel losses are differentiable once")
    zero = torch.zeros_like(lse)
    return zero if by_value is None else by_value, zero if by_lse is None else by_lse


class LogitShard(Function):
    """(ranks, logits, target less this rank's first class) → values and log-sum-exps (n,)."""

    @staticmethod
    def forward(ctx: Any, ranks: dist.ProcessGroup, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        wide = widen(logits)
        place, inside = _places(target, logits.shape[1])
        picked = torch.where(inside, wide.gather(1, place), 0.0).squeeze(1)
        lse, picked = _join(wide.logsumexp(1), picked, ranks)
        ctx.save_for_backward(logits, target, lse)
        ctx.set_materialize_grads(False)
        return lse - picked, lse.clone()

    @staticmethod
    def backward(ctx: Any, by_value: Tensor | None, by_lse: Tensor | None) -> tuple[Tensor | None, ...]:
        logits, target, lse = ctx.saved_tensors
        by_value, by_lse = _upstream(lse, by_value, by_lse)
        slope = (logits - lse.unsqueeze(1)).exp_().mul_((by_value + by_lse).unsqueeze(1))
        place, inside = _places(target, logits.shape[1])
        slope.scatter_add_(1, place, torch.where(inside, -by_value.unsqueeze(1), 0.0))
        return None, slope.to(logits.dtype), None


class LinearShard(Function):
    """(ranks, tiles, hidden, weight, bias, target less this rank's first class) → values and log-sum-exps (n,)."""

    @staticmethod
    def forward(
        ctx: Any, ranks: dist.ProcessGroup, tiles: Tiles, hidden: Tensor, weight: Tensor, bias: Tensor | None,
        target: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        lse, picked, _ = tile_sums(tiles, hidden, weight, bias, target)
        lse, picked = _join(lse, picked, ranks)
        ctx.tiles = tiles
        ctx.save_for_backward(hidden, weight, bias, target, lse)
        ctx.set_materialize_grads(False)
        return lse - picked, lse.clone()

    @staticmethod
    def backward(ctx: Any, by_value: Tensor | None, by_lse: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, target, lse = ctx.saved_tensors
        wanted = ctx.needs_input_grad[2:5]
        found = cut_gradients(
            ctx.tiles, hidden, weight, bias, target, lse, None, *_upstream(lse, by_value, by_lse), wanted
        )  # fmt: skip
        return None, None, found.hidden, found.weight, found.bias, None


class Same(Function):
    """What every rank has already; each rank's gradient is a part of the whole."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, ranks: dist.ProcessGroup) -> Tensor:
        ctx.ranks = ranks
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return sum_over(gradient, ctx.ranks), None


class Take(Function):
    """A rank's own rows of all; the gradients of all rows come together again."""

    @staticmethod
    def forward(ctx: Any, every: Tensor, ranks: dist.ProcessGroup, start: int, count: int) -> Tensor:
        ctx.ranks, ctx.cut, ctx.length = ranks, slice(start, start + count), len(every)
        return every[ctx.cut].clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        every = gradient.new_zeros(ctx.length)
        every[ctx.cut] = gradient
        return sum_over(every, ctx.ranks), None, None, None
