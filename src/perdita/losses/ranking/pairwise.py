"""Pairs within a list: the more relevant item should have the higher score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.losses.ranking.lists import CUTOFF, GAIN, as_lists
from perdita.losses.ranking.pair_sums import LOGISTIC, Pairs, pair_sums
from perdita.losses.ranking.swap_weights import WEIGHTINGS, is_above, swap_weights

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

SCALE = Range(0, open="low", search=(0.1, 10.0), log=True)
PAIRS_COST = Cost(time="n m m", memory="n m", passes=4)


@loss(
    task="ranking",
    aliases=("pairwise_logistic", "pairwise_logistic_loss"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={"scale": SCALE},
    domains={"target": "nonnegative"},
    cost=PAIRS_COST,
)
def rank_net(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    scale: float = 1.0,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Logistic loss of the score differences of a list, over all pairs of different relevance.

    With P = {(i, j): t_i > t_j} of a list with scores s and relevance t:

    .. math:: \ell = \frac{1}{|P|} \sum_{(i, j) \in P} \log(1 + e^{-\text{scale} (s_i - s_j)})

    Every list counts the same, however many pairs it has. The matrix of pairs is never held as a whole.

    Args:
        scores: (n, m) scores s of the m items of each of n lists.
        target: (n, m) relevance t, from 0 on; only its order counts.
        scale: σ of the logistic curve.
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) non-negative values; 0, and not counted in the mean, where no item is relevant.

    Raises:
        InputError: relevance below 0, a scale that is not above 0, shapes that do not fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])
        >>> perdita.functional.rank_net(scores, target).item()
        0.81326...

    Source:
        Burges et al., "Learning to Rank using Gradient Descent", ICML 2005, equation 3, with certain preferences.
    """
    lists = as_lists(scores, target, mask)
    scaled = scale * lists.scores
    above = torch.where(lists.kept, lists.target, -1.0)
    below = torch.where(lists.kept, lists.target, math.inf)
    total = pair_sums(Pairs(LOGISTIC, is_above), scaled, scaled, (above,), (below,)).sum(1)
    return total / _pairs(above, lists.kept).clamp(min=1), lists.counted


def _pairs(target: Float[Tensor, "n m"], kept: Bool[Tensor, "n m"]) -> Float[Tensor, "n"]:
    """How many pairs of different relevance each list has; absent items have a target below all others."""
    ordered = target.sort(dim=1).values.contiguous()
    lower = torch.searchsorted(ordered, ordered)  # how many are below each, the absent ones among them
    present = (ordered >= 0).to(target.dtype)
    absent = (~kept).sum(1, keepdim=True)
    return ((lower - absent) * present).sum(1)


@loss(
    task="ranking",
    aliases=("lambdarank", "lambda_loss", "LambdaLoss", "lambdaLoss"),
    traits=Traits(
        convex=False, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=False
    ),
    ranges={"scale": SCALE, "gain": GAIN, "k": CUTOFF, "weighting": Choice(WEIGHTINGS), "mix": Range(0)},
    domains={"target": "nonnegative"},
    cost=PAIRS_COST,
)
def lambda_rank(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    scale: float = 1.0,
    gain: str = "exponential",
    k: int | None = None,
    weighting: str = "lambda_rank",
    mix: float = 10.0,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""RankNet's pairs, each weighed by what swapping its two items would change in NDCG.

    With g the gains over those of the best order, r the ranks by the scores and D(r) = 1 / log2(1 + r), 0 beyond k:

    .. math:: \ell = \sum_{t_i > t_j} |g_i - g_j|\, |D(r_i) - D(r_j)|\, \log(1 + e^{-\text{scale} (s_i - s_j)})

    The ranks have no gradient. A pair counts at a cutoff k where at least one of its items is among the first k.
    The matrix of pairs is never held as a whole. Other weights W_ij of a pair than these, of the LambdaLoss framework:

    - "ndcg_loss1": g_i D(r_i), and "ndcg_loss2": |g_i - g_j| |D(|r_i - r_j|) - D(|r_i - r_j| + 1)|, whose losses bound
      1 - NDCG; "ndcg_loss2++": mix times the weight of "ndcg_loss2" plus that of "lambda_rank".
    - "uniform": 1, "difference": t_i - t_j, "squared_difference": t_i^2 - t_j^2; RankNet's sums.

    Args:
        scores: (n, m) scores s of the m items of each of n lists; equal ones rank by their place.
        target: (n, m) relevance t, from 0 on.
        scale: σ of the logistic curve.
        gain: "exponential" for 2^t - 1, "linear" for t.
        k: cutoff of NDCG; None for the whole list.
        weighting: "lambda_rank", "ndcg_loss1", "ndcg_loss2", "ndcg_loss2++", "uniform", "difference" or
            "squared_difference".
        mix: of "ndcg_loss2++", mu of the paper.
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) non-negative values; 0, and not counted in the mean, where no item is relevant.

    Raises:
        InputError: relevance below 0, a scale that is not above 0, another gain or weighting, k below 1, shapes that do
            not fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])
        >>> perdita.functional.lambda_rank(scores, target).item()
        0.52570...

    Source:
        Burges, Ragno, Le, "Learning to Rank with Nonsmooth Cost Functions", NeurIPS 2006; as a loss: Wang et al., "The
        LambdaLoss Framework for Ranking Metric Optimization", CIKM 2018, section 4. In nats; divide by log 2 for bits.
    """
    lists = as_lists(scores, target, mask)
    scaled = scale * lists.scores
    weigh, rows, columns = swap_weights(lists, weighting, gain=gain, k=k, mix=mix)
    return pair_sums(Pairs(LOGISTIC, weigh), scaled, scaled, rows, columns).sum(1), lists.counted
