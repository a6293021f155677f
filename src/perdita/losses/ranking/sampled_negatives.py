"""An item that a user chose, against others drawn for comparison: the familiar losses of recommenders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import mask_classes

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

NEGATIVES_COST = Cost(time="n m", memory="n m", passes=4)


class Chosen(NamedTuple):
    """Scores of the chosen item and of the others, 0 where they are absent."""

    positive: Float[Tensor, "n"]
    negative: Float[Tensor, "n m"]
    share: Float[Tensor, "n m"]  # 1 over the number of negatives that are there, 0 for the others
    kept: Bool[Tensor, "n m"] | None
    counted: Bool[Tensor, "n"]


def as_chosen(positive: Float[Tensor, "n"], negative: Float[Tensor, "n m"], mask: Bool[Tensor, "n m"] | None) -> Chosen:
    """Take the absent items out. A row of a mask without any True is no user."""
    if mask is None:
        even = torch.full_like(negative, 1 / max(negative.shape[1], 1))
        return Chosen(positive, negative, even, None, torch.ones_like(positive, dtype=torch.bool))
    kept, counted = mask.expand_as(negative), mask.any(1)
    share = kept.to(negative.dtype) / kept.sum(1, keepdim=True).clamp(min=1)
    return Chosen(torch.where(counted, positive, 0.0), torch.where(kept, negative, 0.0), share, kept, counted)


@loss(
    task="ranking",
    aliases=("bpr", "BPRLoss", "bpr_loss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, scale_invariant=False, differentiable=True),
    cost=NEGATIVES_COST,
)
def bayesian_personalized_ranking(
    positive: Float[Tensor, "n"], negative: Float[Tensor, "n m"], *, mask: Bool[Tensor, "n m"] | None = None
) -> Float[Tensor, "n"]:
    r"""Logistic loss of a chosen item's score above each of m others (BPR).

    .. math:: \ell = \frac{1}{m} \sum_j \log(1 + e^{-(s^+ - s_j)})

    Args:
        positive: (n,) score of the item that was chosen.
        negative: (n, m) scores of the others.
        mask: boolean (n, m), False for a negative that is not there, or (n,) for rows.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: shapes that do not fit.

    Example:
        >>> perdita.functional.bayesian_personalized_ranking(torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).item()
        0.81326...

    Source:
        Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009, arXiv 1205.2618, section
        4.1, without the weight decay.
    """
    positive, negative, share, _, counted = as_chosen(positive, negative, mask)
    return -(share * F.logsigmoid(positive.unsqueeze(1) - negative)).sum(1) * counted, counted


@loss(
    task="ranking",
    aliases=("pairwise_hinge",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, scale_invariant=False, differentiable=False),
    ranges={"margin": Range(0, search=(0.1, 2.0), log=True)},
    cost=NEGATIVES_COST,
)
def sampled_hinge(
    positive: Float[Tensor, "n"],
    negative: Float[Tensor, "n m"],
    *,
    margin: float = 1.0,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""What a chosen item's score lacks to a margin above each of m others.

    .. math:: \ell = \frac{1}{m} \sum_j \max(0, \text{margin} - (s^+ - s_j))

    For two scores and a sign see `margin_ranking`.

    Args:
        positive: (n,) score of the item that was chosen.
        negative: (n, m) scores of the others.
        margin: from 0 on.
        mask: boolean (n, m), False for a negative that is not there, or (n,) for rows.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a margin below 0, shapes that do not fit.

    Example:
        >>> perdita.functional.sampled_hinge(torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).item()
        1.0

    Source:
        Weimer et al., "Improving Maximum Margin Matrix Factorization", Machine Learning 2008; the baseline of SimpleX,
        arXiv 2109.12613, section 3.2.
    """
    positive, negative, share, _, counted = as_chosen(positive, negative, mask)
    return (share * F.relu(margin - positive.unsqueeze(1) + negative)).sum(1) * counted, counted


