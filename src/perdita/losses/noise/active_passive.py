"""Robust losses that pull towards the label, and those that push the other classes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, expected
from perdita.losses.noise.robust import reverse_cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("nce",),
    traits=Traits(
        proper=False, convex=False, bounded=True, nonnegative=True, symmetric=True, shift_invariant=True,
        scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def normalized_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy over its sum for all possible labels.

    With p = softmax(logits):

    .. math:: \ell = \frac{\log p_y}{\sum_k \log p_k}

    The sum over all labels is 1 whatever the logits, which makes its minimiser immune to uniform label noise. By
    itself it underfits; `active_passive` adds what is missing. With one class it is 0.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> perdita.functional.normalized_cross_entropy(torch.zeros(1, 4), torch.tensor([0])).item()
        0.25

    Source:
        Ma et al., "Normalized Loss Functions for Deep Learning with Noisy Labels", ICML 2020, arXiv 2006.13554,
        equation 7.
    """
    log_probs = logits.log_softmax(1)
    total = log_probs.sum(1)
    nothing = total == 0
    own = expected(log_probs, target, label_smoothing)
    return torch.where(nothing, total, own / torch.where(nothing, -1.0, total))


@loss(
    task="multiclass",
    aliases=("nce_rce", "nce_and_rce"),
    traits=Traits(
        proper=False, convex=False, bounded=True, nonnegative=True, symmetric=True, shift_invariant=True,
        scale_invariant=False, differentiable=True,
    ),
    ranges={
        "active_weight": Range(0, search=(0.1, 10.0), log=True),
        "passive_weight": Range(0, search=(0.1, 10.0), log=True),
        "log_zero": Range(high=0, open="both", search=(-10.0, -2.0)),
        "label_smoothing": LABEL_SMOOTHING,
    },
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def active_passive(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    active_weight: float = 1.0,
    passive_weight: float = 1.0,
    log_zero: float = -4.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Normalised cross-entropy, which raises the label's probability, plus reverse cross-entropy, which lowers others.

    With p = softmax(logits):

    .. math:: \ell = \text{active\_weight} \frac{\log p_y}{\sum_k \log p_k}
              - \text{passive\_weight} \cdot \text{log\_zero} \cdot (1 - p_y)

    A soft or smoothed target enters both as in `normalized_cross_entropy` and `symmetric_cross_entropy`.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        active_weight: at least 0; 10 for many classes, in the paper.
        passive_weight: at least 0; 0.1 for many classes, in the paper.
        log_zero: negative number that stands for log 0, as in `symmetric_cross_entropy`.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            negative weight, a log_zero that is not negative.

    Example:
        >>> perdita.functional.active_passive(torch.zeros(1, 4), torch.tensor([0])).item()
        3.25...

    Source:
        Ma et al., ICML 2020, arXiv 2006.13554, section 4: NCE + RCE.
    """
    active = normalized_cross_entropy.per_example(logits, target, label_smoothing=label_smoothing)
    passive = reverse_cross_entropy(logits, target, log_zero, label_smoothing)
    return active_weight * active + passive_weight * passive
