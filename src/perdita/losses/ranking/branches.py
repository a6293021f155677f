"""A prediction and the branches that it is made of, each held to the target by how far it lags behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Traits, loss
from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

DETACHED = "the weights of the branches have no gradient, so it is not that of the value"


@loss(
    task="binary",
    paper="fcn-tribce",
    rowwise=False,
    aliases=("TriBCE", "branch_supervision"),
    traits=Traits(bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False),
    domains={"target": "unit", "positive_weight": "nonnegative"},
    cost=Cost(time="n k", memory="n k"),
    limits={"gradcheck": DETACHED, "gradgradcheck": DETACHED},
    link="sigmoid",
)
def tri_bce(
    logits: Float[Tensor, "n"],
    branch_logits: Float[Tensor, "n k"],
    target: Float[Tensor, "n"] | Int[Tensor, "n"],
    *,
    detach_weights: bool = True,
    positive_weight: Float[Tensor, ""] | None = None,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Binary cross-entropy of a prediction, and of its branches by how much worse than it each of them is.

    With b the binary cross-entropy of a logit and B its mean over the batch, z the prediction and d_j its branches:

    .. math:: \ell = b(z) + \sum_j w_j\, b(d_j), \qquad w_j = \max(0, B(d_j) - B(z))

    The paper has two branches, of which z is the mean; then at least one weight is positive unless all three agree.

    Args:
        logits: (n,) logits z of the prediction that is used.
        branch_logits: (n, k) logits of its k branches.
        target: (n,) 0 or 1, or probabilities.
        detach_weights: True takes the weights as constants. False lets their gradient through, as the released code
            does: where both branches lag, the prediction's own gradient is then scaled by 1 less the sum of their
            losses, which is negative early in training. What the paper intends is not known.
        positive_weight: of the positive class in every b, as in `binary_cross_entropy`.
        weight: (n,) of each item, in the batch means too.
        mask: boolean (n,), False for an item that is left out, of the batch means too.

    Returns:
        (n,) non-negative values; with every reduction the weights come from the mean over the batch.

    Raises:
        InputError: a target outside [0, 1], shapes that do not fit.

    Example:
        >>> logits, branch_logits = torch.tensor([1.0]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.tri_bce(logits, branch_logits, torch.tensor([1])).item()
        0.57657...

    Source:
        Li et al., "FCN: Fusing Exponential and Linear Cross Network for Click-Through Rate Prediction", 2024, arXiv
        2407.13349, and the authors' code.
    """
    every = torch.cat([logits.unsqueeze(1), branch_logits], 1)  # (n, 1 + k)
    wanted, share = target.to(every.dtype), torch.ones_like(logits)
    if mask is not None:
        every, wanted = torch.where(mask.unsqueeze(1), every, 0.0), torch.where(mask, wanted, 0.0)
        share = share * mask
    if weight is not None:
        weight = align(weight, logits.shape, "weight").to(share.dtype)
        share = share * (weight if mask is None else torch.where(mask, weight, 0.0))
    values = F.binary_cross_entropy_with_logits(
        every, wanted.unsqueeze(1).expand_as(every), pos_weight=positive_weight, reduction="none"
    )
    total = share.sum()
    means = (share.unsqueeze(1) * values).sum(0) / torch.where(total == 0, 1.0, total)
    lag = F.relu(means[1:] - means[0])
    return values[:, 0] + (values[:, 1:] * (lag.detach() if detach_weights else lag)).sum(1)
