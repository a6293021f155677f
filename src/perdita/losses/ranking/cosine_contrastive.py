"""A chosen item is drawn to its user; of many others only those that come too near are pushed away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Choice, Range, Traits, component, loss
from perdita.losses.ranking.sampled_negatives import NEGATIVES_COST, as_chosen

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


@loss(
    task="ranking",
    paper="simplex-ccl",
    aliases=("ccl", "CosineContrastiveLoss", "SimpleXLoss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, scale_invariant=False, differentiable=False),
    ranges={
        "margin": Range(-1, 1, search=(0.0, 0.95)),
        "negative_weight": Range(0, search=(0.5, 300.0), log=True),
        "negatives": Choice(("mean", "sum")),
    },
    cost=NEGATIVES_COST,
)
def cosine_contrastive(
    positive: Float[Tensor, "n"],
    negative: Float[Tensor, "n m"],
    *,
    margin: float = 0.9,
    negative_weight: float = 150.0,
    negatives: str = "mean",
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""A chosen item's distance to cosine 1, and what each of m others exceeds a margin by.

    With s the cosines of a user and items:

    .. math:: \ell = \max(0, 1 - s^+) + \frac{\text{negative\_weight}}{m} \sum_j \max(0, s_j - \text{margin})

    A negative at or below the margin has no gradient (`active_share` says how many have one). What a good weight is
    depends on m and on the number of items: the paper's 150 with 1,000 of 38,048 items is far too much on 400 items.

    Args:
        positive: (n,) cosine of the user and the item that was chosen.
        negative: (n, m) cosines of the user and the others.
        margin: cosine up to which a negative costs nothing.
        negative_weight: weight of the negatives' mean.
        negatives: "mean" as above; "sum" without the 1/m, with weight 1 the authors' code where theirs is None or 0.
        mask: boolean (n, m), False for a negative that is not there, or (n,) for rows.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a margin outside [-1, 1], a weight below 0, other negatives, shapes that do not fit.

    Example:
        >>> positive, negative = torch.tensor([0.5]), torch.tensor([[0.95, 0.0]])
        >>> perdita.functional.cosine_contrastive(positive, negative, negative_weight=10.0).item()
        0.75000...

    Source:
        Mao et al., "SimpleX: A Simple and Strong Baseline for Collaborative Filtering", CIKM 2021, arXiv 2109.12613,
        equation 4.
    """
    positive, negative, share, kept, counted = as_chosen(positive, negative, mask)
    if negatives == "sum":
        share = torch.ones_like(share) if kept is None else kept.to(share.dtype)
    others = (share * F.relu(negative - margin)).sum(1)
    return (F.relu(1 - positive) + negative_weight * others) * counted, counted


@component("simplex-ccl")
def active_share(
    negative: Float[Tensor, "n m"], margin: float = 0.9, mask: Bool[Tensor, "n m"] | None = None
) -> Float[Tensor, ""]:
    """Share of the negatives above the margin, those that train; 0 where there are none."""
    above = negative > margin
    if mask is None:
        return above.double().sum() / max(above.numel(), 1)
    kept = mask.expand_as(negative)
    return (above & kept).double().sum() / kept.sum().clamp(min=1)
