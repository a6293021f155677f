"""A teacher's order as the target: the student makes it likely as a sequence of choices among what is left.

A choice among scores s has the probabilities of their softmax. An order then has the negative log-likelihood
sum over ranks of (logsumexp of the scores from this rank on - score at this rank).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Choice, Cost, InputError, Range, Traits, component, loss
from perdita.core.apply import may_look
from perdita.core.numerics import most_negative
from perdita.losses.distillation.soft_targets import TEMPERATURE

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


def suffix_logsumexp(
    scores: Float[Tensor, "n c *d"], there: Bool[Tensor, "n c *d"] | None = None
) -> Float[Tensor, "n c *d"]:
    """logsumexp of each place and all after it along dimension 1.

    Where a host may look and sees that all scores lie near each other, by running sums in one scale for each row; else
    in log2(c) steps that double the reach, each sum in the scale of its own largest score. ``torch.logcumsumexp`` would
    do, but its second derivative is wrong where a gradient is zero.

    Args:
        scores: (n, c, *d).
        there: (n, c, *d), False for places at the end that do not count; their values mean nothing, and theirs of the
            scores are to be 0.
    """
    if in_one_scale(scores):
        return _suffix_in_one_scale(scores, there)
    if there is not None:
        scores = torch.where(there, scores, most_negative(scores.dtype))
    return _suffix_by_doubling(scores)


def in_one_scale(scores: Float[Tensor, "n c *d"]) -> bool:
    """Whether a host may look and sees that all scores lie so near each other that sums of exponentials need one scale
    alone; a NaN lies near nothing."""
    if not (scores.shape[1] > 1 and may_look({"scores": scores}) and scores.numel()):
        return False
    low, high = torch.aminmax(scores.detach())
    return (high - low).item() < -0.7 * math.log(torch.finfo(scores.dtype).tiny)


def _suffix_in_one_scale(
    scores: Float[Tensor, "n c *d"], there: Bool[Tensor, "n c *d"] | None
) -> Float[Tensor, "n c *d"]:
    top = scores.detach().amax(1, keepdim=True)
    share = (scores - top).exp()
    if there is not None:
        share = share * there.to(share.dtype)
    total = share.flip(1).cumsum(1).flip(1)
    if there is not None:
        total = total + torch.finfo(total.dtype).tiny  # nothing beside a sum of something, and log 0 has no gradient
    return top + total.log()


def _suffix_by_doubling(scores: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    size = scores.shape[1]
    top = scores.detach().flip(1).cummax(1).values.flip(1)  # from here on
    total, falls = (scores - top).exp(), (top[:, 1:] - top[:, :-1]).exp()  # one place's scale in that of the one before
    reach = 1
    while reach < size:
        further = torch.addcmul(total[:, :-reach], falls, total[:, reach:])
        total = torch.cat([further, total[:, size - reach :]], 1)
        falls = falls[:, :-reach] * falls[:, reach:]
        reach *= 2
    return top + total.log()


@component("pld")
def teacher_order(teacher_logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Int[Tensor, "n c *d"]:
    """Classes in falling order of the teacher's logits, the label moved to the front; equal ones by their index."""
    first = teacher_logits.detach().scatter(1, target.long().unsqueeze(1), torch.inf)
    return first.argsort(dim=1, descending=True, stable=True)


