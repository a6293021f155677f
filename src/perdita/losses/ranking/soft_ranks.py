"""How many items of a list are above each item, counted by sigmoids: O(n m) memory, half of the pairs visited.

For values s of a list, and columns of weights W without a gradient to these:

    (soft counts)_i = sum_j sigmoid(s_j - s_i),    (step sums)_ik = sum_j sigmoid(s_j - s_i) W_jk

The sigmoids of a pair and of its reverse add up to 1, and their slopes are equal, so that only pairs with j >= i are
made, tile by tile. They are made anew for the gradient. Ratios, where they do, are cheap enough for all pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

from perdita.losses.distillation.rankings import in_one_scale
from perdita.losses.known_slopes import Form, several, textbook_slopes, values_of
from perdita.losses.ranking.lists import within_list

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

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


def soft_counts(values: Float[Tensor, "n m"], kept: Bool[Tensor, "n m"] | None = None) -> Float[Tensor, "n m"]:
    """For each item how many are above it; an item is half above itself.

    Where a host may look and sees that all values lie near each other, by ratios of exponentials: these are made once
    for each item, not for each pair.

    Args:
        values: (n, m), 0 where an item is absent.
        kept: (n, m), False for absent items, which are above nothing; their own counts mean nothing.
    """
    if torch.compiler.is_compiling():  # which fuses the textbook form by itself
        return whole_soft_counts(values if kept is None else within_list(values, kept))
    if in_one_scale(values):
        return values_of(RATIOS, values, kept)
    return _tiled_counts(values, kept)


def whole_soft_counts(values: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    """The textbook form: all pairs at once."""
    return (values.unsqueeze(1) - values.unsqueeze(2)).sigmoid().sum(2)


def _tiled_counts(values: Float[Tensor, "n m"], kept: Bool[Tensor, "n m"] | None) -> Float[Tensor, "n m"]:
    found: Tensor = _SoftCounts.apply(values if kept is None else within_list(values, kept))
    return found


def _ratio_counts(values: Tensor, kept: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """sigmoid(s_j - s_i) = e_j / (e_i + e_j) for e = exp(s - middle); absent columns have an e of 0."""
    low, high = torch.aminmax(values, dim=1, keepdim=True)
    own = columns = (values - (low + high) / 2).exp()
    if kept is not None:
        own, columns = torch.where(kept, own, 1.0), columns * kept.to(own.dtype)
    counts = [share.sum(2) for _, share in _ratios(own, columns)]
    return torch.cat(counts, 1), own, columns


def _ratio_slopes(upstream: Tensor, values: Tensor, kept: Tensor | None, own: Tensor, columns: Tensor) -> Tensor:
    found, theirs = [], upstream.unsqueeze(1)
    for place, share in _ratios(own, columns):
        slope = share.addcmul_(share, share, value=-1)
        here = upstream[:, place] * slope.sum(2)
        found.append((slope * theirs).sum(2) - here)
    slopes = torch.cat(found, 1)
    return slopes if kept is None else slopes * kept.to(slopes.dtype)


def _ratios(own: Tensor, columns: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Places of a list in runs, and their ratios to all columns, (n, run, m)."""
    columns = columns.unsqueeze(1)
    size = max(1, PLACES // columns.numel())
    for start in range(0, own.shape[1], size):
        place = slice(start, start + size)
        total = own[:, place].unsqueeze(2) + columns
        yield place, torch.div(columns, total, out=total)


RATIOS = Form(_tiled_counts, _ratio_counts, _ratio_slopes)


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


def _tiles(values: Tensor) -> tuple[list[slice], Iterator[tuple[int, int, Tensor]]]:
    """The places of a list in runs, and the gaps s_j - s_i of run a to run b for b >= a."""
    lists, items = values.shape
    size = max(16, min(items, int((PLACES / max(lists, 1)) ** 0.5)))
    runs = [slice(start, start + size) for start in range(0, items, size)]

    def made() -> Iterator[tuple[int, int, Tensor]]:
        for a, own in enumerate(runs):
            low = values[:, own].unsqueeze(2)
            for b in range(a, len(runs)):
                yield a, b, values[:, runs[b]].unsqueeze(1) - low

    return runs, made()


def over_pairs(kernel: Kernel, values: Tensor, columns: Tensor, sign: float, constant: float) -> Tensor:
    """K @ columns for K_ij = kernel(s_j - s_i), where K_ji = constant + sign * K_ij."""
    runs, tiles = _tiles(values)
    parts = [torch.zeros_like(columns[:, run]) for run in runs]
    for a, b, gap in tiles:
        tile, mine, theirs = kernel(gap), columns[:, runs[a]], columns[:, runs[b]]  # (n, rows, columns)
        parts[a] = parts[a] + tile @ theirs
        if a != b:
            back = tile.transpose(1, 2) @ mine
            parts[b] = parts[b] + (back if sign > 0 else constant * mine.sum(1, keepdim=True) - back)
    return torch.cat(parts, 1) if parts else columns.clone()


class _SoftCounts(Function):
    """values → counts (n, m)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor) -> Tensor:
        runs, tiles = _tiles(values)
        parts = [torch.zeros_like(values[:, run]) for run in runs]
        for a, b, gap in tiles:
            tile = step(gap)
            parts[a] = parts[a] + tile.sum(2)
            if a != b:
                parts[b] = parts[b] + (tile.shape[1] - tile.sum(1))
        return torch.cat(parts, 1) if parts else values.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        if several(upstream):
            return textbook_slopes(whole_soft_counts, [values], upstream)[0]
        return _CountSlopes.apply(upstream, values)  # type: ignore[no-any-return, no-untyped-call]


class _CountSlopes(Function):
    """(upstream, values) → the gradient to the values: the slope of each pair times the difference of its upstreams."""

    generate_vmap_rule = True

    @staticmethod
    def forward(upstream: Tensor, values: Tensor) -> Tensor:
        runs, tiles = _tiles(values)
        parts = [torch.zeros_like(upstream[:, run]) for run in runs]
        for a, b, gap in tiles:
            pull = (upstream[:, runs[b]].unsqueeze(1) - upstream[:, runs[a]].unsqueeze(2)) * bump(gap)
            parts[a] = parts[a] + pull.sum(2)
            if a != b:
                parts[b] = parts[b] - pull.sum(1)
        return torch.cat(parts, 1) if parts else upstream.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, along: Tensor) -> tuple[Tensor, Tensor]:
        upstream, values = ctx.saved_tensors
        by_upstream, by_values = _bent(along, upstream.unsqueeze(2), values, torch.ones_like(values).unsqueeze(2))
        return by_upstream.squeeze(2), by_values


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
        if several(upstream):
            return textbook_slopes(lambda own: whole_step_sums(own, weights), [values], upstream)[0], None
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
        return (*_bent(along, upstream, values, weights), None)


def _bent(along: Tensor, upstream: Tensor, values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of <along, slopes> to the upstream and to the values."""
    k, along = weights.shape[2], along.unsqueeze(2)
    moved = over_pairs(bump, values, torch.cat([along * weights, weights], 2), sign=1.0, constant=0.0)
    by_upstream = moved[:, :, :k] - along * moved[:, :, k:]
    columns = torch.cat([along * weights, along * upstream, upstream, weights], 2)
    bent = over_pairs(bend, values, columns, sign=-1.0, constant=0.0).split(k, 2)
    here = weights * bent[1] - upstream * bent[0] - along * weights * bent[2] + along * upstream * bent[3]
    return by_upstream, here.sum(2)
