"""Two views whose hardest negatives are weighed by where their gap stands among all gaps seen so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.embedding.similarity import resolve_similarity

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

LEAST = -2.0  # the smallest gap of two distances of unit vectors; the largest is 2


def hardest_gaps(
    first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], mask: Bool[Tensor, "n"] | None = None
) -> Float[Tensor, "n"]:
    """D_ii less the distance of the closest other item, of either view; 0 where there is no other item."""
    if mask is not None:
        first, second = (torch.where(mask.unsqueeze(1), view, 0.0) for view in (first, second))
    distance = -resolve_similarity("normalized_euclidean")(first, second)  # (n, n)
    others = ~torch.eye(len(first), dtype=torch.bool, device=first.device)
    if mask is not None:
        others = others & mask & mask.unsqueeze(1)
    if len(first) == 0:
        return distance.sum(1)
    away = distance.masked_fill(~others, torch.finfo(distance.dtype).max)
    closest = torch.minimum(away.amin(0), away.amin(1))
    own = distance.diagonal()
    return torch.where(others.any(1), own - closest, 0.0 * own)


def gap_histogram(
    gaps: Float[Tensor, "n"],
    *,
    bins: int = 10,
    previous: Float[Tensor, "bins"] | None = None,
    momentum: float = 0.01,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "bins"]:
    """Shares of the gaps at the nodes from -2 in steps of 4 / bins; a share of ``momentum`` in a moving mean.

    Each gap is shared linearly by the two nodes nearest to it; what lies beyond the last node belongs to it.
    """
    place = ((gaps.detach() - LEAST) * (bins / (-2 * LEAST))).clamp(0, bins - 1).nan_to_num(0.0)
    low = place.floor().clamp(max=max(bins - 2, 0))
    weight = torch.ones_like(place) if mask is None else mask.to(place.dtype)
    found = torch.zeros_like(place[:1]).sum().expand(bins)
    found = found.scatter_add(0, low.long(), weight * (1 - (place - low)))
    found = found.scatter_add(0, (low.long() + 1).clamp(max=bins - 1), weight * (place - low))
    found = found / found.sum().clamp(min=torch.finfo(found.dtype).tiny)
    return found if previous is None else (1 - momentum) * previous + momentum * found


@loss(
    task="embedding",
    rowwise=False,
    aliases=("DynamicSoftMarginLoss",),
    traits=Traits(convex=False, bounded=True),
    ranges={"bins": Range(2, integer=True, search=(5, 50))},
    domains={"histogram": "nonnegative"},
    cost=Cost(time="n n d", memory="n n"),
    limits={
        "gradcheck": "the weights of the gaps are constants to the gradient, as in the paper",
        "gradgradcheck": "the weights of the gaps are constants to the gradient, as in the paper",
    },
)
def dynamic_soft_margin(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    *,
    bins: int = 10,
    histogram: Float[Tensor, "k"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""A pair's distance less that of its hardest negative, weighed by the share of the gaps that are smaller.

    With D the distances of unit vectors of two views:

    .. math:: d_i = D_{ii} - \min_{j \ne i} \min(D_{ij}, D_{ji}), \qquad
        \ell_i = F(d_i)\, d_i

    F is the cumulative distribution of gaps: of this batch, or a ``histogram`` that
    `perdita.losses.embedding.whole_batch.dynamic_margin.gap_histogram` keeps as a moving mean. There is no margin to
    set: easy triplets lose their weight by themselves. No gradient flows through F.

    Args:
        first: (n, d) the first view, of any length.
        second: (n, d) the second view: item i belongs to item i.
        bins: of the batch's own histogram.
        histogram: (k,) shares of gaps at k nodes from -2 in steps of 4 / k.
        mask: (n,); pairs where it is False are not there.

    Returns:
        (n,) values from -2 to 2. A single pair has the value 0.

    Raises:
        InputError: bins below 2, a histogram with numbers below 0, views that differ in shape.

    Example:
        >>> first, second = torch.tensor([[[1.0, 0.0], [0.8, 0.6]], [[0.8, 0.6], [0.6, 0.8]]])
        >>> perdita.functional.dynamic_soft_margin(first, second).item()
        0.24505...

    Source:
        Zhang, Rusinkiewicz, "Learning Local Descriptors with a CDF-Based Dynamic Soft Margin", ICCV 2019.
    """
    gaps = hardest_gaps(first, second, mask)
    if histogram is None:
        histogram = gap_histogram(gaps, bins=bins, mask=mask)
    nodes = len(histogram)
    reached = histogram.detach().to(gaps.dtype).cumsum(0)
    place = ((gaps.detach() - LEAST) * (nodes / (-2 * LEAST))).floor().clamp(0, nodes - 1).nan_to_num(0.0).long()
    return reached[place] * gaps
