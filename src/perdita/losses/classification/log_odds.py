"""Log-odds of one class against all others, from which p, 1 - p and their logarithms follow without cancellation.

With m = log(p / (1 - p)): p = sigmoid(m), -log p = -logsigmoid(m) and log(1 - p) = logsigmoid(-m). No gradient is
infinite or NaN at p = 0 or p = 1, where powers of an explicit 1 - p would make it so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from perdita.core.numerics import class_indicator, most_negative, pick

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def target_log_odds(logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    """m of the target class: its logit minus the log-sum-exp of all others."""
    others = logits.masked_fill(class_indicator(target, logits), most_negative(logits.dtype))
    return pick(logits, target) - others.logsumexp(1)


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
    top = class_indicator(logits.argmax(1), logits)
    others = logits.masked_fill(top, most_negative(logits.dtype)).logsumexp(1, keepdim=True)  # (n, 1, *d)
    log_p = torch.where(top, -1.0, logits.log_softmax(1))
    return torch.where(top, logits - others, log_p - torch.log1p(-log_p.exp()))


def signed_logits(
    logits: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"]
) -> Float[Tensor, "n *d"]:
    """m of a binary target: z for class 1, -z for class 0."""
    return torch.where(target > 0, logits, -logits)
