"""Losses between cross-entropy and the mean absolute error, on which a wrong label pulls less."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, is_spread, of_surprise
from perdita.losses.log_odds import target_log_odds

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def reverse_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    log_zero: float,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    """-sum_k p_k max(log t_k, log_zero), which for a class index is -log_zero (1 - p_y)."""
    if is_spread(target, label_smoothing):
        truth = as_distribution(target, logits, label_smoothing)
        return -(logits.softmax(1) * truth.clamp_min(math.exp(log_zero)).log()).sum(1)
    return -log_zero * torch.sigmoid(-target_log_odds(logits, target))


@loss(
    task="multiclass",
    aliases=("gce", "generalised_cross_entropy"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"q": Range(0, 1, open="low", search=(0.1, 1.0)), "label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def generalized_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    q: float = 0.7,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""A Box-Cox transform of the target's probability, between cross-entropy and the mean absolute error.

    With p the softmax probability of the target:

    .. math:: \ell = \frac{1 - p^q}{q}

    q towards 0 is cross-entropy, q = 1 half of `softmax_mae`. The gradient is p^q times that of cross-entropy, so an
    item whose label seems wrong pulls little. Every value is below 1/q.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities t.
        q: in (0, 1].
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a q
            outside (0, 1].

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.generalized_cross_entropy(logits, torch.tensor([0]), q=0.7).item()
        0.22053...

    Source:
        Zhang, Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels",
        NeurIPS 2018, arXiv 1805.07836, equation 6.
    """
    return of_surprise(lambda surprise: -torch.expm1(-q * surprise) / q, logits, target, label_smoothing)


@loss(
    task="multiclass",
    aliases=("sce",),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={
        "alpha": Range(0, search=(0.01, 10.0), log=True),
        "beta": Range(0, search=(0.1, 10.0), log=True),
        "log_zero": Range(high=0, open="both", search=(-10.0, -2.0)),
        "label_smoothing": LABEL_SMOOTHING,
    },
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def symmetric_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy plus its reverse, in which target and prediction change places.

    With p = softmax(logits), t the target as a distribution, and log t read as log_zero where it is below:

    .. math:: \ell = -\text{alpha} \sum_k t_k \log p_k - \text{beta} \sum_k p_k \log t_k

    which for a class index y is -alpha log p_y - beta log_zero (1 - p_y).

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        alpha: weight of cross-entropy, at least 0.
        beta: weight of the reverse cross-entropy, at least 0.
        log_zero: negative number that stands for log 0.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            negative alpha or beta, a log_zero that is not negative.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.symmetric_cross_entropy(logits, torch.tensor([0])).item()
        0.87601...

    Source:
        Wang et al., "Symmetric Cross Entropy for Robust Learning with Noisy Labels", ICCV 2019, arXiv 1908.06112,
        equations 5 to 7; the defaults are those for ten classes.
    """
    forward = cross_entropy.per_example(logits, target, label_smoothing=label_smoothing)
    return alpha * forward + beta * reverse_cross_entropy(logits, target, log_zero, label_smoothing)


@loss(
    task="multiclass",
    aliases=("multiclass_mae",),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=True,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def softmax_mae(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Absolute error between the softmax and the target, summed over classes.

    With p = softmax(logits) and t the target as a distribution:

    .. math:: \ell = \sum_k |t_k - p_k|

    For a class index y it is 2 (1 - p_y), whose sum over all labels is 2 (c - 1) whatever the logits, which makes its
    minimiser immune to uniform label noise. Its gradient fades for items that are far from their label, so that
    training is slow.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) values in [0, 2].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.softmax_mae(logits, torch.tensor([0])).item()
        0.42602...

    Source:
        Ghosh, Kumar, Sastry, "Robust Loss Functions under Label Noise for Deep Neural Networks", AAAI 2017,
        arXiv 1712.09482.
    """
    if is_spread(target, label_smoothing):
        return (logits.softmax(1) - as_distribution(target, logits, label_smoothing)).abs().sum(1)
    return 2 * torch.sigmoid(-target_log_odds(logits, target))