@loss(
    task="ranking",
    traits=Traits(convex=True, bounded=False, nonnegative=True, scale_invariant=False, differentiable=True),
    ranges={"temperature": Range(0, open="low", search=(0.02, 2.0), log=True)},
    cost=NEGATIVES_COST,
)
def sampled_softmax(
    positive: Float[Tensor, "n"],
    negative: Float[Tensor, "n m"],
    *,
    temperature: float = 1.0,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Cross-entropy of finding a chosen item among m others.

    .. math:: \ell = -\log \frac{e^{s^+ / T}}{e^{s^+ / T} + \sum_j e^{s_j / T}}

    Negatives drawn unevenly call for their log-probabilities to be taken off the scores. For embeddings see `info_nce`.

    Args:
        positive: (n,) score of the item that was chosen.
        negative: (n, m) scores of the others.
        temperature: T.
        mask: boolean (n, m), False for a negative that is not there, or (n,) for rows.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a temperature that is not above 0, shapes that do not fit.

    Example:
        >>> perdita.functional.sampled_softmax(torch.tensor([1.0]), torch.tensor([[0.0, 2.0]])).item()
        1.40760...

    Source:
        Bengio, Senécal, "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic Language Model",
        IEEE Transactions on Neural Networks 2008, with an even proposal.
    """
    positive, negative, _, kept, counted = as_chosen(positive, negative, mask)
    others = mask_classes(negative / temperature, kept)
    scores = torch.cat([positive.unsqueeze(1) / temperature, others], 1)
    return -scores.log_softmax(1)[:, 0] * counted, counted


@loss(
    task="ranking",
    aliases=("sampled_bce",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, scale_invariant=False, differentiable=True),
    ranges={"negative_weight": Range(0, search=(0.1, 10.0), log=True)},
    cost=NEGATIVES_COST,
)
def sampled_cross_entropy(
    positive: Float[Tensor, "n"],
    negative: Float[Tensor, "n m"],
    *,
    negative_weight: float = 1.0,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Binary cross-entropy of a chosen item and of m others, item by item.

    .. math:: \ell = \log(1 + e^{-s^+}) + \frac{\text{negative\_weight}}{m} \sum_j \log(1 + e^{s_j})

    Args:
        positive: (n,) logit of the item that was chosen.
        negative: (n, m) logits of the others.
        negative_weight: of the negatives' mean; m makes it their sum.
        mask: boolean (n, m), False for a negative that is not there, or (n,) for rows.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a weight below 0, shapes that do not fit.

    Example:
        >>> perdita.functional.sampled_cross_entropy(torch.tensor([0.0]), torch.tensor([[0.0, 0.0]])).item()
        1.38629...

    Source:
        He et al., "Neural Collaborative Filtering", WWW 2017, arXiv 1708.05031, equation 7, with the negatives' mean.
    """
    positive, negative, share, _, counted = as_chosen(positive, negative, mask)
    others = -(share * F.logsigmoid(-negative)).sum(1)
    return (negative_weight * others - F.logsigmoid(positive)) * counted, counted


@loss(
    task="ranking",
    aliases=("sampled_mse",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, scale_invariant=False, differentiable=True),
    ranges={"negative_weight": Range(0, search=(0.1, 10.0), log=True)},
    cost=NEGATIVES_COST,
)
def sampled_square(
    positive: Float[Tensor, "n"],
    negative: Float[Tensor, "n m"],
    *,
    negative_weight: float = 1.0,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Squared distance of a chosen item's score to 1, and of m others' to 0.

    .. math:: \ell = (1 - s^+)^2 + \frac{\text{negative\_weight}}{m} \sum_j s_j^2

    Args:
        positive: (n,) score of the item that was chosen.
        negative: (n, m) scores of the others.
        negative_weight: of the negatives' mean.
        mask: boolean (n, m), False for a negative that is not there, or (n,) for rows.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a weight below 0, shapes that do not fit.

    Example:
        >>> perdita.functional.sampled_square(torch.tensor([0.5]), torch.tensor([[0.5, 0.0]])).item()
        0.375

    Source:
        Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, with drawn negatives.
    """
    positive, negative, share, _, counted = as_chosen(positive, negative, mask)
    others = (share * negative.square()).sum(1)
    return ((1 - positive).square() + negative_weight * others) * counted, counted