@loss(
    task="distillation",
    paper="pld",
    aliases=("pld", "pld_loss"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={"weights": Choice(("teacher", "uniform", "first")), "temperature": TEMPERATURE},
    domains={"step_weights": "nonnegative"},
    ignore_index=-100,
    cost=Cost(time="n c log c", memory="n c log c", passes=12),
)
def plackett_luce_distillation(
    logits: Float[Tensor, "n c *d"],
    teacher_logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    weights: str = "teacher",
    temperature: float = 1.0,
    step_weights: Float[Tensor, "c"] | None = None,
) -> Float[Tensor, "n *d"]:
    r"""How unlikely the student finds the teacher's ranking of the classes, led by the label.

    With π the order of the classes by the teacher's logits t, the label y moved to the front, z the student's logits:

    .. math:: \ell = \sum_{k=1}^{c} a_k \Big( \log \sum_{l \ge k} e^{z_{\pi_l}} - z_{\pi_k} \Big), \qquad
        a_k = \mathrm{softmax}(t / T)_{\pi_k}

    The first step is cross-entropy, weighted by the teacher's probability of the label: add no cross-entropy to it. An
    item whose label the teacher finds impossible hardly counts. With two classes it is that weighted cross-entropy.

    Args:
        logits: (n, c, *d) unnormalised scores z of the student, never softened.
        teacher_logits: (n, c, *d) those t of the teacher. A gradient reaches the weights a, unless they come from
            ``torch.no_grad()``, as a fixed teacher's should; none reaches the order.
        target: (n, *d) class indices y.
        weights: "teacher" as above; "uniform" for 1/c each, ListMLE over c; "first" for the label's step alone with a
            weight of 1, cross-entropy.
        temperature: T of the weights, above 0; the paper has 1 for ImageNet and 4 for CIFAR-100.
        step_weights: (c,) weights a of the steps from the label's on, the same for all items, in place of ``weights``
            (falling ones make P-ListMLE).

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a teacher with another number of classes, labels outside 0..c-1, other weights, step weights below
            0, a temperature that is not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0.0, 1.0, 2.0]])
        >>> perdita.functional.plackett_luce_distillation(logits, teacher_logits, torch.tensor([0])).item()
        0.24509...

    Source:
        Bassam, Zhu, Bian, "PLD: A Choice-Theoretic List-Wise Knowledge Distillation", NeurIPS 2025, arXiv 2506.12542,
        section 4.2. Checked against the listing in the paper's appendix; there is no released code.
    """
    order = teacher_order(teacher_logits, target)
    ranked = logits.gather(1, order)
    steps = suffix_logsumexp(ranked) - ranked
    if step_weights is not None:
        return (step_weights.view(-1, *[1] * (steps.ndim - 2)) * steps).sum(1)
    if weights == "first":
        return steps[:, 0]
    if weights == "uniform":
        return steps.mean(1)
    return (F.softmax(teacher_logits / temperature, 1).gather(1, order) * steps).sum(1)


@component("cprd")
def hardest_negatives(similarities: Float[Tensor, "n m"], positives: Int[Tensor, "n"], k: int) -> Int[Tensor, "n k"]:
    """Columns of the k candidates that the student finds most similar to each query, its positive left out.

    Only these need the cross encoder: n k of its passes instead of n m.

    Args:
        similarities: (n, m) of each query to each candidate.
        positives: (n,) column of each query's own candidate.
        k: from 1 to m - 1.

    Raises:
        InputError: a k outside its range.
    """
    if not 1 <= k < similarities.shape[1]:
        raise InputError(f"k must be from 1 to {similarities.shape[1] - 1}, one less than the candidates, not {k}")
    others = similarities.detach().scatter(1, positives.long().unsqueeze(1), -torch.inf)
    return others.topk(k, dim=1).indices


@loss(
    task="distillation",
    paper="cprd",
    aliases=("cprd", "contrastive_partial_ranking"),
    traits=Traits(bounded=False, nonnegative=True, convex=True, shift_invariant=True, scale_invariant=False),
    ranges={
        "valid_threshold": Range(search=(0.1, 0.9)),
        "temperature": Range(0, open="low", search=(0.02, 0.5), log=True),
        "ties": Choice(("stable", "joint")),
    },
    domains={"valid": "lengths"},
    cost=Cost(time="n k log k", memory="n k log k", passes=12),
)
def partial_ranking_distillation(
    scores: Float[Tensor, "n k"],
    teacher_scores: Float[Tensor, "n k"],
    valid: Int[Tensor, "n"] | None = None,
    *,
    valid_threshold: float = 0.5,
    temperature: float = 0.07,
    ties: str = "stable",
) -> Float[Tensor, "n"]:
    r"""How unlikely the student finds the teacher's order of the negatives that the teacher thinks related.

    With s the student's similarities of a query to its k hardest negatives in falling order of the teacher's scores,
    v of them valid, and T the temperature:

    .. math:: \ell = -\sum_{j \le v} \log \frac{e^{s_j / T}}{\sum_{l \ge j} e^{s_l / T}}

    Each valid negative is set above all that follow, in the form of the contrastive loss that stands beside it; the
    order among the others is not trained. With all valid it is ListMLE. The values of the teacher's scores count
    for nothing but their order and the threshold. Add it to the contrastive loss in both directions.

    Args:
        scores: (n, k) similarities of queries to their negatives (`hardest_negatives`), the positive not among them.
        teacher_scores: (n, k) those of the cross encoder for the same pairs; no gradient reaches them.
        valid: (n,) number of valid negatives, instead of the threshold; more than k is k.
        valid_threshold: a negative is valid where the teacher's score is above it; 0.5 for probabilities, 0 for logits.
        temperature: that of the contrastive loss beside it, above 0.
        ties: "stable" keeps equal teacher scores in the order of their columns, "joint" does not compare them.

    Returns:
        (n,) non-negative values; 0 without valid negatives.

    Raises:
        InputError: a teacher with another number of candidates, a negative number of valid ones, a temperature that is
            not above 0, other ties.

    Example:
        >>> scores, teacher_scores = torch.tensor([[0.2, 0.3, 0.1]]), torch.tensor([[0.9, 0.6, 0.1]])
        >>> perdita.functional.partial_ranking_distillation(scores, teacher_scores, temperature=0.1).item()
        1.53453...

    Source:
        Chen, Ma, Zhang et al., "How to Make Cross Encoder a Good Teacher for Efficient Image-Text Retrieval?", CVPR
        2024, arXiv 2407.07479. A reconstruction: the formula is that of a survey which cites the paper, not verified
        against its text; what makes a negative valid, k, the temperature and the weight are choices made here.
    """
    size = scores.shape[1]
    teacher, order = teacher_scores.detach().sort(dim=1, descending=True, stable=True)
    ranked = scores.gather(1, order) / temperature
    counted = (teacher > valid_threshold).sum(1) if valid is None else valid
    rank = torch.arange(size, device=scores.device)
    tail = suffix_logsumexp(ranked)
    if ties == "joint":
        following = (teacher.unsqueeze(2) <= teacher.unsqueeze(1)).sum(2)  # first rank with a lower teacher score
        lower = tail.gather(1, following.clamp(max=size - 1))
        alone = following == size
        tail = torch.where(alone, ranked, ranked - F.logsigmoid(ranked - torch.where(alone, ranked, lower)))
    value = torch.where(rank < counted.unsqueeze(1), tail - ranked, 0.0).sum(1)
    return torch.where(teacher.isnan().any(1), torch.nan, value)
