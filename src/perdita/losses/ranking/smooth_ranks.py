"""NDCG itself as the loss, with ranks or a sorting that have a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import most_negative
from perdita.losses.ranking.lists import CUTOFF, GAIN, Lists, as_lists, discounts, falling_order, shares
from perdita.losses.ranking.soft_ranks import soft_counts

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

TEMPERATURE = Range(0, open="low", search=(0.05, 5.0), log=True)
SMALLEST = 1e-12  # of a row or column sum that is divided by


@loss(
    task="ranking",
    aliases=("approxndcg", "ApproxNDCGLoss", "approxNDCGLoss"),
    traits=Traits(
        convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={"temperature": TEMPERATURE, "gain": GAIN},
    domains={"target": "nonnegative"},
    cost=Cost(time="n m m", memory="n m", passes=4),
)
def approx_ndcg(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    temperature: float = 1.0,
    gain: str = "exponential",
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""1 - NDCG with soft ranks: an item's rank counts how many others are above it, by a sigmoid.

    With g the gains over those of the best order:

    .. math:: r_i = 1 + \sum_{j \ne i} \sigma\Big(\frac{s_j - s_i}{\text{temperature}}\Big), \qquad
        \ell = 1 - \sum_i \frac{g_i}{\log_2(1 + r_i)}

    The soft ranks lie among the mixtures of orders, so the value is never below 0. The matrix of pairs is never held as
    a whole.

    Args:
        scores: (n, m) scores s of the m items of each of n lists.
        target: (n, m) relevance, from 0 on.
        temperature: lower ones are nearer to NDCG, and flatter.
        gain: "exponential" for 2^t - 1, "linear" for t.
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) values in [0, 1]; 0, and not counted in the mean, where no item is relevant.

    Raises:
        InputError: relevance below 0, a temperature that is not above 0, another gain, shapes that do not fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])
        >>> perdita.functional.approx_ndcg(scores, target).item()
        0.36907...

    Source:
        Qin, Liu, Li, "A General Approximation Framework for Direct Optimization of Information Retrieval Measures",
        Information Retrieval 2010, section 4.
    """
    lists = as_lists(scores, target, mask)
    scaled = lists.scores / temperature
    rank = 0.5 + soft_counts(scaled, lists.kept if lists.ragged else None)  # half above itself
    reached = (shares(lists, gain) / torch.log2(1 + rank)).sum(1)
    return (1 - reached) * lists.counted, lists.counted


