"""How good an order is: NDCG and reciprocal rank of lists, and the area under the ROC curve, pooled and by query.

Lists without a relevant item are left out of a mean; where none is left the result is NaN. Among equally scored items
of a list the earlier one comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component
from perdita.core.numerics import most_negative, widen
from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Num
    from torch import Tensor

PLACES = 1 << 22  # numbers held at once by the bootstrap


def ndcg(
    scores: Float[Tensor, "n m"],
    target: Num[Tensor, "n m"],
    *,
    k: int | None = None,
    gain: str = "exponential",
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over the lists of the discounted gain of the first k items, over that of the best order.

    Torchmetrics takes one list at a time, scikit-learn no mask; both have linear gains, and share them among ties.

    Args:
        scores: (n, m) of the items of each list.
        target: (n, m) relevance, from 0 on.
        k: how many items are looked at; None for all.
        gain: "exponential" for 2^t - 1, "linear" for t.
        mask: (n, m), False for an item that is not there.

    Raises:
        InputError: another gain, k below 1, shapes that do not fit.

    Example:
        >>> ndcg(torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])).item()
        0.63092...
    """
    if gain not in ("exponential", "linear"):
        raise InputError(f"gain must be 'exponential' or 'linear', not {gain!r}")
    found, best, blemish = _in_order(scores, target, mask, k)
    relevant = (best > 0).any(1)
    top = best[:, :1]
    own, ideal = (  # in a scale in which the largest 2^t is 1, so that none is too large
        t if gain == "linear" else torch.exp2(t - top) - torch.exp2(-top) for t in (found, best)
    )
    rank = torch.arange(1, own.shape[1] + 1, device=own.device)
    discount = 1 / torch.log2(1 + rank.to(own.dtype))
    reached, whole = (own * discount).sum(1), (ideal * discount).sum(1)
    return (reached[relevant] / whole[relevant]).mean() + blemish


