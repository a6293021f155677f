"""The losses of packages that are not in the test environment, written down from their formulas in plain PyTorch.

Each takes the names of the page's first block (x, z, w, y, u, v, t, b, s, r) that it needs. The losses of
sentence-transformers hold a model and allRank pulls in a stack of its own, so neither is installed for the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

SCALE = 20.0


def cosines(x: Tensor, z: Tensor) -> Tensor:
    return F.normalize(x, dim=1) @ F.normalize(z, dim=1).T


def cosent(x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    return ordered(F.cosine_similarity(x, z), t)


def ordered(similarity: Tensor, t: Tensor) -> Tensor:
    terms = [
        (SCALE * (similarity[j] - similarity[i])).exp() for i in range(len(t)) for j in range(len(t)) if t[i] > t[j]
    ]
    return torch.log(1 + torch.stack(terms).sum())


def angle(x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    """The quotient of complex vectors, over the quotient of their lengths; real and imaginary parts summed."""
    (a, b), (c, d) = x.chunk(2, 1), z.chunk(2, 1)
    square = (c**2 + d**2).sum(1, keepdim=True)
    real, imaginary = (a * c + b * d) / square, (b * c - a * d) / square
    lengths = (a**2 + b**2).sum(1, keepdim=True).sqrt() / square.sqrt()
    return ordered((torch.cat([real, imaginary], 1) / lengths).sum(1).abs(), t)


def triplets(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    distance = (x.unsqueeze(1) - x).square().sum(2).clamp_min(1e-30).sqrt()
    same = y.unsqueeze(1) == y
    return distance, same & ~torch.eye(len(y), dtype=torch.bool), ~same


def batch_all(x: Tensor, y: Tensor) -> Tensor:
    distance, positive, negative = triplets(x, y)
    gaps = (distance.unsqueeze(2) - distance.unsqueeze(1) + 5.0)[positive.unsqueeze(2) & negative.unsqueeze(1)]
    return gaps[gaps > 0].mean()


def hardest(x: Tensor, y: Tensor) -> Tensor:
    distance, positive, negative = triplets(x, y)
    far = distance.masked_fill(~positive, -math.inf).amax(1)
    return far - distance.masked_fill(~negative, math.inf).amin(1)


def semi_hard(x: Tensor, y: Tensor) -> Tensor:
    distance, positive, negative = triplets(x, y)
    terms = []
    for a, p in positive.nonzero().tolist():
        others = distance[a][negative[a]]
        farther = others[others > distance[a, p]]
        terms.append(F.relu(distance[a, p] - (farther.min() if len(farther) else others.max()) + 5.0))
    return torch.stack(terms).mean()


def ranking(x: Tensor, z: Tensor, w: Tensor | None = None) -> Tensor:
    logits = SCALE * cosines(x, z if w is None else torch.cat([z, w]))
    return F.cross_entropy(logits, torch.arange(len(x)))


def symmetric_ranking(x: Tensor, z: Tensor) -> Tensor:
    return (ranking(x, z) + ranking(z, x)) / 2


def gist(x: Tensor, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
    limit = cosines(u, v).diagonal().unsqueeze(1)
    parts = [
        cosines(first, second).masked_fill(cosines(*guide) > limit, -math.inf)
        for first, second, guide in ((x, z, (u, v)), (x, x, (u, u)), (z, z, (v, v)))
    ]
    return F.cross_entropy(torch.cat(parts, 1) / 0.01, torch.arange(len(x)))


def siamese(x: Tensor, z: Tensor, b: Tensor) -> Tensor:
    distance = 1 - F.cosine_similarity(x, z)
    return (0.5 * (b * distance**2 + (1 - b) * F.relu(0.5 - distance) ** 2)).mean()


def online(x: Tensor, z: Tensor, b: Tensor) -> Tensor:
    distance = 1 - F.cosine_similarity(x, z)
    near, far = distance[b == 1], distance[b == 0]
    late, early = near[near > far.min()], far[far < near.max()]
    return (late**2).sum() + (F.relu(0.5 - early) ** 2).sum()


def mega_batch(x: Tensor, z: Tensor) -> Tensor:
    found = cosines(x, z)
    closest = (found - 2 * torch.eye(len(x))).amax(1)
    return (F.relu(0.8 - found.diagonal()) + F.relu(closest - 0.3)).mean()


def matryoshka(x: Tensor, z: Tensor) -> Tensor:
    return sum((ranking(x[:, :d], z[:, :d]) for d in (8, 4, 2)), torch.zeros(()))


def distill(s: Tensor, r: Tensor) -> Tensor:
    student, teacher = (s / 2).log_softmax(1), (r.double() / 2).softmax(1)
    return 4 * F.kl_div(student, teacher, reduction="batchmean")


SENTENCES: dict[str, Callable[..., Tensor]] = {
    "AnglELoss": angle,
    "BatchAllTripletLoss": batch_all,
    "BatchHardSoftMarginTripletLoss": lambda x, y: torch.log1p(hardest(x, y).exp()).mean(),
    "BatchHardTripletLoss": lambda x, y: F.relu(hardest(x, y) + 5.0).mean(),
    "BatchSemiHardTripletLoss": semi_hard,
    "CachedGISTEmbedLoss": gist,
    "CachedMultipleNegativesRankingLoss": lambda x, z: ranking(x, z),
    "CachedMultipleNegativesSymmetricRankingLoss": symmetric_ranking,
    "CoSENTLoss": cosent,
    "ContrastiveLoss": siamese,
    "ContrastiveTensionLoss": lambda x, z, b: F.binary_cross_entropy_with_logits(
        (x * z).sum(1), b.double(), reduction="sum"
    ),
    "ContrastiveTensionLossInBatchNegatives": symmetric_ranking,
    "CosineSimilarityLoss": lambda x, z, t: F.mse_loss(F.cosine_similarity(x, z), t),
    "DistillKLDivLoss": distill,
    "GISTEmbedLoss": gist,
    "MSELoss": lambda x, z: F.mse_loss(x, z),
    "MarginMSELoss": lambda x, z, w, t: F.mse_loss((x * z).sum(1) - (x * w).sum(1), t),
    "MatryoshkaLoss": matryoshka,
    "MegaBatchMarginLoss": mega_batch,
    "MultipleNegativesRankingLoss": ranking,
    "MultipleNegativesSymmetricRankingLoss": symmetric_ranking,
    "OnlineContrastiveLoss": online,
    "SoftmaxLoss": lambda x, z, y: F.cross_entropy(torch.cat([x, z, (x - z).abs()], 1), y),
    "TripletLoss": lambda x, z, w: F.relu((x - z).norm(dim=1) - (x - w).norm(dim=1) + 5.0).mean(),
}


def gains(r: Tensor) -> Tensor:
    """2^t - 1 of every item over the discounted gains of its list's best order."""
    gain = 2.0 ** r.double() - 1
    best = gain.sort(dim=1, descending=True).values @ (1 / torch.log2(torch.arange(r.shape[1]) + 2.0)).double()
    return gain / best.unsqueeze(1)


