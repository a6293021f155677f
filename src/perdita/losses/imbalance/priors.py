"""Cross-entropy that knows how often each class occurs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import class_indicator
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, along_classes, expected, is_spread
from perdita.losses.log_odds import class_log_odds

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("logit_adjusted_loss",),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"strength": Range(0, search=(0.1, 2.0)), "label_smoothing": LABEL_SMOOTHING},
    domains={"class_counts": "positive"},
    ignore_index=-100,
)  # fmt: skip
def logit_adjusted_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    class_counts: Float[Tensor, "c"] | None = None,
    strength: float = 1.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy with the logarithm of each class's prior added to its logit while training.

    With \pi the classes' shares of class_counts:

    .. math:: \ell = -\log \mathrm{softmax}(z + \text{strength} \cdot \log \pi)_y

    With strength 1 the largest raw logit then predicts as if all classes were equally frequent, which is best for the
    balanced accuracy. Without counts all classes count as equally frequent, and the loss is cross-entropy.

    A soft or smoothed target takes the place of the indicator, as in `cross_entropy`.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        class_counts: (c,) positive; how often each class occurs in the training data.
        strength: at least 0; the temperature of the prior.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values, in nats.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            count that is not positive, a negative strength.

    Example:
        >>> logits, counts = torch.zeros(1, 2), torch.tensor([3.0, 1.0])
        >>> perdita.functional.logit_adjusted_cross_entropy(logits, torch.tensor([1]), class_counts=counts).item()
        1.38629...

    Source:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, arXiv 2007.07314, equation 10.
    """
    if class_counts is not None:
        logits = logits + strength * along_classes((class_counts / class_counts.sum()).log(), logits)
    return cross_entropy.per_example(logits, target, label_smoothing=label_smoothing)


@loss(
    task="multiclass",
    aliases=("cb_loss",),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"beta": Range(0, 1, open="high", search=(0.9, 0.9999)), "label_smoothing": LABEL_SMOOTHING},
    domains={"class_counts": "positive"},
    ignore_index=-100,
)  # fmt: skip
def class_balanced_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    class_counts: Float[Tensor, "c"] | None = None,
    beta: float = 0.999,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy weighted by the inverse of the effective number of each class's items.

    With n_k the counts of c classes:

    .. math:: \ell = -w_y \log \mathrm{softmax}(z)_y, \qquad
              w_k \propto \frac{1 - \text{beta}}{1 - \text{beta}^{n_k}}, \quad \sum_k w_k = c

    beta 0 weighs all classes alike, towards 1 by their inverse frequency. The mean divides by the number of items.
    Without counts the loss is cross-entropy.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        class_counts: (c,) positive; how often each class occurs in the training data.
        beta: in [0, 1).
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            count that is not positive, a beta outside [0, 1).

    Example:
        >>> logits, counts = torch.zeros(1, 2), torch.tensor([1.0, 2.0])
        >>> given = {"class_counts": counts, "beta": 0.5}
        >>> perdita.functional.class_balanced_cross_entropy(logits, torch.tensor([1]), **given).item()
        0.55451...

    Source:
        Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, arXiv 1901.05555,
        equation 5.
    """
    if class_counts is None or beta == 0:
        return cross_entropy.per_example(logits, target, label_smoothing=label_smoothing)
    rarity = -1 / torch.expm1(class_counts * math.log(beta))
    weights = (rarity * (logits.shape[1] / rarity.sum())).to(logits.dtype)
    found = cross_entropy.per_example(logits, target, class_weight=weights, label_smoothing=label_smoothing)
    return found if target.is_floating_point() else found[0]  # the mean divides by the number of items


@loss(
    task="multiclass",
    aliases=("ldam_loss", "label_distribution_aware_margin"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, symmetric=False, shift_invariant=True, scale_invariant=False,
        differentiable=True,
    ),
    ranges={
        "max_margin": Range(0, search=(0.1, 1.0)),
        "scale": Range(0, open="low", search=(1.0, 64.0), log=True),
        "label_smoothing": LABEL_SMOOTHING,
    },
    domains={"class_counts": "positive"},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def ldam(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    class_counts: Float[Tensor, "c"] | None = None,
    max_margin: float = 0.5,
    scale: float = 30.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy after a margin is taken off the target's logit, larger for rarer classes.

    With n_k the counts and e_y the indicator of the target:

    .. math:: \ell = -\log \mathrm{softmax}\big(\text{scale}\, (z - \Delta_y e_y)\big)_y, \qquad
              \Delta_k = \text{max\_margin} \Big(\frac{\min_j n_j}{n_k}\Big)^{1/4}

    The scale is meant for logits that are cosines. Without counts every class has the largest margin.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) scores z, in the paper cosines of features and class weights.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        class_counts: (c,) positive; how often each class occurs in the training data.
        max_margin: at least 0; the margin of the rarest class.
        scale: above 0.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values, in nats.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            count that is not positive, a negative margin, a scale that is not positive.

    Example:
        >>> logits = torch.tensor([[0.5, 0.0]])
        >>> perdita.functional.ldam(logits, torch.tensor([0])).item()
        0.69314...

    Source:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019,
        arXiv 1906.07413, equations 12 and 13; the scale is that of the authors' code.
    """
    if class_counts is None:
        margins = torch.full_like(logits, max_margin)
    else:
        margins = along_classes(max_margin * (class_counts.min() / class_counts) ** 0.25, logits)
    if is_spread(target, label_smoothing):
        return expected(F.softplus(scale * margins - class_log_odds(scale * logits)), target, label_smoothing)
    shifted = logits - torch.where(class_indicator(target, logits), margins, 0.0)
    return cross_entropy.per_example(scale * shifted, target)