def mean_reciprocal_rank(
    scores: Float[Tensor, "n m"],
    target: Num[Tensor, "n m"],
    *,
    k: int | None = None,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over the lists of 1 over the rank of the first relevant item, 0 where it is not among the first k.

    Arguments as for `ndcg`; an item is relevant where its target is above 0. Scores may be of either sign, while
    torchmetrics leaves items out whose scores are not above 0.
    """
    found, best, blemish = _in_order(scores, target, mask, k)
    hits = found > 0
    rank = torch.arange(1, hits.shape[1] + 1, device=hits.device)
    first = torch.where(hits, 1 / rank.to(found.dtype), 0.0).amax(1)
    return first[(best > 0).any(1)].mean() + blemish


@component("mw-auc")
def pooled_auc(positive: Float[Tensor, "p"], negative: Float[Tensor, "m"]) -> Float[Tensor, ""]:
    """Share of the pairs of a positive and a negative, whosoever's, in which the positive is above; ties count half.

    Exact, by sorting. NaN where either is empty, or holds a NaN.

    Args:
        positive: scores of the positives of all queries, of any shape.
        negative: scores of the negatives of all queries, of any shape.

    Example:
        >>> pooled_auc(torch.tensor([0.9, 0.4]), torch.tensor([0.4, 0.1])).item()
        0.875
    """
    own, others = (widen(scores).reshape(-1).contiguous() for scores in (positive, negative))
    ordered = others.sort().values
    won = torch.searchsorted(ordered, own) + torch.searchsorted(ordered, own, right=True)
    share = won.double().mean() / (2 * len(others)) if len(others) else won.double().sum() * torch.nan
    return torch.where(own.isnan().any() | others.isnan().any(), torch.nan, share)


@component("mw-auc")
def mean_query_auc(
    positive: Float[Tensor, "n"], negative: Float[Tensor, "n m"], mask: Bool[Tensor, "n m"] | None = None
) -> Float[Tensor, ""]:
    """Mean over the queries of the share of its own negatives that a positive is above; ties count half.

    Where it is far above `pooled_auc`, the order within the queries is right and no threshold serves them all.

    Args:
        positive: (n,) score of each query's positive.
        negative: (n, m) scores of each query's negatives.
        mask: (n, m), False for a negative that is not there.
    """
    own = widen(positive).unsqueeze(1)
    won = (own > negative).double() + (own == negative).double() / 2
    kept = torch.ones_like(won, dtype=torch.bool) if mask is None else align(mask, won.shape, "mask").expand_as(won)
    count = kept.sum(1)
    broken = ((own.isnan() | negative.isnan()) & kept).any()
    shares = torch.where(kept, won, 0.0).sum(1)[count > 0] / count[count > 0]
    return torch.where(broken, torch.nan, shares.mean())


@component("mw-auc")
def auc_interval(
    positive: Float[Tensor, "p"],
    negative: Float[Tensor, "m"],
    *,
    level: float = 0.95,
    draws: int = 1000,
    generator: torch.Generator | None = None,
) -> tuple[float, float]:
    """Bootstrap interval of `pooled_auc`: positives and negatives drawn anew, each among themselves.

    Args:
        positive, negative: as for `pooled_auc`.
        level: share of the draws within the interval.
        draws: how many.
        generator: of the draws.

    Raises:
        InputError: no positive or no negative, a level outside (0, 1), fewer than 2 draws.
    """
    own, others = (widen(scores).reshape(-1).contiguous() for scores in (positive, negative))
    if not (len(own) and len(others)):
        raise InputError(f"positive and negative must not be empty, but hold {len(own)} and {len(others)} scores")
    if not 0 < level < 1 or draws < 2:
        raise InputError(f"level must lie in (0, 1) and draws be at least 2, not {level} and {draws}")
    ordered = others.sort().values
    below, until = (torch.searchsorted(ordered, own, right=right) for right in (False, True))
    found, step = [], max(1, PLACES // (len(own) + len(others)))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        first = torch.randint(len(own), (size, len(own)), generator=generator).to(own.device)
        second = torch.randint(len(others), (size, len(others)), generator=generator).to(own.device)
        counts = torch.zeros(second.shape, dtype=torch.float64, device=own.device)
        counts.scatter_add_(1, second, torch.ones_like(counts))
        reached = torch.nn.functional.pad(counts.cumsum(1), (1, 0))  # draws at or below a place
        won = reached.gather(1, below[first]) + reached.gather(1, until[first])
        found.append(won.mean(1) / (2 * len(others)))
    tail = (1 - level) / 2
    low, high = torch.cat(found).quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64, device=own.device))
    return float(low), float(high)


def _in_order(
    scores: Float[Tensor, "n m"], target: Num[Tensor, "n m"], mask: Bool[Tensor, "n m"] | None, k: int | None
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"], Float[Tensor, ""]]:
    """The relevance of the first k items by their scores, and in the best order (absent items come last, with 0); a
    number to add to the result: NaN where one was given, else 0."""
    if scores.ndim != 2 or target.shape != scores.shape or scores.shape[1] == 0:
        raise InputError(
            f"scores and target must both be (n, m), m at least 1, not {tuple(scores.shape)} and {tuple(target.shape)}"
        )
    if k is not None and k < 1:
        raise InputError(f"k must be at least 1, not {k}")
    scores = widen(scores)
    relevance = target.to(scores.dtype)
    if mask is not None:
        kept = align(mask, scores.shape, "mask").expand_as(scores)
        scores = scores.masked_fill(~kept, most_negative(scores.dtype))
        relevance = torch.where(kept, relevance, 0.0)
    blemish = torch.where(scores.isnan().any() | relevance.isnan().any(), torch.nan, 0.0)
    order = scores.argsort(dim=1, descending=True, stable=True)
    return relevance.gather(1, order)[:, :k], relevance.sort(dim=1, descending=True).values[:, :k], blemish
