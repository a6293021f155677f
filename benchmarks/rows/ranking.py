"""Losses of lists: against the formulas as they are commonly written, all pairs at once.

The usual package of these losses (allRank) cannot be installed beside the others here, so the peers are plain PyTorch,
written down from the papers in the way that such code is commonly written. Such a package takes lists of different
lengths: the softmax losses race on those, ours with a mask, theirs with a relevance of -1 where an item is padding. The
losses of pairs race on full lists, where the peers have no padding to look for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

import perdita.functional as P
from benchmarks.race import Measured, agree, peaks, race, value_and_gradient
from benchmarks.registry import row
from perdita.compare.train.memory import peak_bytes

SHAPE = "64 lists of 240 items, relevance 0 to 4, value and gradient"
PEER = "plain PyTorch, all pairs at once"
PADDED_SHAPE = "64 lists of 120 to 240 items padded to 240, relevance 0 to 4, value and gradient"
PADDED_PEER = "plain PyTorch that knows padding by its relevance"
INDEXED_PEER = "plain PyTorch that fills the padding by index, as allRank does"
PADDING = -1.0
Loss = Callable[[Tensor, Tensor], Tensor]


def lists(n: int = 64, m: int = 240) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, m, generator=generator), torch.randint(0, 5, (n, m), generator=generator).float()


def padded_lists(n: int = 64, m: int = 240) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, relevance with -1 for padding, and what is no padding."""
    scores, target = lists(n, m)
    length = torch.randint(m // 2, m + 1, (n, 1), generator=torch.Generator().manual_seed(1))
    there = torch.arange(m) < length
    return scores, target.where(there, PADDING), there


def shares(target: Tensor) -> Tensor:
    gain = 2**target - 1
    best = (gain.sort(dim=1, descending=True).values / steps(target)).sum(1, keepdim=True)
    return gain / best.clamp(min=1e-10)


def steps(like: Tensor) -> Tensor:
    return torch.log2(torch.arange(like.shape[1]) + 2.0)


def plain_lambda_rank(scores: Tensor, target: Tensor) -> Tensor:
    """Sorted by score; probabilities raised to the weights, clamped, and their logarithms of the pairs in order."""
    order = scores.argsort(dim=1, descending=True)
    scores, target, gain = scores.gather(1, order), target.gather(1, order), shares(target).gather(1, order)
    above = target.unsqueeze(2) - target.unsqueeze(1) > 0
    discount = 1 / steps(scores)
    weight = (gain.unsqueeze(2) - gain.unsqueeze(1)).abs() * (discount.unsqueeze(1) - discount).abs()
    gaps = (scores.unsqueeze(2) - scores.unsqueeze(1)).clamp(-1e8, 1e8)
    likely = (gaps.sigmoid().clamp(min=1e-10) ** weight).clamp(min=1e-10)
    return -likely.log()[above].sum() / len(scores)


def plain_rank_net(scores: Tensor, target: Tensor) -> Tensor:
    above = target.unsqueeze(2) > target.unsqueeze(1)
    values = torch.nn.functional.softplus(scores.unsqueeze(1) - scores.unsqueeze(2))
    return (torch.where(above, values, 0.0).sum((1, 2)) / above.sum((1, 2))).mean()


def plain_approx_ndcg(scores: Tensor, target: Tensor) -> Tensor:
    rank = 0.5 + torch.sigmoid(scores.unsqueeze(1) - scores.unsqueeze(2)).sum(2)
    return 1 - (shares(target) / torch.log2(1 + rank)).sum(1).mean()


def plain_neural_ndcg(scores: Tensor, target: Tensor) -> Tensor:
    """Ten rounds of scaling, each of which makes the matrix anew."""
    m = scores.shape[1]
    apart = (scores.unsqueeze(2) - scores.unsqueeze(1)).abs().sum(2)
    coefficient = m + 1 - 2 * torch.arange(1, m + 1)
    matrix = (coefficient.view(1, -1, 1) * scores.unsqueeze(1) - apart.unsqueeze(1)).softmax(2)
    for _ in range(10):
        matrix = matrix / matrix.sum(2, keepdim=True).clamp(min=1e-10)
        matrix = matrix / matrix.sum(1, keepdim=True).clamp(min=1e-10)
    placed = (matrix @ shares(target).unsqueeze(2)).squeeze(2)
    return 1 - (placed / steps(scores)).sum(1).mean()


def plain_list_mle(scores: Tensor, target: Tensor) -> Tensor:
    """Sums of exponentials from the end on, in the scale of the list's largest score."""
    ranking, order = target.sort(dim=1, descending=True, stable=True)
    gone = ranking == PADDING
    ranked = scores.gather(1, order).masked_fill(gone, -torch.inf)
    ranked = ranked - ranked.amax(1, keepdim=True)
    tails = ranked.exp().flip(1).cumsum(1).flip(1)
    return ((tails + 1e-10).log() - ranked).masked_fill(gone, 0.0).sum(1).mean()


def plain_list_net(scores: Tensor, target: Tensor) -> Tensor:
    gone = target == PADDING
    likely = scores.masked_fill(gone, -torch.inf).softmax(1)
    return -(target.masked_fill(gone, -torch.inf).softmax(1) * (likely + 1e-10).log()).sum(1).mean()


def indexed_list_net(scores: Tensor, target: Tensor) -> Tensor:
    """The same, on copies into which the padding is written by a boolean index."""
    scores, target, gone = scores.clone(), target.clone(), target == PADDING
    scores[gone] = -torch.inf
    target[gone] = -torch.inf
    return -(target.softmax(1) * (scores.softmax(1) + 1e-10).log()).sum(1).mean()


def plain_xe_ndcg(scores: Tensor, target: Tensor) -> Tensor:
    gone = target == PADDING
    likely = scores.masked_fill(gone, -torch.inf).softmax(1)
    share = (2**target - 0.5).masked_fill(gone, 0.0)
    return -(share / share.sum(1, keepdim=True) * (likely + 1e-10).log()).sum(1).mean()


def against(ours: Loss, theirs: Loss) -> Measured:
    given = lists()
    agree(value_and_gradient(ours, *given), value_and_gradient(theirs, *given), rtol=1e-4, atol=1e-5)
    first, second = (partial(value_and_gradient, loss, *given) for loss in (ours, theirs))
    return replace(race(first, second, unit="ms", repeats=9), **peaks(first, second))


def against_padded(ours: Callable[..., Tensor], theirs: Loss) -> Measured:
    scores, target, there = padded_lists()
    masked, relevance = partial(ours, mask=there), target.clamp(min=0.0)
    agree(
        value_and_gradient(masked, scores, relevance), value_and_gradient(theirs, scores, target), rtol=1e-4, atol=1e-5
    )
    first = partial(value_and_gradient, masked, scores, relevance)
    second = partial(value_and_gradient, theirs, scores, target)
    return replace(race(first, second, unit="ms", loops=20), **peaks(first, second))


@row("ranking-lambda-rank", peer=PEER, shape=SHAPE, unit="ms", target="ours / theirs <= 0.4")
def lambda_rank() -> Measured:
    return against(P.lambda_rank, plain_lambda_rank)


@row("ranking-lambda-rank-memory", peer=PEER, shape=SHAPE, unit="MiB at the peak", target="ours / theirs <= 0.5")
def lambda_rank_memory() -> Measured:
    given = lists()
    ours, theirs = (peak_bytes(partial(value_and_gradient, f, *given)) for f in (P.lambda_rank, plain_lambda_rank))
    return Measured(ours / 2**20, theirs / 2**20, peak_ours=ours, peak_theirs=theirs)


@row("ranking-rank-net", peer=PEER, shape=SHAPE, unit="ms", target="ours / theirs <= 1.0")
def rank_net() -> Measured:
    return against(P.rank_net, plain_rank_net)


@row("ranking-approx-ndcg", peer=PEER, shape=SHAPE, unit="ms", target="ours / theirs <= 1.0")
def approx_ndcg() -> Measured:
    return against(P.approx_ndcg, plain_approx_ndcg)


@row("ranking-neural-ndcg", peer=PEER, shape=SHAPE, unit="ms", target="ours / theirs <= 1.0")
def neural_ndcg() -> Measured:
    return against(P.neural_ndcg, plain_neural_ndcg)


@row("ranking-list-mle", peer=PADDED_PEER, shape=PADDED_SHAPE, unit="ms", target="ours / theirs <= 1.0")
def list_mle() -> Measured:
    return against_padded(P.list_mle, plain_list_mle)


@row("ranking-list-net", peer=PADDED_PEER, shape=PADDED_SHAPE, unit="ms", target="ours / theirs <= 1.0")
def list_net() -> Measured:
    return against_padded(P.list_net, plain_list_net)


@row("ranking-list-net-indexed", peer=INDEXED_PEER, shape=PADDED_SHAPE, unit="ms", target="ours / theirs <= 1.0")
def list_net_indexed() -> Measured:
    return against_padded(P.list_net, indexed_list_net)


@row("ranking-xe-ndcg", peer=PADDED_PEER, shape=PADDED_SHAPE, unit="ms", target="ours / theirs <= 1.0")
def xe_ndcg() -> Measured:
    return against_padded(P.xe_ndcg, plain_xe_ndcg)
