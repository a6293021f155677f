"""An anchor's positives against all its negatives at once: as neighbours, by an angle, by a gap between two lists."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Range, Traits
from perdita.losses.embedding.angular.margins import add_angle
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import masked_logsumexp, masked_sum

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


@pair_loss(
    similarity="squared_euclidean",
    aliases=("NCALoss", "neighborhood_components", "neighbourhood_components_analysis"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"scale": Range(0, open="low", search=(0.1, 32.0), log=True)},
)
def nca(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    scale: float = 1.0,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""How unlikely it is that a neighbour, drawn by a softmax of the similarities, is of the anchor's class.

    With A all items but the anchor:

    .. math:: \ell = -\log \frac{\sum_{p \in P} e^{\text{scale} \cdot s_p}}{\sum_{a \in A} e^{\text{scale} \cdot s_a}}

    It is `sup_con` of the form "in" less log |P|. An anchor without a positive has the value 0 and is not counted in
    the mean.

    Args:
        scale: 1 / temperature.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a scale <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[0.0], [1.0], [2.0], [4.0]])
        >>> perdita.functional.nca(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.96088...

    Source:
        Goldberger, Roweis, Hinton, Salakhutdinov, "Neighbourhood Components Analysis", NeurIPS 2004, the objective g of
        section 2 (the sum of log-probabilities). There the embedding is a linear map, and nothing is normalised.
    """
    logits = scale * similarity
    found = masked_logsumexp(logits, positive | negative) - masked_logsumexp(logits, positive)
    some = positive.any(1)
    return torch.where(some, found, 0.0).clamp_min(0.0), some


@pair_loss(
    aliases=("TupletMarginLoss",),
    traits=Traits(convex=False, nonnegative=True),
    ranges={
        "margin": Range(0, math.pi / 2, search=(0.02, 0.3)),
        "scale": Range(0, open="low", search=(8.0, 128.0), log=True),
    },
)
def tuplet_margin(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    margin: float = 0.1,
    scale: float = 64.0,
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    r"""Soft maximum of all negatives over each positive, whose angle is made smaller by a slack first.

    With theta_p the angle to a positive:

    .. math:: \ell = \sum_{p \in P}
        \log \Bigl(1 + \sum_{n \in N} e^{\text{scale} (s_n - \cos(\theta_p - \text{margin}))}\Bigr)

    The slack keeps the closest positives from counting: a class need not become one point. The count of an anchor is
    the number of its positives. The similarity must be a cosine; it is held 1e-7 away from -1 and 1.

    Args:
        margin: the slack in radians; 0.1 is 5.73 degrees.
        scale: sharpness of the maximum.

    Returns:
        (n,) non-negative values, one for each anchor: sums over its positives.

    Raises:
        InputError: a margin outside [0, pi / 2], a scale <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.tuplet_margin(embedding, torch.tensor([0, 0, 1, 1]), scale=1.0).item()
        0.92360...

    Source:
        Yu, Tao, "Deep Metric Learning with Tuplet Margin Loss", ICCV 2019.
    """
    eased = add_angle(similarity.flatten(), -margin).view_as(similarity)
    most = masked_logsumexp(scale * similarity, negative).unsqueeze(1)
    value = masked_sum(F.softplus(most - scale * eased, threshold=40.0), positive)
    return value, positive.sum(1).to(value.dtype)


@pair_loss(
    similarity="normalized_euclidean",
    aliases=("RankedListLoss", "rll"),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={
        "margin": Range(0, search=(0.1, 0.8)),
        "boundary": Range(0, search=(0.8, 1.6)),
        "balance": Range(0, 1),
        "positive_temperature": Range(0, search=(0.0, 5.0)),
        "negative_temperature": Range(0, search=(0.0, 15.0)),
    },
)
def ranked_list(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    margin: float = 0.4,
    boundary: float = 1.2,
    balance: float = 0.5,
    positive_temperature: float = 0.0,
    negative_temperature: float = 10.0,
) -> Float[Tensor, "b"]:
    r"""How far positives lie outside a ball and negatives inside a larger one, weighted by how far on the wrong side.

    With the distance D = -s, the radius alpha of the larger ball and m the gap between the two:

    .. math:: \ell = (1 - \lambda) \sum_{p \in P^*} \frac{w_p}{\sum w_p} (D_p - (\alpha - m))
        + \lambda \sum_{n \in N^*} \frac{w_n}{\sum w_n} (\alpha - D_n)

    P^* are the positives with D_p > alpha - m, N^* the negatives with D_n < alpha, and
    w_p = exp(T_p (D_p - (alpha - m))), w_n = exp(T_n (alpha - D_n)). No gradient flows through the weights.

    Args:
        margin: m.
        boundary: alpha; 1 + margin / 2 in the package pytorch-metric-learning.
        balance: lambda, the share of the negatives.
        positive_temperature: T_p; 0 weighs all positives alike.
        negative_temperature: T_n.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a negative margin, boundary or temperature, a balance outside [0, 1], labels below 0.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.ranked_list(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.30534...

    Source:
        Wang, Hua, Kodirov, Hu, Garnier, Robertson, "Ranked List Loss for Deep Metric Learning", CVPR 2019,
        arXiv 1903.03238.
    """
    too_far = -similarity - (boundary - margin)
    too_close = boundary + similarity
    pull = _weighted(too_far, positive & (too_far > 0), positive_temperature)
    push = _weighted(too_close, negative & (too_close > 0), negative_temperature)
    return (1 - balance) * pull + balance * push


def _weighted(amount: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"], temperature: float) -> Float[Tensor, "b"]:
    """Mean of the amounts within a mask, weighted by their exponentials; 0 where the mask is empty."""
    kept = amount * mask.to(amount.dtype)  # a NaN stays
    logits = (temperature * kept.detach()).masked_fill(~mask, torch.finfo(amount.dtype).min / 2)
    share = logits.softmax(1) * mask.to(amount.dtype)
    return (share * kept).sum(1)