def ranks(s: Tensor) -> Tensor:
    return s.detach().argsort(dim=1, descending=True).argsort(dim=1) + 1


def discount(place: Tensor) -> Tensor:
    return 1 / torch.log2(1 + place.double())


def approx_ndcg(s: Tensor, r: Tensor) -> Tensor:
    above = torch.sigmoid(s.unsqueeze(1) - s.unsqueeze(2)) * (1 - torch.eye(s.shape[1]))
    return -(gains(r) / torch.log2(2 + above.sum(2))).sum(1).mean()


def lambda_loss(s: Tensor, r: Tensor, weigh: Callable[..., Tensor], every: bool = False) -> Tensor:
    """Minus the sum, over the pairs in order, of W log2 sigmoid(s_i - s_j)."""
    share, place, level = gains(r), ranks(s), r.double()

    def pair(fact: Tensor) -> tuple[Tensor, Tensor]:
        return fact.unsqueeze(2), fact.unsqueeze(1)

    weight = weigh(pair(share), pair(place), pair(level))
    kept = torch.ones_like(weight, dtype=torch.bool) if every else level.unsqueeze(2) > level.unsqueeze(1)
    gap = s.unsqueeze(2) - s.unsqueeze(1)
    return -(weight * F.logsigmoid(gap))[kept.expand_as(gap)].sum() / math.log(2)


def loss_1(share: tuple[Tensor, Tensor], place: tuple[Tensor, Tensor], level: tuple[Tensor, Tensor]) -> Tensor:
    return (share[0] * discount(place[0])).expand(-1, -1, level[1].shape[2])


def loss_2(share: tuple[Tensor, Tensor], place: tuple[Tensor, Tensor], level: tuple[Tensor, Tensor]) -> Tensor:
    apart = (place[0] - place[1]).abs().clamp(min=1)
    return (share[0] - share[1]).abs() * (discount(apart) - discount(apart + 1))


def swap(share: tuple[Tensor, Tensor], place: tuple[Tensor, Tensor], level: tuple[Tensor, Tensor]) -> Tensor:
    return (share[0] - share[1]).abs() * (discount(place[0]) - discount(place[1])).abs()