@loss(
    task="ranking",
    aliases=("neuralndcg", "NeuralNDCGLoss", "neuralNDCG"),
    traits=Traits(convex=False, bounded=True, shift_invariant=True, scale_invariant=False),
    ranges={
        "temperature": TEMPERATURE, "gain": GAIN, "k": CUTOFF, "sinkhorn_iterations": Range(0, 1000, integer=True),
    },
    domains={"target": "nonnegative"},
    cost=Cost(time="n m m", memory="n m m", passes=60),
)  # fmt: skip
def neural_ndcg(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    temperature: float = 1.0,
    gain: str = "exponential",
    k: int | None = None,
    sinkhorn_iterations: int = 10,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""1 - NDCG with a soft sorting: the gains, ordered by a matrix that is nearly a permutation.

    With D(r) = 1 / log2(1 + r), 0 beyond k, and g the gains over those of the best order:

    .. math:: P_r = \mathrm{softmax}\Big( \frac{(m + 1 - 2 r)\, s - \sum_j |s - s_j|}{\text{temperature}} \Big),
        \qquad \ell = 1 - \sum_r D(r) \sum_i \tilde P_{ri}\, g_i

    P̃ is P after some rounds of Sinkhorn scaling, each of the rows and then of the columns, so that no item is placed
    twice; the paper has up to 50. The scaling is by vectors, so that the matrix is held once, not once for each round.

    Args:
        scores: (n, m) scores s of the m items of each of n lists.
        target: (n, m) relevance, from 0 on.
        temperature: lower ones are nearer to NDCG, and flatter.
        gain: "exponential" for 2^t - 1, "linear" for t.
        k: cutoff of NDCG; None for the whole list.
        sinkhorn_iterations: rounds of scaling; 0 for none.
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) values, nearly in [0, 1]; 0, and not counted in the mean, where no item is relevant.

    Raises:
        InputError: relevance below 0, a temperature that is not above 0, another gain, k below 1, shapes that do not
            fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])
        >>> perdita.functional.neural_ndcg(scores, target, temperature=0.01).item()
        0.36907...

    Source:
        Pobrotyn, Białobrzeski, "NeuralNDCG: Direct Optimisation of a Ranking Metric via Differentiable Relaxation of
        Sorting", 2021, arXiv 2102.07831, equations 6 to 8; the sorting: Grover et al., ICLR 2019, arXiv 1903.08850.
    """
    lists = as_lists(scores, target, mask)
    order = falling_order(lists.scores, lists.kept)
    share = shares(lists, gain, k).gather(1, order)
    there = lists.kept.gather(1, order)  # now the first ones of each list
    matrix = _soft_sorting(lists, order, there, temperature)
    rows, columns = _sinkhorn(matrix, there, sinkhorn_iterations)
    sorted_gains = rows * torch.einsum("nri,ni->nr", matrix, columns * share)
    return (1 - (sorted_gains * discounts(share, k)).sum(1)) * lists.counted, lists.counted


def perturbed_scores(
    scores: Float[Tensor, "n m"], *, samples: int = 32, scale: float = 0.1, generator: torch.Generator | None = None
) -> Float[Tensor, "s n m"]:
    """The scores with Gumbel noise, several times: `neural_ndcg` of each is the stochastic form of NeuralSort.

    Source: Grover, Wang, Zweig, Ermon, "Stochastic Optimization of Sorting Networks via Continuous Relaxations", ICLR
    2019, arXiv 1903.08850, section 4.2.
    """
    noise = torch.rand(samples, *scores.shape, generator=generator, dtype=scores.dtype, device=scores.device)
    tiny = torch.finfo(scores.dtype).tiny
    return scores - scale * (-noise.clamp_min(tiny).log()).clamp_min(tiny).log()


def _soft_sorting(
    lists: Lists, order: Int[Tensor, "n m"], there: Bool[Tensor, "n m"], temperature: float
) -> Float[Tensor, "n m m"]:
    """Row r of P: where the item of rank r comes from, in falling order; rows and columns of absent items are 0."""
    ranked = lists.scores.gather(1, order) / temperature
    ranked = torch.where(there, ranked - ranked[:, :1].detach(), 0.0)
    size = there.sum(1, keepdim=True)
    rank = torch.arange(1, ranked.shape[1] + 1, device=ranked.device)
    until = ranked.cumsum(1)
    apart = (size - 2 * rank) * ranked + 2 * until - until[:, -1:]  # sum of |s - s_j|, in falling order
    logits = (size + 1 - 2 * rank).unsqueeze(2) * ranked.unsqueeze(1) - apart.unsqueeze(1)
    matrix = logits.masked_fill(~there.unsqueeze(1), most_negative(ranked.dtype)).softmax(2)
    return matrix * there.unsqueeze(2)


def _sinkhorn(
    matrix: Float[Tensor, "n m m"], there: Bool[Tensor, "n m"], iterations: int
) -> tuple[Float[Tensor, "n m"], Float[Tensor, "n m"]]:
    """Factors of the rows and of the columns."""
    rows = columns = there.to(matrix.dtype)
    for _ in range(iterations):
        rows = there / (matrix * columns.unsqueeze(1)).sum(2).clamp(min=SMALLEST)
        columns = there / (rows.unsqueeze(1) @ matrix).squeeze(1).clamp(min=SMALLEST)
    return rows, columns
