"""Dice and Tversky of single items with their labels; (1 - p)^alpha fades those that are decided already."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution, most_negative
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, is_spread, of_log_odds
from perdita.losses.imbalance.hard_negatives import hardest
from perdita.losses.log_odds import split_top

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

ALPHA = Range(0, search=(0.0, 1.0))
SMOOTH = Range(0, search=(1e-4, 10.0), log=True)
NO_LESS = 1e-30  # above this, smooth alone keeps a denominator away from 0
ERROR_WEIGHT = Range(0, search=(0.1, 0.9))


def faded(log_odds: Float[Tensor, "*n"], alpha: float) -> Float[Tensor, "*n"]:
    """(1 - p)^alpha p: the probability, with less of it where it is near 1 already."""
    return torch.exp(alpha * F.logsigmoid(-log_odds) + F.logsigmoid(log_odds))


def dice_of(share: Float[Tensor, "*n"], truth: Float[Tensor, "*n"], smooth: float, square: bool) -> Float[Tensor, "*n"]:
    """1 - (2 w y + smooth) / (w + y + smooth), the two in the denominator squared or not; 0 where it is 0."""
    size = share.square() + truth.square() if square else share + truth
    part, whole = 2 * share * truth + smooth, size + smooth
    return 1 - (part / whole if smooth > NO_LESS else quotient(part, whole))


def quotient(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 1 where the whole is as good as 0: nothing was to be found, and nothing was."""
    empty = whole < torch.finfo(whole.dtype).tiny  # its inverse would overflow
    return torch.where(empty, 1.0, part / torch.where(empty, 1.0, whole))


