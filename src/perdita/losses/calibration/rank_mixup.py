"""Confidences ranked as mixup says: a plain item before its mixtures, purer mixtures before others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.known_slopes import Form, values_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

PURE = 1 - 1e-6  # a mixture of two items of one class may round to just below 1
MARGIN = Range(search=(0.5, 3.0))


def confidence(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    """The largest softmax probability."""
    return values_of(CONFIDENCE, logits, by_hand=logits.is_cpu)


def _values(logits: Tensor) -> tuple[Tensor, Tensor]:
    probs = logits.softmax(1)
    return probs.amax(1), probs


def _slope(upstream: Tensor, logits: Tensor, probs: Tensor) -> Tensor:
    """Equal probabilities at the top share what the top one gets."""
    highest = probs.amax(1, keepdim=True)
    top = (probs == highest).to(probs.dtype)
    along = upstream.unsqueeze(1) * highest
    return top.mul_(along / top.sum(1, keepdim=True)).sub_(probs.mul_(along))


CONFIDENCE = Form(lambda logits: torch.exp(logits.amax(1) - logits.logsumexp(1)), _values, _slope)


@loss(
    task="multiclass",
    paper="rankmixup",
    aliases=("mrl", "mixup_ranking_loss"),
    traits=Traits(nonnegative=True, bounded=False, convex=False),
    ranges={"margin": MARGIN},
    domains={"mixup_target": "labels"},
)
def mixup_margin(
    logits: Float[Tensor, "n c"],
    mixup_logits: Float[Tensor, "n c m"],
    mixup_target: Float[Tensor, "n c m"],
    *,
    margin: float = 2.0,
) -> Float[Tensor, "n"]:
    r"""How far an item's largest logit fails to exceed that of its mixtures by a margin.

    With z the logits of an item, z' those of a mixture of it with another item, and t' the mixture's target:

    .. math:: \ell = \frac{1}{m} \sum_{j} [\max_k t'_{kj} < 1] \max(0, \max_k z'_{kj} - \max_k z_k + \text{margin})

    A mixture of two items of one class says nothing and counts as 0. The paper has one mixture (m = 1).

    Args:
        logits: (n, c) unnormalised scores of the plain items.
        mixup_logits: (n, c, m) those of their mixtures.
        mixup_target: (n, c, m) shares of the classes in each mixture; no gradient flows to them.
        margin: 2 for CIFAR-10, 1 for Tiny-ImageNet, in the paper.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: targets that do not sum to one over the classes.

    Example:
        >>> logits, mixed = torch.tensor([[3.0, 0.0]]), torch.tensor([[[1.5], [2.0]]])
        >>> target = torch.tensor([[[0.4], [0.6]]])
        >>> perdita.functional.mixup_margin(logits, mixed, target).item()
        1.0

    Source:
        Noh, Park, Lee, Ham, "RankMixup: Ranking-Based Mixup Training for Network Calibration", ICCV 2023,
        arXiv 2308.11990; on the largest logits, as the authors' code has it, not on probabilities.
    """
    gap = mixup_logits.amax(1) - logits.amax(1).unsqueeze(1) + margin  # (n, m)
    mixed = mixup_target.amax(1) < PURE
    return torch.where(mixed, gap.relu(), 0.0).sum(1) / max(mixup_logits.shape[2], 1)


@loss(
    task="multiclass",
    paper="rankmixup",
    aliases=("m_ndcg", "mixup_ndcg_loss"),
    traits=Traits(nonnegative=True, bounded=True, convex=False, shift_invariant=True, scale_invariant=False),
    domains={"mixup_target": "labels"},
)
def mixup_ndcg(
    logits: Float[Tensor, "n c"], mixup_logits: Float[Tensor, "n c m"], mixup_target: Float[Tensor, "n c m"]
) -> Float[Tensor, "n"]:
    r"""How far the confidences of an item and its mixtures are from the shares of their classes, discounted by rank.

    With p_1 the largest softmax probability of the item and r_1 = 1, and p_2 … p_{m+1}, r_2 … r_{m+1} the largest
    probabilities and the largest targets of its mixtures in falling order of the targets:

    .. math:: D = \sum_k \frac{p_k}{\log_2 (k + 1)}, \quad I = \sum_k \frac{r_k}{\log_2 (k + 1)}, \qquad
              \ell = 1 - \frac{\min(D, I)}{\max(D, I)}

    The quotient is turned over where D exceeds I, so that too much confidence costs as well as too little. Without
    mixtures the value is 0.

    Args:
        logits: (n, c) unnormalised scores of the plain items.
        mixup_logits: (n, c, m) those of their mixtures.
        mixup_target: (n, c, m) shares of the classes in each mixture; no gradient flows to them. A share of 0.3 counts
            as 0.7, that of the class which the mixture shows most.

    Returns:
        (n,) values in [0, 1).

    Raises:
        InputError: targets that do not sum to one over the classes.

    Example:
        >>> logits, mixed = torch.tensor([[2.0, 0.0]]), torch.tensor([[[0.0], [1.0]]])
        >>> target = torch.tensor([[[0.4], [0.6]]])
        >>> perdita.functional.mixup_ndcg(logits, mixed, target).item()
        0.02648...

    Source:
        Noh, Park, Lee, Ham, "RankMixup", ICCV 2023, arXiv 2308.11990, as in the authors' code.
    """
    mixtures = mixup_logits.shape[2]
    if mixtures == 0:
        return 0 * logits.sum(1)
    relevance = mixup_target.detach().amax(1)  # (n, m)
    order = relevance.argsort(stable=True, dim=1, descending=True)
    discount = torch.arange(2, mixtures + 3, dtype=logits.dtype, device=logits.device).log2()
    own, others = confidence(logits), confidence(mixup_logits).gather(1, order)
    gained = own / discount[0] + (others / discount[1:]).sum(1)
    ideal = 1 / discount[0] + (relevance.gather(1, order) / discount[1:]).sum(1)
    return (gained - ideal).abs() / torch.maximum(gained, ideal)


@loss(
    task="multiclass",
    paper="rankmixup",
    traits=Traits(nonnegative=True, bounded=False, convex=False),
    ranges={
        "kind": Choice(("ndcg", "margin")),
        "ranking_weight": Range(0, search=(0.01, 1.0), log=True),
        "margin": MARGIN,
    },
    domains={"mixup_target": "labels"},
    cost=Cost(passes=5),
    ignore_index=-100,
)
def rank_mixup(
    logits: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    mixup_logits: Float[Tensor, "n c m"],
    mixup_target: Float[Tensor, "n c m"],
    *,
    kind: str = "ndcg",
    ranking_weight: float = 0.1,
    margin: float = 2.0,
) -> Float[Tensor, "n"]:
    r"""Cross-entropy of the plain items plus a ranking of their confidences against those of their mixtures.

    .. math:: \ell = -\log \mathrm{softmax}(z)_y + \text{ranking\_weight} \cdot r

    with r the value of `mixup_ndcg` or, with kind="margin", of `mixup_margin`. The mixtures' targets train nothing but
    the ranking. `perdita.training.mixup.multi_mixup` makes the mixtures; the paper has three for "ndcg" and one for
    "margin", and sends plain and mixed items through the network separately, for the sake of batch statistics.

    Args:
        logits: (n, c) unnormalised scores z of the plain items.
        target: (n,) class indices y.
        mixup_logits: (n, c, m) scores of their mixtures.
        mixup_target: (n, c, m) shares of the classes in each mixture; no gradient flows to them.
        kind: "ndcg" or "margin".
        ranking_weight: at least 0.
        margin: for "margin" alone.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, mixed targets that do not sum to one, an unknown kind, a negative weight.

    Example:
        >>> logits, mixed = torch.tensor([[2.0, 0.0]]), torch.tensor([[[0.0], [1.0]]])
        >>> mixed_target = torch.tensor([[[0.4], [0.6]]])
        >>> perdita.functional.rank_mixup(logits, torch.tensor([0]), mixed, mixed_target).item()
        0.12957...

    Source:
        Noh, Park, Lee, Ham, "RankMixup", ICCV 2023, arXiv 2308.11990.
    """
    if kind == "margin":
        ranking = mixup_margin.per_example(logits, mixup_logits, mixup_target, margin=margin)
    else:
        ranking = mixup_ndcg.per_example(logits, mixup_logits, mixup_target)
    return cross_entropy.per_example(logits, target) + ranking_weight * ranking