def list_mle(s: Tensor, r: Tensor, position: bool = False) -> Tensor:
    total = torch.zeros(())
    for scores, level in zip(s, r, strict=True):
        ranked = scores[level.argsort(descending=True, stable=True)]
        m = len(ranked)
        for i in range(m):
            weight = (2.0 ** (m - i - 1) - 1) / (2.0 ** (m - 1) - 1) if position else 1.0
            total = total + weight * (ranked[i:].logsumexp(0) - ranked[i])
    return total / len(s)


def neural_ndcg(s: Tensor, r: Tensor, transposed: bool = False) -> Tensor:
    m = s.shape[1]
    apart = (s.unsqueeze(2) - s.unsqueeze(1)).abs().sum(2)
    coefficient = m + 1 - 2 * torch.arange(1, m + 1)
    matrix = (coefficient.view(1, -1, 1) * s.unsqueeze(1) - apart.unsqueeze(1)).softmax(2)
    for _ in range(50):
        matrix = matrix / matrix.sum(2, keepdim=True)
        matrix = matrix / matrix.sum(1, keepdim=True)
    steps = discount(torch.arange(1, m + 1))
    if transposed:
        return -(gains(r) * (matrix.transpose(1, 2) @ steps)).sum(1).mean()
    return -((matrix @ gains(r).unsqueeze(2)).squeeze(2) * steps).sum(1).mean()


def rank_net(s: Tensor, r: Tensor) -> Tensor:
    above = r.unsqueeze(2) > r.unsqueeze(1)
    return F.softplus(s.unsqueeze(1) - s.unsqueeze(2))[above].mean()


def ordinal(s: Tensor, r: Tensor) -> Tensor:
    levels = (r.unsqueeze(2) >= torch.arange(1, 5)).double()
    return F.binary_cross_entropy_with_logits(s.unsqueeze(2).expand(5, 7, 4), levels, reduction="sum") / s.numel()


def softmax_against(s: Tensor, share: Tensor) -> Tensor:
    return -(share * s.log_softmax(1)).sum(1).mean()


def halves(r: Tensor) -> Tensor:
    gain = 2.0 ** r.double() - 0.5
    return gain / gain.sum(1, keepdim=True)


LAMBDA = 'lambdaLoss(weighing_scheme="{}_scheme")'
LISTS: dict[str, Callable[..., Tensor]] = {
    "approxNDCGLoss": approx_ndcg,
    "bce": lambda s, r: F.binary_cross_entropy_with_logits(s, (r > 2).double(), reduction="sum") / len(s),
    "binary_listNet": lambda s, r: (
        -(((r > 2) / (r > 2).sum(1, keepdim=True) * s.log_softmax(1))[(r > 2).any(1)].sum(1).mean())
    ),
    LAMBDA.format("ndcgLoss1"): lambda s, r: lambda_loss(s, r, loss_1, every=True),
    LAMBDA.format("ndcgLoss2"): lambda s, r: lambda_loss(s, r, loss_2),
    LAMBDA.format("lambdaRank"): lambda s, r: lambda_loss(s, r, swap),
    LAMBDA.format("ndcgLoss2PP"): lambda s, r: lambda_loss(s, r, lambda *given: 10 * loss_2(*given) + swap(*given)),
    LAMBDA.format("rankNet"): lambda s, r: lambda_loss(s, r, lambda g, p, t: torch.ones_like(g[0] - g[1])),
    LAMBDA.format("rankNetWeightedByGTDiff"): lambda s, r: lambda_loss(s, r, lambda g, p, t: (t[0] - t[1]).abs()),
    LAMBDA.format("rankNetWeightedByGTDiffPowed"): lambda s, r: lambda_loss(
        s, r, lambda g, p, t: (t[0] ** 2 - t[1] ** 2).abs()
    ),
    "listMLE": list_mle,
    "listNet": lambda s, r: softmax_against(s, r.double().softmax(1)),
    "neuralNDCG": neural_ndcg,
    "neuralNDCG_transposed": lambda s, r: neural_ndcg(s, r, transposed=True),
    "neuralNDCG(stochastic=True)": neural_ndcg,
    "ordinal": ordinal,
    "pointwise_rmse": lambda s, r: (5 * s.sigmoid() - r).square().mean(1).sqrt().mean(),
    "rankNet": rank_net,
    "XE-NDCG": lambda s, r: softmax_against(s, halves(r)),
    "p-ListMLE": lambda s, r: list_mle(s, r, position=True),
    "Plackett-Luce": list_mle,
}
