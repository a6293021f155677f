"""Focal losses: cross-entropy that fades where the target is already probable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, of_log_odds
from perdita.losses.log_odds import signed_logits

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

GAMMA = Range(0, search=(0.5, 5.0))
ALPHA = Range(0, 1, search=(0.1, 0.9))


def focal_of(log_odds: Float[Tensor, "*n"], gamma: float) -> Float[Tensor, "*n"]:
    """(1 - p)^gamma (-log p), with the power as exp(gamma log(1 - p))."""
    return -torch.exp(gamma * F.logsigmoid(-log_odds)) * F.logsigmoid(log_odds)


def class_balance(like: Float[Tensor, "n *d"], target: Tensor, alpha: float | None) -> Float[Tensor, "n *d"] | float:
    """Alpha for class 1 and 1 - alpha for class 0, in the dtype of ``like``; None leaves both at 1."""
    if alpha is None:
        return 1.0
    positive = target.to(like.dtype)
    return alpha * positive + (1 - alpha) * (1 - positive)


@loss(
    task="multiclass",
    aliases=("focal_loss", "softmax_focal"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"gamma": GAMMA, "label_smoothing": LABEL_SMOOTHING},
    domains={"class_weight": "nonnegative"},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def focal(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    gamma: float = 2.0,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy with each class's term scaled by a power of the probability that is missing.

    With p = softmax(logits) over dimension 1, t the target as a distribution and w the class_weight, or 1:

    .. math:: \ell = \sum_k w_k\, t_k\, (1 - p_k)^{\text{gamma}} (-\log p_k)

    It is linear in t, so that a soft target gives the expected loss of a class drawn from it. gamma = 0 is
    cross-entropy. The mean divides as that of `cross_entropy`: by the sum of w[target] for class indices.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        gamma: at least 0; the larger, the less an item counts whose target is probable.
        class_weight: (c,) weight of each class, the alpha of the paper for many classes.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            negative gamma.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.focal(logits, torch.tensor([0]), gamma=2.0).item()
        0.01086...

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, arXiv 1708.02002, equations 4 and 5.
    """
    return of_log_odds(lambda log_odds: focal_of(log_odds, gamma), logits, target, label_smoothing, class_weight)


@loss(
    task="binary",
    aliases=("sigmoid_focal", "sigmoid_focal_loss"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True,
    ),
    ranges={"gamma": GAMMA, "alpha": ALPHA},
    domains={"target": "binary"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def binary_focal(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Binary cross-entropy of each element, scaled by a power of the probability that is missing.

    With p the probability of the element's class: sigmoid(z) for target 1, sigmoid(-z) for target 0:

    .. math:: \ell = a\, (1 - p)^{\text{gamma}} (-\log p)

    where a = alpha for class 1 and 1 - alpha for class 0, or 1 for both without alpha.

    Args:
        logits: (n, *d) unnormalised scores z.
        target: (n, *d) labels 0 or 1.
        gamma: at least 0; 0 is binary cross-entropy.
        alpha: weight of class 1 in [0, 1]; class 0 has 1 - alpha. Detectors use 0.25; anything but 0.5 moves the
            decision away from sigmoid(z) = 1/2.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a target other than 0 or 1, a negative gamma, an alpha outside [0, 1].

    Example:
        >>> perdita.functional.binary_focal(torch.tensor([2.0]), torch.tensor([1.0]), gamma=2.0, alpha=0.25).item()
        0.00045...

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, arXiv 1708.02002, equation 5.
    """
    return class_balance(logits, target, alpha) * focal_of(signed_logits(logits, target), gamma)
