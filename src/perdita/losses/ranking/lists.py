"""What every loss of a list begins with: absent items, gains, discounts, and the best order there is.

A list has no loss where it has no relevant item: its value is 0, and the mean does not count it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from perdita.core import Choice, Range
from perdita.core.apply import may_look
from perdita.core.numerics import most_negative

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

GAIN = Choice(("exponential", "linear"))
CUTOFF = Range(1, integer=True)


class Lists(NamedTuple):
    """Scores and relevance without a gradient, both 0 where an item is absent; lists that have a relevant item."""

    scores: Float[Tensor, "n m"]
    target: Float[Tensor, "n m"]
    kept: Bool[Tensor, "n m"]
    counted: Bool[Tensor, "n"]
    ragged: bool  # whether any item may be absent


def as_lists(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    mask: Bool[Tensor, "n m"] | None,
) -> Lists:
    """Take the absent items out. Lists of length 0 get one absent item, so that no sum is over nothing."""
    target = target.detach().to(scores.dtype)
    kept = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
    if scores.shape[1] == 0:
        scores, target, kept = F.pad(scores, (0, 1)), F.pad(target, (0, 1)), F.pad(kept, (0, 1))
        mask = kept
    if mask is not None:
        scores, target = (torch.where(kept, given, 0.0) for given in (scores, target))
    scores = scores + 0.0 * target.sum(1, keepdim=True)  # a NaN of the relevance shows
    return Lists(scores, target, kept, target.amax(1) > 0, mask is not None)


class Choices(NamedTuple):
    """Scores as they are, and relevance without a gradient, hugely negative where an item is absent."""

    scores: Float[Tensor, "n m"]
    target: Float[Tensor, "n m"]
    kept: Bool[Tensor, "n m"] | None  # None where no item may be absent
    top: Float[Tensor, "n"]  # the largest relevance
    counted: Float[Tensor, "n"] | None  # 1 for a list with a relevant item; None where a host saw that all have one


def as_choices(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    mask: Bool[Tensor, "n m"] | None,
) -> Choices:
    """Put the absent items last, without a weight in a softmax. Lists of length 0 get one absent item."""
    target = target.detach()
    if target.dtype is not scores.dtype:
        target = target.to(scores.dtype)
    kept = mask if mask is None or mask.shape == scores.shape else mask.expand_as(scores)
    if scores.shape[1] == 0:
        scores, target = (F.pad(given, (0, 1)) for given in (scores, target))
        kept = torch.zeros_like(scores, dtype=torch.bool)
    if kept is not None:  # where takes a quarter of the time of masked_fill on a processor
        target = torch.where(kept, target, most_negative(target.dtype))
    top = target.amax(1)
    every = may_look({"target": target}) and top.numel() > 0 and top.min().item() > 0
    return Choices(scores, target, kept, top, None if every else top.sign().relu_())


def within_list(values: Float[Tensor, "n m"], kept: Bool[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    """The values, hugely negative where an item is absent: it comes last, and weighs nothing in a softmax."""
    return values.masked_fill(~kept, most_negative(values.dtype))


def falling_order(values: Float[Tensor, "n m"], kept: Bool[Tensor, "n m"] | None) -> Int[Tensor, "n m"]:
    """Places in falling order of the values, equal ones by their place, absent ones at the end."""
    values = values.detach() if kept is None else within_list(values.detach(), kept)
    return in_integers(values).argsort(dim=1, descending=True, stable=True)


def in_integers(values: Float[Tensor, "n m"], positive: bool = False) -> Int[Tensor, "n m"]:
    """Integers in the order of the values: they sort in less time. ``positive``: numbers below 0 are all equal."""
    dtype = torch.int32 if values.dtype is torch.float32 else torch.int64
    bits = (values + 0.0).view(dtype)  # without a zero below zero
    if positive:
        return bits
    return bits ^ ((bits >> (torch.iinfo(dtype).bits - 1)) & torch.iinfo(dtype).max)  # negative ones rise downwards


def gains(lists: Lists, gain: str) -> Float[Tensor, "n m"]:
    """2^t - 1, or t, in a scale of each list's own in which the largest 2^t is 1; 0 where an item is absent."""
    if gain == "linear":
        return lists.target
    top = lists.target.amax(1, keepdim=True)
    return torch.exp2(lists.target - top) - torch.exp2(-top)


def discounts(like: Float[Tensor, "n m"], k: int | None = None) -> Float[Tensor, "m"]:
    """1 / log2(1 + rank) of the ranks 1 … m, and 0 beyond rank k."""
    rank = torch.arange(1, like.shape[1] + 1, device=like.device)
    found = 1 / torch.log2(1 + rank.to(like.dtype))
    return found if k is None else torch.where(rank <= k, found, 0.0)


def shares(lists: Lists, gain: str, k: int | None = None) -> Float[Tensor, "n m"]:
    """Each item's gain over the discounted gains of the best order: NDCG is their discounted sum."""
    own = gains(lists, gain)
    best = (own.sort(dim=1, descending=True).values * discounts(own, k)).sum(1, keepdim=True)
    return own / torch.where(best == 0, 1.0, best)
