"""Log-odds of one class against all others, from which p, 1 - p and their logarithms follow without cancellation.

With m = log(p / (1 - p)): p = sigmoid(m), -log p = -logsigmoid(m) and log(1 - p) = logsigmoid(-m). No gradient is
infinite or NaN at p = 0 or p = 1, where powers of an explicit 1 - p would make it so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core.numerics import class_indicator, most_negative, pick

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def target_log_odds(logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    """m of the target class: its logit minus the log-sum-exp of all others."""
    others = logits.masked_fill(class_indicator(target, logits), most_negative(logits.dtype))
    return pick(logits, target) - others.logsumexp(1)


def class_logarithms(logits: Float[Tensor, "n c *d"]) -> tuple[Float[Tensor, "n c *d"], Float[Tensor, "n c *d"]]:
    """log p and log(1 - p) of every class, for losses that want both and not their difference."""
    index = logits.argmax(1, keepdim=True)
    top = class_indicator(index.squeeze(1), logits)
    others = logits.masked_fill(top, most_negative(logits.dtype)).logsumexp(1, keepdim=True)  # (n, 1, *d)
    whole = torch.logaddexp(others, logits.gather(1, index))
    log_p = logits - whole
    rest = torch.log1p(-log_p.masked_fill(top, -1.0).exp())
    return log_p, torch.where(top, others - whole, rest)


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
