"""Two views of one item must agree, without negatives: by a predictor that is stopped, or by features that do not
repeat each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import normalize
from perdita.core.reduction import align
from perdita.losses.contrastive.multi_head import temperature_cost

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

_HELD = "no gradient flows through the projections, as the method demands"


@loss(
    task="contrastive",
    paper="loss-metric-survey",
    aliases=("negative_cosine",),
    traits=Traits(bounded=True),
    cost=Cost(time="n d", memory="n d", passes=4),
    limits={"gradcheck": _HELD, "gradgradcheck": _HELD},
)
def simsiam(
    prediction_1: Float[Tensor, "n d"],
    prediction_2: Float[Tensor, "n d"],
    projection_1: Float[Tensor, "n d"],
    projection_2: Float[Tensor, "n d"],
) -> Float[Tensor, "n"]:
    r"""Minus the cosine of each view's prediction and the other view's projection.

    .. math:: \ell = -\tfrac12 \cos(p_1, \mathrm{sg}(z_2)) - \tfrac12 \cos(p_2, \mathrm{sg}(z_1))

    No gradient flows through the projections: without that all features collapse to one.

    Args:
        prediction_1: (n, d) what the predictor makes of the first view's projection.
        prediction_2: (n, d) likewise of the second.
        projection_1: (n, d) projections z of the first view.
        projection_2: (n, d) of the second.

    Returns:
        (n,) values in [-1, 1].

    Raises:
        InputError: shapes that differ.

    Example:
        >>> view = torch.tensor([[1.0, 0.0]])
        >>> perdita.functional.simsiam(view, view, 2 * view, 3 * view).item()
        -1.0

    Source:
        Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021, arXiv 2011.10566, equation 4.
    """
    first = (normalize(prediction_1) * normalize(projection_2.detach())).sum(1)
    second = (normalize(prediction_2) * normalize(projection_1.detach())).sum(1)
    return -0.5 * (first + second)


@loss(
    task="contrastive",
    paper="loss-metric-survey",
    traits=Traits(nonnegative=True),
    ranges={"redundancy": Range(0, search=(1e-4, 0.1), log=True)},
    cost=Cost(time="n d d", memory="n d + d d", passes=4),
)
def barlow_twins(
    view_1: Float[Tensor, "n d"],
    view_2: Float[Tensor, "n d"],
    *,
    redundancy: float = 5e-3,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""How far the correlations of two views' features, over the batch, are from the identity.

    With C_ij the correlation of feature i of the first view and feature j of the second:

    .. math:: \ell = \sum_i (1 - C_{ii})^2 + \text{redundancy} \sum_{i \ne j} C_{ij}^2

    Args:
        view_1: (n, d) features of the first view.
        view_2: (n, d) features of the second view of the same items.
        redundancy: weight of the features that repeat each other, at least 0.
        weight: (n,); how often an item counts.
        mask: (n,); items where it is False do not count.

    Returns:
        One non-negative value; a feature without any variation correlates with nothing.

    Raises:
        InputError: shapes that differ, a negative redundancy.

    Example:
        >>> view = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> round(perdita.functional.barlow_twins(view, view, redundancy=0.5).item(), 5)
        1.0

    Source:
        Zbontar, Jing, Misra, LeCun, Deny, "Barlow Twins", ICML 2021, arXiv 2103.03230, equation 1.
    """
    correlation, total = _correlations(view_1.unsqueeze(1), view_2.unsqueeze(1), weight, mask)
    own = torch.eye(correlation.shape[1], dtype=correlation.dtype, device=correlation.device)
    value = ((1 - correlation).square() * own).sum() + redundancy * (correlation.square() * (1 - own)).sum()
    return torch.where(total == 0, 0.0 * value, value)


