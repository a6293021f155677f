"""Log-odds of one class against all others, from which p, 1 - p and their logarithms follow without cancellation.

With m = log(p / (1 - p)): p = sigmoid(m), -log p = -logsigmoid(m) and log(1 - p) = logsigmoid(-m). No gradient is
infinite or NaN at p = 0 or p = 1, where powers of an explicit 1 - p would make it so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from perdita.core.numerics import most_negative, pick
from perdita.losses.known_slopes import Form, values_of
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


SURE = 1e-20  # a share of a softmax that has all its digits, and whose inverse is no infinity


def target_log_odds(logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    """m of the target class: its logit minus the log-sum-exp of all others."""
    return values_of(LOG_ODDS, logits, target, by_hand=logits.is_cpu)


def _plain(logits: Tensor, target: Tensor) -> Tensor:
    return pick(logits, target) - put(logits, target, most_negative(logits.dtype)).logsumexp(1)


def _values(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """m; the softmax of the others, minus its sum in the target's place; and that sum, 1 - p without cancellation."""
    place = target.long().unsqueeze(1)
    shares = logits.softmax(1)
    own = shares.gather(1, place)
    rest = shares.scatter_(1, place, 0.0).sum(1, keepdim=True)
    values = (own / rest).log_().squeeze(1)
    lost = ((own < SURE) | (rest < SURE)).squeeze(1)
    if lost.any():  # out of the logits; of the others alone then, so that their sum is one
        rows, index = logits.movedim(1, -1)[lost], target[lost].long().unsqueeze(1)
        others = rows.scatter(1, index, most_negative(logits.dtype))
        values[lost] = rows.gather(1, index).squeeze(1) - others.logsumexp(1)
        shares.movedim(1, -1)[lost] = others.softmax(1)
        rest.squeeze(1)[lost] = 1.0
    return values, shares.scatter_(1, place, -rest), rest


def _slope(upstream: Tensor, logits: Tensor, target: Tensor, shares: Tensor, rest: Tensor) -> Tensor:
    return shares.mul_(-upstream.unsqueeze(1) / rest)


LOG_ODDS = Form(_plain, _values, _slope)


class Split(NamedTuple):
    """The softmax of an item in two: its most probable class, and all others, whose p is at most 1/2."""

    index: Int[Tensor, "n 1 *d"]  # the most probable class
    top: Float[Tensor, "n 1 *d"]  # its m
    log_p: Float[Tensor, "n c *d"]  # of the others; a huge negative number in its place
    odds: Float[Tensor, "n c *d"]  # of the others; 0 in its place
    unit: Float[Tensor, "n 1 *d"]  # what the odds are multiplied by to be p


def split_top(logits: Float[Tensor, "n c *d"]) -> Split:
    """The most probable class and the others: one exp for each class, no comparison, 1 - p without cancellation."""
    best, index = logits.max(1, keepdim=True)
    others = logits.scatter(1, index, most_negative(logits.dtype))
    second = others.amax(1, keepdim=True).detach()
    odds = torch.exp(others - second)
    rest = second + odds.sum(1, keepdim=True).log()  # the log-sum-exp of the others
    whole = torch.logaddexp(rest, best)
    return Split(index, best - rest, others - whole, odds, torch.exp(second - whole))


def class_log_odds(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    """m of every class; only the largest logit, the one class whose p may exceed 1/2, needs a sum over the others."""
    top = logits.argmax(1)
    log_p = put(logits.log_softmax(1), top, -1.0)
    return put(log_p - torch.log1p(-log_p.exp()), top, target_log_odds(logits, top).unsqueeze(1))


def signed_logits(
    logits: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"]
) -> Float[Tensor, "n *d"]:
    """m of a binary target: z for class 1, -z for class 0."""
    return torch.where(target > 0, logits, -logits)
