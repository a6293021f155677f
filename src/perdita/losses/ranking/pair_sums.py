"""Sums over the pairs of lists, block by block: O(n m) memory, where the matrix of all pairs has O(n m m).

With a cost φ of how far item j is above item i of the same list, and weights W that have no gradient:

    sum_j W_ij φ(second_j - first_i)

The blocks are made anew for the gradient, and again for the second derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from perdita.losses.known_slopes import several, textbook_slopes

if TYPE_CHECKING:
    from jaxtyping import Float

PLACES = 1 << 17  # pairs in a block, so that it stays in a processor's cache


class PairCost(NamedTuple):
    """A cost φ of a gap, with its first and second derivative."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor]


def _bump(gap: Tensor) -> Tensor:
    share = gap.sigmoid()
    return torch.addcmul(share, share, share, value=-1)  # share (1 - share), in one pass


LOGISTIC = PairCost(lambda gap: F.softplus(gap, threshold=40.0), torch.sigmoid, _bump)

Weigh = Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]


class Pairs(NamedTuple):
    """What a pair costs, and its weight: ``weigh(rows' facts (n, b, 1), columns' facts (n, 1, m)) -> (n, b, m)``."""

    cost: PairCost
    weigh: Weigh


def pair_sums(
    pairs: Pairs,
    first: Float[Tensor, "n p"],
    second: Float[Tensor, "n m"],
    row_facts: Sequence[Float[Tensor, "n p"]],
    column_facts: Sequence[Float[Tensor, "n m"]],
) -> Float[Tensor, "n p"]:
    """For each place of ``first`` the weighted cost of all of ``second`` in the same list."""
    facts = [fact.detach() for fact in (*row_facts, *column_facts)]
    if torch.compiler.is_compiling():  # which fuses the textbook form by itself
        return whole_sums(pairs, len(row_facts), first, second, *facts)
    found: Tensor = _Sums.apply(pairs, len(row_facts), first, second, *facts)
    return found


def whole_sums(
    pairs: Pairs, rows: int, first: Float[Tensor, "n p"], second: Float[Tensor, "n m"], *facts: Tensor
) -> Float[Tensor, "n p"]:
    """The textbook form: all pairs at once."""
    own, columns = [fact.unsqueeze(2) for fact in facts[:rows]], [fact.unsqueeze(1) for fact in facts[rows:]]
    return (pairs.weigh(own, columns) * pairs.cost.value(second.unsqueeze(1) - first.unsqueeze(2))).sum(2)


class _Sums(Function):
    """(pairs, number of row facts, first, second, facts) → sums (n, p)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(pairs: Pairs, rows: int, first: Tensor, second: Tensor, *facts: Tensor) -> Tensor:
        blocks = _blocks(pairs, rows, first, second, facts)
        sums = [pairs.cost.value(gap).mul_(weight).sum(2) for _, gap, weight in blocks]
        return torch.cat(sums, 1) if sums else first.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.pairs, ctx.rows, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        first, second, *facts = ctx.saved_tensors
        if several(upstream):
            slopes = textbook_slopes(
                lambda *own: whole_sums(ctx.pairs, ctx.rows, *own, *facts), [first, second], upstream
            )
        else:
            slopes = _Slopes.apply(ctx.pairs, ctx.rows, upstream, first, second, *facts)
        return (None, None, *slopes, *(None for _ in facts))


class _Slopes(Function):
    """(pairs, number of row facts, upstream, first, second, facts) → the gradient to first and second."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        pairs: Pairs, rows: int, upstream: Tensor, first: Tensor, second: Tensor, *facts: Tensor
    ) -> tuple[Tensor, Tensor]:
        by_first, by_second = [], torch.zeros_like(second)
        for place, gap, weight in _blocks(pairs, rows, first, second, facts):
            slope = pairs.cost.slope(gap).mul_(weight) * upstream[:, place].unsqueeze(2)
            by_first.append(-slope.sum(2))
            by_second = by_second + slope.sum(1)
        return torch.cat(by_first, 1) if by_first else torch.zeros_like(first), by_second

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.pairs, ctx.rows, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, along_first: Tensor, along_second: Tensor) -> tuple[Tensor | None, ...]:
        upstream, first, second, *facts = ctx.saved_tensors
        by_upstream, by_first, by_second = [], [], torch.zeros_like(second)
        for place, gap, weight in _blocks(ctx.pairs, ctx.rows, first, second, facts):
            turned = weight * (along_second.unsqueeze(1) - along_first[:, place].unsqueeze(2))
            by_upstream.append((turned * ctx.pairs.cost.slope(gap)).sum(2))
            bent = upstream[:, place].unsqueeze(2) * turned * ctx.pairs.cost.curvature(gap)
            by_first.append(-bent.sum(2))
            by_second = by_second + bent.sum(1)
        if not by_first:
            by_upstream, by_first = [upstream], [first]
        return (None, None, torch.cat(by_upstream, 1), torch.cat(by_first, 1), by_second, *(None for _ in facts))


def _blocks(
    pairs: Pairs, rows: int, first: Tensor, second: Tensor, facts: Sequence[Tensor]
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Rows, gaps (n, b, m) and weights (n, b, m) of each block."""
    step = max(1, PLACES // max(1, second.numel()))
    columns = [fact.unsqueeze(1) for fact in facts[rows:]]
    for start in range(0, first.shape[1], step):
        place = slice(start, start + step)
        own = [fact[:, place].unsqueeze(2) for fact in facts[:rows]]
        yield place, second.unsqueeze(1) - first[:, place].unsqueeze(2), pairs.weigh(own, columns)
