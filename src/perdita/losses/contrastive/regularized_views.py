"""Two views that agree while every feature keeps its spread and repeats no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

SHARE = Range(0, search=(1.0, 50.0), log=True)


@loss(
    task="contrastive",
    aliases=("VICRegLoss",),
    traits=Traits(nonnegative=True),
    ranges={
        "invariance": SHARE,
        "variance": SHARE,
        "covariance": Range(0, search=(0.1, 10.0), log=True),
        "eps": Range(0),
    },
    cost=Cost(time="n d d", memory="n d + d d", passes=4),
    limits={"extreme_inputs": "its gradient, 25 times the difference of two views at 1e4, is beyond float16"},
)
def vicreg(
    view_1: Float[Tensor, "n d"],
    view_2: Float[Tensor, "n d"],
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    eps: float = 1e-4,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Distance of two views, plus what each feature lacks of a standard deviation of 1, plus squared covariances.

    With C the covariance matrix of a view's d features over the batch (divided by n - 1), summed over both views Z:

    .. math:: \ell = \frac{\lambda}{n d} \sum_i \|z_i - z'_i\|^2 + \sum_Z \Bigl(
        \frac{\mu}{2 d} \sum_j \max(0, 1 - \sqrt{C_{jj} + \text{eps}}) + \frac{\nu}{d} \sum_{j \ne k} C_{jk}^2 \Bigr)

    Args:
        view_1: (n, d) features of the first view.
        view_2: (n, d) features of the second view of the same items.
        invariance: lambda.
        variance: mu.
        covariance: nu.
        eps: keeps the gradient of a constant feature finite.
        mask: (n,); items where it is False do not count.

    Returns:
        One non-negative value; for fewer than two items the first term alone.

    Raises:
        InputError: shapes that differ, a negative share.

    Example:
        >>> view = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> round(perdita.functional.vicreg(view, view, eps=0.0).item(), 4)
        7.8223

    Source:
        Bardes, Ponce, LeCun, "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning", ICLR
        2022, arXiv 2105.04906, equation 6, with the averages of the authors' code: the distance is over d too, and the
        spreads of the two views are averaged.
    """
    there = torch.ones_like(view_1[:, 0]) if mask is None else mask.to(view_1.dtype)
    if mask is not None:
        view_1, view_2 = (torch.where(mask.unsqueeze(1), view, 0.0) for view in (view_1, view_2))
    count = there.sum()
    dimension = max(view_1.shape[1], 1)
    value = invariance * (view_1 - view_2).square().sum() / (count.clamp(min=1) * dimension)
    several = count > 1
    for view in (view_1, view_2):
        centred = (view - view.sum(0) / count.clamp(min=1)) * there.unsqueeze(1)
        matrix = centred.T @ centred / (count - 1).clamp(min=1)  # (d, d)
        own = torch.eye(dimension, dtype=matrix.dtype, device=matrix.device)
        inner = matrix.diagonal() + eps
        flat = inner <= 0
        spread = torch.where(flat, 0.0, torch.where(flat, 1.0, inner).sqrt())
        apart = variance * 0.5 * (1 - spread).clamp_min(0.0).sum() + covariance * (matrix * (1 - own)).square().sum()
        value = value + torch.where(several, apart / dimension, 0.0)
    return value