@loss(
    task="binary",
    paper="dice-nlp",
    aliases=("dsc", "example_dice"),
    traits=Traits(
        proper=False, convex=False, bounded=True, nonnegative=True, shift_invariant=False, scale_invariant=False,
        differentiable=True,
    ),
    ranges={"alpha": ALPHA, "smooth": SMOOTH, "square": Choice((False, True))},
    domains={"target": "binary"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def binary_self_adjusting_dice(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    alpha: float = 0.01,
    smooth: float = 1.0,
    square: bool = False,
) -> Float[Tensor, "n *d"]:
    r"""Dice of one item with its label, where an item that is decided already counts for less.

    With p = sigmoid(logits), y the target and w = (1 - p)^alpha p:

    .. math:: \ell = 1 - \frac{2 w y + \text{smooth}}{w + y + \text{smooth}}

    With square the denominator has w^2 + y^2; alpha = 0 is then the paper's DL, alpha = 1 without squares its DSC. With
    alpha = 1 the loss cannot tell p from 1 - p, whatever the label, and positives are best at p = 1/2; keep it near 0.
    The mean over items is no F1 score: where positives are rare, `set_dice` is what the paper's results need.

    Args:
        logits: (n, *d) unnormalised scores.
        target: (n, *d) labels 0 or 1.
        alpha: at least 0.
        smooth: at least 0, the paper's gamma; with 0 every negative costs 1.
        square: whether the denominator has squares.

    Returns:
        (n, *d) values in [0, 1].

    Raises:
        InputError: a target other than 0 or 1, a negative alpha or smooth.

    Example:
        >>> logits, target = torch.tensor([0.0]), torch.tensor([1])
        >>> perdita.functional.binary_self_adjusting_dice(logits, target, alpha=1.0).item()  # w = 1/4
        0.33333...

    Source:
        Li et al., ACL 2020, arXiv 1911.02855: DL, and DSC with the exponent alpha 1. The released code has the exponent
        0.01.
    """
    return dice_of(faded(logits, alpha), target.to(logits.dtype), smooth, square)


@loss(
    task="binary",
    paper="dice-nlp",
    aliases=("tversky_item",),
    traits=Traits(
        proper=False, convex=False, bounded=True, nonnegative=True, shift_invariant=False, scale_invariant=False,
        differentiable=True,
    ),
    ranges={"false_positive_weight": ERROR_WEIGHT, "false_negative_weight": ERROR_WEIGHT, "smooth": SMOOTH},
    domains={"target": "binary"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def example_tversky(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    false_positive_weight: float = 0.5,
    false_negative_weight: float = 0.5,
    smooth: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""One minus the Tversky index of one item with its label.

    With p = sigmoid(logits), y the target, a = false_positive_weight and b = false_negative_weight:

    .. math:: \ell = 1 - \frac{p y + \text{smooth}}{p y + a\, p (1 - y) + b\, (1 - p) y + \text{smooth}}

    Args:
        logits: (n, *d) unnormalised scores.
        target: (n, *d) labels 0 or 1.
        false_positive_weight: at least 0.
        false_negative_weight: at least 0.
        smooth: at least 0, the paper's gamma.

    Returns:
        (n, *d) values in [0, 1].

    Raises:
        InputError: a target other than 0 or 1, a negative weight or smooth.

    Example:
        >>> perdita.functional.example_tversky(torch.tensor([0.0]), torch.tensor([0]), smooth=1.0).item()  # 1 - 1/1.25
        0.19999...

    Source:
        Li et al., ACL 2020, arXiv 1911.02855: TL, after Tversky, Psychological Review 84, 1977.
    """
    truth = target.to(logits.dtype)
    p, rest = logits.sigmoid(), torch.sigmoid(-logits)
    errors = false_positive_weight * p * (1 - truth) + false_negative_weight * rest * truth
    return 1 - quotient(p * truth + smooth, p * truth + errors + smooth)


@loss(
    task="multiclass",
    paper="dice-nlp",
    aliases=("sadice", "self_adj_dice"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"alpha": ALPHA, "smooth": SMOOTH, "label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def self_adjusting_dice(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    alpha: float = 0.01,
    smooth: float = 1.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Dice of the target's class alone, fading where its probability is near 1 already.

    With p = softmax(logits)_y and w = (1 - p)^alpha p:

    .. math:: \ell = 1 - \frac{2 w + \text{smooth}}{w + 1 + \text{smooth}}

    It is least at p = 1 / (1 + alpha), so alpha stays near 0 unless probabilities near 1 are unwelcome.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        alpha: at least 0.
        smooth: at least 0.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            negative alpha or smooth.

    Example:
        >>> logits = torch.zeros(1, 2)
        >>> perdita.functional.self_adjusting_dice(logits, torch.tensor([0]), alpha=1.0).item()  # w = 1/4
        0.33333...

    Source:
        The form of the package sadice 0.1.3, whose alpha is 1, of Li et al., ACL 2020, arXiv 1911.02855.
    """

    def value(log_odds: Tensor) -> Tensor:
        share = faded(log_odds, alpha)
        return dice_of(share, torch.ones_like(share), smooth, False)

    return of_log_odds(value, logits, target, label_smoothing)


@loss(
    task="multiclass",
    paper="dice-nlp",
    traits=Traits(
        convex=False, bounded=True, nonnegative=True, symmetric=False, shift_invariant=True, scale_invariant=False,
        differentiable=True,
    ),
    ranges={
        "alpha": ALPHA, "smooth": SMOOTH, "label_smoothing": LABEL_SMOOTHING, "hard_negatives": Range(0),
    },
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def one_versus_rest_dice(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    alpha: float = 0.01,
    smooth: float = 1.0,
    label_smoothing: float = 0.0,
    hard_negatives: float | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Dice of an item with its label, for every class against the rest, summed over the classes.

    With p = softmax(logits), y the target as a distribution and w = (1 - p)^alpha p:

    .. math:: \ell = \sum_k \Big(1 - \frac{2 w_k y_k + \text{smooth}}{w_k^2 + y_k^2 + \text{smooth}}\Big)

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities t.
        alpha: at least 0.
        smooth: at least 0; with 0 every wrong class costs 1.
        label_smoothing: in [0, 1].
        hard_negatives: for each item of a class in the batch, how many of the others, those that most resemble it, cost
            anything for that class; None for all.
        mask: (n,) up to (n, *d); items where it is False do not count.

    Returns:
        (n, *d) values in [0, c].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            negative alpha, smooth or hard_negatives.

    Example:
        >>> logits = torch.zeros(1, 2)
        >>> perdita.functional.one_versus_rest_dice(logits, torch.tensor([0]), alpha=0.0).item()  # 1/9 + 1/5
        0.31111...

    Source:
        The released code of Li et al., ACL 2020, arXiv 1911.02855, for several classes and squared denominators, which
        are what its scripts use; without squares it divides an item's overlap by sums over the batch. Its selection of
        hard negatives raises an error for several classes; here each class selects as `set_dice` does.
    """
    if mask is not None:
        there = mask.expand(logits[:, 0].shape)
        logits = torch.where(there.unsqueeze(1), logits, 0.0)
        floating = target.dtype.is_floating_point
        target = torch.where(there.unsqueeze(1) if floating else there, target, 1 / logits.shape[1] if floating else 0)
    index, top, log_p, odds, unit = split_top(logits)
    log_share = torch.add(log_p, torch.log1p(odds * -unit), alpha=alpha)
    log_share = log_share.scatter(1, index, alpha * F.logsigmoid(-top) + F.logsigmoid(top))
    if hard_negatives is not None or is_spread(target, label_smoothing) or smooth <= NO_LESS:
        values = dice_of(log_share.exp(), as_distribution(target, logits, label_smoothing), smooth, True)
        if hard_negatives is not None:
            counted = (
                torch.ones_like(values, dtype=torch.bool) if mask is None else there.unsqueeze(1).expand_as(values)
            )
            values = values * hardest(
                logits.log_softmax(1), as_distribution(target, logits) > 0, counted, hard_negatives
            )
        return values.sum(1)
    place = target.long().unsqueeze(1)
    own = log_share.gather(1, place).squeeze(1).exp()
    wrong = log_share.scatter(1, place, most_negative(logits.dtype))
    # w^2 / (w^2 + smooth), by the logarithm of w: one pass forward and one backward
    return torch.sigmoid(2 * wrong - math.log(smooth)).sum(1) + dice_of(own, torch.ones_like(own), smooth, True)
