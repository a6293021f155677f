"""Any metric of the confusion matrix as a loss: one value for the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch

from perdita.core import Choice, Cost, Range, Traits, component, loss
from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


class Confusion(NamedTuple):
    """How many items are positive or negative, truly or falsely; in fractions of items."""

    true_positive: Float[Tensor, ""]
    false_positive: Float[Tensor, ""]
    false_negative: Float[Tensor, ""]
    true_negative: Float[Tensor, ""]


Metric = Callable[[Confusion], "Tensor"]


@component("anyloss")
def soft_confusion(
    logits: Float[Tensor, "*n"],
    target: Float[Tensor, "*n"] | Int[Tensor, "*n"],
    *,
    steepness: float = 73.0,
    weight: Float[Tensor, "*n"] | None = None,
    mask: Bool[Tensor, "*n"] | None = None,
) -> Confusion:
    r"""The confusion matrix of a batch, with each prediction pushed towards 0 or 1 and yet differentiable.

    An item counts as positive with the amplified probability sigmoid(steepness (p - 1/2)), p = sigmoid(logits).
    1 minus any function of the four counts is a loss, as in `any_loss`.

    Args:
        logits: unnormalised scores.
        target: labels 0 or 1.
        steepness: above 0; the larger, the nearer the counts are to those of the decisions p > 1/2.
        weight, mask: how often each item counts; items where the mask is False do not.

    Source:
        Han, Moniz, Chawla, "AnyLoss", KDD 2024, arXiv 2405.14745.
    """
    target = target.to(logits.dtype)
    share = torch.ones_like(logits)
    if weight is not None:
        share = share * align(weight, logits.shape, "weight").to(logits.dtype)
    if mask is not None:
        counted = align(mask, logits.shape, "mask")
        share, logits, target = (torch.where(counted, values, 0.0) for values in (share, logits, target))
    margin = steepness / 2 * torch.tanh(logits / 2)  # steepness (p - 1/2)
    positive, negative = share * torch.sigmoid(margin), share * torch.sigmoid(-margin)
    return Confusion(
        (target * positive).sum(),
        ((1 - target) * positive).sum(),
        (target * negative).sum(),
        ((1 - target) * negative).sum(),
    )


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 where the whole is 0."""
    nothing = whole == 0
    return torch.where(nothing, 0.0, part / torch.where(nothing, 1.0, whole))


def root(square: Tensor) -> Tensor:
    """The square root, with the gradient 0 at 0 instead of infinity."""
    zero = square <= 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, square).sqrt())


