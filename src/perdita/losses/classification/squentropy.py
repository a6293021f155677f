"""Cross-entropy with the wrong logits pinned near zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import class_indicator
from perdita.losses.classification.cross_entropy import cross_entropy

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
    ranges={"square_weight": Range(0, search=(0.01, 10.0), log=True)},
    cost=Cost(passes=4),
)  # fmt: skip
def squentropy(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], *, square_weight: float = 1.0
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy plus the mean squared logit of the wrong classes.

    .. math:: \ell = -\log \mathrm{softmax}(z)_y + \frac{\text{square\_weight}}{c - 1} \sum_{k \ne y} z_k^2

    With one class the second term is 0.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y.
        square_weight: weight of the second term; the paper has 1.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, a negative square_weight.

    Example:
        >>> logits = torch.tensor([[2.0, 1.0, 0.0]])
        >>> perdita.functional.squentropy(logits, torch.tensor([0])).item()
        0.90760...

    Source:
        Hui, Belkin, Wright, "Cut your Losses with Squentropy", ICML 2023, arXiv 2302.03952, equation 1.
    """
    wrong = torch.where(class_indicator(target, logits), 0.0, logits)
    square = wrong.square().sum(1) / max(logits.shape[1] - 1, 1)
    return cross_entropy.per_example(logits, target) + square_weight * square
