"""Cross-entropy with the wrong logits pinned near zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, of_others

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    paper="squentropy",
    traits=Traits(
        proper=False, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True,
    ),
    ranges={"square_weight": Range(0, search=(0.01, 10.0), log=True), "label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def squentropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    square_weight: float = 1.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy plus the mean squared logit of the wrong classes.

    .. math:: \ell = -\log \mathrm{softmax}(z)_y + \frac{\text{square\_weight}}{c - 1} \sum_{k \ne y} z_k^2

    With one class the second term is 0.

    For a soft or smoothed target it is the expected loss of a class drawn from it. The paper has class indices alone.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        square_weight: weight of the second term; the paper has 1.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            negative square_weight.

    Example:
        >>> logits = torch.tensor([[2.0, 1.0, 0.0]])
        >>> perdita.functional.squentropy(logits, torch.tensor([0])).item()
        0.90760...

    Source:
        Hui, Belkin, Wright, "Cut your Losses with Squentropy", ICML 2023, arXiv 2302.03952, equation 1.
    """
    square = of_others(logits.square(), target, label_smoothing) / max(logits.shape[1] - 1, 1)
    found = cross_entropy.per_example(logits, target, label_smoothing=label_smoothing)
    return found + square_weight * square


@loss(
    task="binary",
    paper="squentropy",
    traits=Traits(
        proper=False, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True,
    ),
    ranges={"square_weight": Range(0, search=(0.01, 10.0), log=True)},
    domains={"target": "unit"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def binary_squentropy(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    square_weight: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""Binary cross-entropy plus the square of half the logit: squentropy of two classes that share one logit.

    A logit z stands for the two scores -z / 2 and z / 2, whose softmax is its sigmoid; whichever is the wrong one, its
    square is the same:

    .. math:: \ell = -t \log \sigma(z) - (1 - t) \log(1 - \sigma(z)) + \text{square\_weight}\, \frac{z^2}{4}

    `squentropy` of these two scores is the same number. With two free outputs a network can move the true score alone,
    which one logit cannot: the square then is a penalty on the logit itself.

    Args:
        logits: (n, *d) unnormalised scores z.
        target: (n, *d) probabilities t of the positive class, or labels 0 and 1.
        square_weight: weight of the second term; the paper has 1.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a target outside [0, 1], a negative square_weight.

    Example:
        >>> perdita.functional.binary_squentropy(torch.tensor([2.0]), torch.tensor([1])).item()
        1.12692...

    Source:
        Hui, Belkin, Wright, "Cut your Losses with Squentropy", ICML 2023, arXiv 2302.03952, equation 1 for two classes;
        that one logit stands for both is this library's reading.
    """
    found = F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    return found + square_weight * (logits / 2).square()