def class_rates(counts: Confusion) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The shares of the positives and of the negatives that are right, and whether there are any."""
    positives = counts.true_positive + counts.false_negative
    negatives = counts.true_negative + counts.false_positive
    right = ratio(counts.true_positive, positives), ratio(counts.true_negative, negatives)
    return *right, positives > 0, negatives > 0


def accuracy(counts: Confusion) -> Tensor:
    """The share of items that are right."""
    return ratio(counts.true_positive + counts.true_negative, torch.stack(counts).sum())


def f_score(counts: Confusion, beta: float = 1.0) -> Tensor:
    """The weighted harmonic mean of precision and recall."""
    twice = (1 + beta**2) * counts.true_positive
    return ratio(twice, twice + beta**2 * counts.false_negative + counts.false_positive)


def balanced_accuracy(counts: Confusion) -> Tensor:
    """The mean of the rates of the classes that occur."""
    sensitivity, specificity, some, others = class_rates(counts)
    return ratio(sensitivity + specificity, some.to(sensitivity.dtype) + others)


def geometric_mean(counts: Confusion) -> Tensor:
    """The geometric mean of the rates of the classes that occur."""
    sensitivity, specificity, some, others = class_rates(counts)
    both = root(sensitivity * specificity)
    return torch.where(some & others, both, sensitivity + specificity)


def jaccard(counts: Confusion) -> Tensor:
    """Hits over everything that is positive in truth or prediction."""
    return ratio(counts.true_positive, counts.true_positive + counts.false_positive + counts.false_negative)


def matthews(counts: Confusion) -> Tensor:
    """The correlation between truth and prediction."""
    hits, false_alarms, misses, rejections = counts
    sides = root((hits + false_alarms) * (hits + misses)) * root((rejections + false_alarms) * (rejections + misses))
    return ratio(hits * rejections - false_alarms * misses, sides)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "g_mean": geometric_mean,
    "jaccard": jaccard,
    "matthews": matthews,
}


@loss(
    task="binary",
    paper="anyloss",
    aliases=("confusion_loss", "soft_f1"),
    traits=Traits(
        proper=None, convex=False, bounded=True, nonnegative=True, shift_invariant=False, scale_invariant=False,
        differentiable=True,
    ),
    ranges={
        "metric": Choice(("f_score", *METRICS)),
        "beta": Range(0, open="low", search=(0.5, 2.0)),
        "steepness": Range(0, open="low", search=(5.0, 90.0), log=True),
    },
    domains={"target": "binary"},
    cost=Cost(time="n", memory="n", passes=4),
)  # fmt: skip
def any_loss(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    metric: str = "f_score",
    beta: float = 1.0,
    steepness: float = 73.0,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""One minus a metric of the batch's soft confusion matrix.

    With y the target, p = sigmoid(logits), the amplified probability a = sigmoid(steepness (p - 1/2)), and sums over
    all items, TP = \sum y a, FP = \sum (1 - y) a, FN = \sum y (1 - a), TN = \sum (1 - y)(1 - a):

    .. math:: \ell = 1 - \text{metric}(TP, FP, FN, TN), \qquad
              F_\text{beta} = \frac{(1 + \text{beta}^2)\, TP}{(1 + \text{beta}^2)\, TP + \text{beta}^2 FN + FP}

    The other metrics are accuracy, balanced_accuracy (the mean of the rates TP / (TP + FN) and TN / (TN + FP)), g_mean
    (their geometric mean), jaccard, TP / (TP + FP + FN), and matthews (the correlation coefficient). For one of your
    own take `perdita.losses.imbalance.confusion.soft_confusion`. A class that is absent leaves the two means; other
    quotients of nothing are 0, so that F of a batch without positives is a loss of 1 without a gradient.

    The value belongs to the batch: parts of a batch do not add up to it, and every batch needs positives. Far from
    p = 1/2 the amplified probability is flat, so that training has to start from small logits. In float32 the largest
    useful steepness is about 34.

    Args:
        logits: (n, *d) unnormalised scores.
        target: (n, *d) labels 0 or 1.
        metric: "f_score", "accuracy", "balanced_accuracy", "g_mean", "jaccard" or "matthews".
        beta: above 0; how many times as much recall matters as precision, in the F score.
        steepness: above 0; the paper's L.
        weight: (n,) up to (n, *d); how often an item counts.
        mask: (n,) up to (n, *d); items where it is False do not count.

    Returns:
        One value, in [0, 1] (in [0, 2] for matthews).

    Raises:
        InputError: a target other than 0 or 1, an unknown metric, a beta or steepness that is not positive.

    Example:
        >>> logits = torch.tensor([0.1, -0.1, 0.1])
        >>> perdita.functional.any_loss(logits, torch.tensor([1, 0, 0]), metric="accuracy").item()
        0.37967...

    Source:
        Han, Moniz, Chawla, "AnyLoss: Transforming Classification Metrics into Loss Functions", KDD 2024,
        arXiv 2405.14745. The authors' notebook puts the size of the whole training set where that of the batch belongs,
        and its hand-written gradient of the geometric mean is four times the true one; here both are as the paper says.
    """
    counts = soft_confusion(logits, target, steepness=steepness, weight=weight, mask=mask)
    found = f_score(counts, beta) if metric == "f_score" else METRICS[metric](counts)
    total = torch.stack(counts).sum()
    return torch.where(total == 0, total, 1 - found)  # nothing is a connected zero
