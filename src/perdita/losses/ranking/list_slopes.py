"""Whole lists in few passes: values and slopes by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core.numerics import most_negative
from perdita.losses.distillation.rankings import suffix_logsumexp
from perdita.losses.known_slopes import Form

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


def _plain_choice(
    scores: Float[Tensor, "n m"], shares: Float[Tensor, "n m"], counted: Float[Tensor, "n"] | None,
    kept: Bool[Tensor, "n m"] | None,
) -> Float[Tensor, "n"]:  # fmt: skip
    """Cross-entropy of shares that add up to 1 and the softmax of the scores, in the lists that count."""
    return _choice(scores, shares, counted, kept)[0]


def _choice(
    scores: Float[Tensor, "n m"], shares: Float[Tensor, "n m"], counted: Float[Tensor, "n"] | None,
    kept: Bool[Tensor, "n m"] | None,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n m"]]:  # fmt: skip
    if kept is not None:  # where takes a quarter of the time of masked_fill on a processor
        scores = torch.where(kept, scores, most_negative(scores.dtype))
    likely = scores.log_softmax(1)
    values = -(shares * likely).sum(1)
    return values if counted is None else values * counted, likely


def _choice_slope(
    upstream: Float[Tensor, "*n"], scores: Float[Tensor, "n m"], shares: Float[Tensor, "n m"],
    counted: Float[Tensor, "n"] | None, kept: Bool[Tensor, "n m"] | None, likely: Float[Tensor, "n m"],
) -> Float[Tensor, "n m"]:  # fmt: skip
    own = likely.softmax(1)  # the same as exp, which on a processor is slow where it is zero
    upstream = upstream if counted is None else upstream * counted
    return own.sub_(shares).mul_(upstream.unsqueeze(-1))


CHOICE = Form(_plain_choice, _choice, _choice_slope)


def _plain_order(
    scores: Float[Tensor, "n m"], order: Int[Tensor, "n m"], weights: Float[Tensor, "n m"],
    there: Float[Tensor, "n m"] | None,
) -> Float[Tensor, "n"]:  # fmt: skip
    """How unlikely an order is as choices from what is left, each with its weight; what is not there comes last."""
    ranked, here = scores.gather(1, order), None if there is None else there > 0
    if here is not None:
        ranked = torch.where(here, ranked, 0.0)
    return (weights * (suffix_logsumexp(ranked, here) - ranked)).sum(1)


def _order(
    scores: Float[Tensor, "n m"], order: Int[Tensor, "n m"], weights: Float[Tensor, "n m"],
    there: Float[Tensor, "n m"] | None,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n m"], Float[Tensor, "n m"]]:  # fmt: skip
    """In one scale for each list: all scores are near each other, those that are not there too."""
    ranked = scores.gather(1, order)
    ranked = ranked.sub_(ranked.amax(1, keepdim=True))
    share = ranked.exp()
    if there is not None:
        share = share.mul_(there)
    tail = share.flip(1).cumsum(1).flip(1)
    if there is not None:
        tail = tail.add_(torch.finfo(tail.dtype).tiny)  # nothing beside a sum of something
    return tail.log().sub_(ranked).mul_(weights).sum(1), share, tail


def _order_slope(
    upstream: Float[Tensor, "*n"], scores: Float[Tensor, "n m"], order: Int[Tensor, "n m"],
    weights: Float[Tensor, "n m"], there: Float[Tensor, "n m"] | None, share: Float[Tensor, "n m"],
    tail: Float[Tensor, "n m"],
) -> Float[Tensor, "n m"]:  # fmt: skip
    pulled = (weights / tail).cumsum(1).mul_(share).sub_(weights) * upstream.unsqueeze(-1)
    return torch.zeros_like(pulled).scatter(1, order, pulled)


ORDER = Form(_plain_order, _order, _order_slope)