def _correlations(
    view_1: Float[Tensor, "n h d"],
    view_2: Float[Tensor, "n h d"],
    weight: Float[Tensor, "n"] | None,
    mask: Bool[Tensor, "n"] | None,
) -> tuple[Float[Tensor, "h d d"], Float[Tensor, ""]]:
    """The correlation of feature i of the first view and feature j of the second in each head, over the items; and how
    much these count."""
    share = view_1.new_ones(len(view_1))
    if weight is not None:
        share = share * align(weight, share.shape, "weight").to(share.dtype)
    if mask is not None:
        share = torch.where(mask, share, 0.0)
        view_1, view_2 = (torch.where(mask.view(-1, 1, 1), view, 0.0) for view in (view_1, view_2))
    total = share.sum()
    share = (share / torch.where(total == 0, 1.0, total)).view(-1, 1, 1)
    root = torch.where(share == 0, 0.0, torch.where(share == 0, 1.0, share).sqrt())
    columns = [normalize(root * (view - (share * view).sum(0)), dim=0) for view in (view_1, view_2)]
    first, second = (column.transpose(0, 1) for column in columns)  # (h, n, d)
    return first.transpose(1, 2) @ second, total


@loss(
    task="contrastive",
    paper="amcl",
    aliases=("amcl_barlow_twins",),
    traits=Traits(),
    ranges={
        "redundancy": Range(0, search=(1e-4, 0.1), log=True),
        "beta": Range(0, search=(1e-3, 1.0), log=True),
        "dimension": Range(1, integer=True),
    },
    domains={"temperature": "positive"},
    cost=Cost(time="n h d d", memory="n h d + h d d", passes=6),
)
def multi_head_barlow_twins(
    view_1: Float[Tensor, "n h d"],
    view_2: Float[Tensor, "n h d"],
    temperature: Float[Tensor, "h d d"],
    *,
    redundancy: float = 5e-3,
    beta: float = 0.1,
    dimension: int = 128,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Barlow Twins in several heads, each pair of features at its own temperature.

    With C_ij the correlation of feature i of the first view and feature j of the second in a head, t_ij its temperature
    and \Omega(t) = (d'/2) \log t + 1/t, d' the ``dimension``:

    .. math:: \ell = \sum_\text{heads} \Bigl[\sum_i (1 - C_{ii} / t_{ii})^2
        + \text{redundancy} \sum_{i \ne j} C_{ij}^2 / t_{ij}
        + \beta \sum_i \Omega(t_{ii}) - \beta \sum_{i \ne j} \Omega(t_{ij})\Bigr]

    With one head, temperatures of 1 and beta = 0 it is `barlow_twins`. It is unbounded below in the temperatures off
    the diagonal: keep them in an interval, as `perdita.losses.contrastive.multi_head.PairTemperature` does.

    Args:
        view_1: (n, h, d) features of the first view in h heads.
        view_2: (n, h, d) features of the second view of the same items.
        temperature: (h, d, d) t of each feature of the first view and each of the second.
        redundancy: weight of the features that repeat each other, at least 0.
        beta: weight of the temperatures' cost, at least 0.
        dimension: d', the width of the heads in the temperatures' cost.
        weight: (n,); how often an item counts.
        mask: (n,); items where it is False do not count.

    Returns:
        One value for the batch.

    Raises:
        InputError: a temperature <= 0, a negative redundancy or beta, shapes that do not fit.

    Example:
        >>> view = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).unsqueeze(1)
        >>> loss = perdita.functional.multi_head_barlow_twins
        >>> round(loss(view, view, torch.ones(1, 2, 2), redundancy=0.5, beta=0.0).item(), 5)
        1.0

    Source:
        Wang, Koniusz, Gedeon, Zheng, "Adaptive Multi-head Contrastive Learning", ECCV 2024, arXiv 2310.05615, the row
        of Barlow Twins in the table of the authors' repository. Their code has no such form, and the table does not say
        what makes these temperatures: not verified.
    """
    correlation, total = _correlations(view_1, view_2, weight, mask)
    own = torch.eye(correlation.shape[1], dtype=correlation.dtype, device=correlation.device)
    cost = beta * temperature_cost(temperature, dimension)
    diagonal = (1 - correlation / temperature).square() + cost
    off = redundancy * correlation.square() / temperature - cost
    value = (diagonal * own + off * (1 - own)).sum()
    return torch.where(total == 0, 0.0 * value, value)
