"""Likelihood of a class whose log-probabilities are known already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Traits, loss
from perdita.core.numerics import pick

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("nll_loss", "NLLLoss", "negative_log_likelihood"),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        differentiable=True,
    ),
    domains={"log_probs": "log_probs", "class_weight": "nonnegative"},
    cost=Cost(passes=2),
    ignore_index=-100,
)  # fmt: skip
def nll(
    log_probs: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    class_weight: Float[Tensor, "c"] | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of the true class; with logits, take cross_entropy.

    .. math:: \ell = -w_y \log p_y

    The mean divides by the sum of w[target], as PyTorch does. Where every item is ignored it is 0, where PyTorch gives
    NaN.

    Args:
        log_probs: (n, c, *d) log-probabilities over dimension 1.
        target: (n, *d) class indices y.
        class_weight: (c,) weight w of each class, 1 unless given.

    Returns:
        (n, *d) non-negative values, in nats.

    Raises:
        InputError: labels outside 0..c-1, numbers above 0 in log_probs, shapes that do not fit.

    Example:
        >>> log_probs = torch.tensor([[0.5, 0.25, 0.25]]).log()
        >>> perdita.functional.nll(log_probs, torch.tensor([1])).item()
        1.38629...

    Source:
        Equal to torch.nn.functional.nll_loss, where class_weight is called weight.
    """
    values = torch.where(
        log_probs.isnan().any(1), torch.nan, -pick(log_probs, target)
    )  # of any class, not just the true
    if class_weight is None:
        return values
    share = class_weight[target.long()]
    return share * values, share
