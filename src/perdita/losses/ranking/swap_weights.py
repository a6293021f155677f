"""What a pair of a list weighs: one if its order matters, or what a swap of its items changes in NDCG.

Every weighting is a function of facts of the upper item, (n, b, 1), and of the lower one, (n, 1, m). It is 0 where the
first is not the more relevant one. An absent item is below nothing and above nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.losses.ranking.lists import Lists, discounts, falling_order, shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from perdita.losses.ranking.pair_sums import Weigh

    Weighting = tuple[Weigh, tuple[Tensor, ...], tuple[Tensor, ...]]

WEIGHTINGS = (
    "lambda_rank", "ndcg_loss1", "ndcg_loss2", "ndcg_loss2++", "uniform", "difference", "squared_difference",
)  # fmt: skip


def is_above(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    """1 where the first fact of the upper item is larger."""
    return (rows[0] - columns[0]).sign_().relu_()


def lead(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    """By how much it is larger."""
    return (rows[0] - columns[0]).relu_()


def ndcg_change(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    """What a swap changes in NDCG: the lead in gain times the difference of the discounts."""
    return (rows[0] - columns[0]).relu_() * (rows[1] - columns[1]).abs_()


def reached_gain(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    """The discounted gain of the upper item."""
    return is_above(rows, columns) * rows[1]


def step_change(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    """The lead in gain times what one more place costs, so far down as the two are apart."""
    apart = (rows[1] - columns[1]).abs_().clamp_min_(1)
    return (rows[0] - columns[0]).relu_() * (1 / torch.log2(1 + apart) - 1 / torch.log2(2 + apart))


def swap_weights(lists: Lists, weighting: str, *, gain: str, k: int | None, mix: float) -> Weighting:
    """A weighting by its name, and the facts of upper and of lower items that it is a function of."""
    rank = falling_order(lists.scores, lists.kept).argsort(dim=1)
    first = None if k is None else (rank < k).to(lists.scores.dtype)

    def hidden(fact: Tensor) -> Tensor:
        return torch.where(lists.kept, fact, math.inf)

    if weighting in ("uniform", "difference", "squared_difference"):
        level = lists.target.square() if weighting == "squared_difference" else lists.target
        return _among_first(is_above if weighting == "uniform" else lead, (level,), (hidden(level),), first)
    share = shares(lists, gain, k)
    discount, place = discounts(share, k)[rank], rank.to(share.dtype)
    if weighting == "lambda_rank":  # a pair beyond k has no discount, and weighs nothing
        return ndcg_change, (share, discount), (hidden(share), discount)
    if weighting == "ndcg_loss1":
        return reached_gain, (share, share * discount), (hidden(share),)
    weigh, upper, lower = _among_first(step_change, (share, place), (hidden(share), place), first)
    if weighting == "ndcg_loss2":
        return weigh, upper, lower

    def both(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
        change = ndcg_change([rows[0], rows[-1]], [columns[0], columns[-1]])
        return change.add_(weigh(rows[:-1], columns[:-1]), alpha=mix)

    return both, (*upper, discount), (*lower, discount)


def _among_first(weigh: Weigh, upper: tuple[Tensor, ...], lower: tuple[Tensor, ...], first: Tensor | None) -> Weighting:
    """The same weighting, 0 where neither item is among the first."""
    if first is None:
        return weigh, upper, lower

    def near_the_top(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
        return weigh(rows[:-1], columns[:-1]) * torch.maximum(rows[-1], columns[-1])

    return near_the_top, (*upper, first), (*lower, first)
