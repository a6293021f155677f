"""How many items of a list are above each item, counted by sigmoids: O(n m) memory, half of the pairs visited.

For values s of a list and columns of weights W, without a gradient to these:

    (step sums)_ik = sum_j sigmoid(s_j - s_i) W_jk

The sigmoids of a pair and of its reverse add up to 1, and their slopes are equal, so that only pairs with j >= i are
made, tile by tile, and each tile meets the weights in two matrix products. They are made anew for the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

if TYPE_CHECKING:
    from jaxtyping import Float

PLACES = 1 << 17  # pairs in a tile, so that it stays in a processor's cache

Kernel = Callable[[Tensor], Tensor]  # of gaps s_j - s_i; may write over them


def step(gap: Tensor) -> Tensor:
    """The sigmoid."""
    return gap.sigmoid_()


def bump(gap: Tensor) -> Tensor:
    """Its slope, the same for a gap and its reverse."""
    share = gap.sigmoid_()
    return torch.addcmul(share, share, share, value=-1)  # share (1 - share), in one pass


def bend(gap: Tensor) -> Tensor:
    """The slope of the slope, of the other sign for the reverse."""
    share = gap.sigmoid_()
    return share * (1 - share) * (1 - 2 * share)


def step_sums(values: Float[Tensor, "n m"], weights: Float[Tensor, "n m k"]) -> Float[Tensor, "n m k"]:
    """For each item the weights of the others above it; an item is half above itself."""
    weights = weights.detach()
    if torch.compiler.is_compiling():  # which fuses the textbook form by itself
        return whole_step_sums(values, weights)
    found: Tensor = _StepSums.apply(values, weights)
    return found


def whole_step_sums(values: Float[Tensor, "n m"], weights: Float[Tensor, "n m k"]) -> Float[Tensor, "n m k"]:
    """The textbook form: all pairs at once."""
    return (values.unsqueeze(1) - values.unsqueeze(2)).sigmoid() @ weights


def over_pairs(kernel: Kernel, values: Tensor, columns: Tensor, sign: float, constant: float) -> Tensor:
    """K @ columns for K_ij = kernel(s_j - s_i), where K_ji = constant + sign * K_ij."""
    lists, items = values.shape
    size = max(16, min(items, int((PLACES / max(lists, 1)) ** 0.5)))
    starts = range(0, items, size)
    parts = [torch.zeros_like(columns[:, start : start + size]) for start in starts]
    for a, first in enumerate(starts):
        low = values[:, first : first + size].unsqueeze(2)
        for b, second in enumerate(starts[a:], a):
            tile = kernel(values[:, second : second + size].unsqueeze(1) - low)  # (n, rows, columns)
            mine, theirs = columns[:, first : first + size], columns[:, second : second + size]
            parts[a] = parts[a] + tile @ theirs
            if a != b:
                back = tile.transpose(1, 2) @ mine
                parts[b] = parts[b] + (back if sign > 0 else constant * mine.sum(1, keepdim=True) - back)
    return torch.cat(parts, 1) if parts else columns.clone()


class _StepSums(Function):
    """(values, weights) → sums (n, m, k)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, weights: Tensor) -> Tensor:
        return over_pairs(step, values, weights, sign=-1.0, constant=1.0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        values, weights = ctx.saved_tensors
        return _Slopes.apply(upstream, values, weights), None  # type: ignore[no-untyped-call]


class _Slopes(Function):
    """(upstream, values, weights) → the gradient to the values."""

    generate_vmap_rule = True

    @staticmethod
    def forward(upstream: Tensor, values: Tensor, weights: Tensor) -> Tensor:
        k = weights.shape[2]
        both = over_pairs(bump, values, torch.cat([upstream, weights], 2), sign=1.0, constant=0.0)
        return (both[:, :, :k] * weights - upstream * both[:, :, k:]).sum(2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, along: Tensor) -> tuple[Tensor | None, ...]:
        upstream, values, weights = ctx.saved_tensors
        k, along = weights.shape[2], along.unsqueeze(2)
        moved = over_pairs(bump, values, torch.cat([along * weights, weights], 2), sign=1.0, constant=0.0)
        by_upstream = moved[:, :, :k] - along * moved[:, :, k:]
        columns = torch.cat([along * weights, along * upstream, upstream, weights], 2)
        bent = over_pairs(bend, values, columns, sign=-1.0, constant=0.0).split(k, 2)
        here = weights * bent[1] - upstream * bent[0] - along * weights * bent[2] + along * upstream * bent[3]
        return by_upstream, here.sum(2), None
