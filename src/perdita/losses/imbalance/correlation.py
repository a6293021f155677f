"""One minus the correlation of predictions and targets, alone and beside a weighted squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n", passes=5)
_EPS = 1e-7  # added to the divisor of the correlation


@loss(
    task="regression",
    paper="cisir",
    aliases=("pearson", "pearson_correlation"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    domains={"importance": "nonnegative"},
    cost=_ELEMENTWISE,
)
def correlation(
    prediction: Float[Tensor, "n"],
    target: Float[Tensor, "n"],
    *,
    importance: Float[Tensor, "n"] | None = None,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""One minus Pearson's correlation of the batch, in which rare targets may count more.

    With the importance v, and a and b the distances of targets and predictions from their means, in which v has no
    part:

    .. math:: \ell = 1 - \frac{\sum_i w_i v_i a_i b_i}{\sqrt{\sum_i w_i v_i a_i^2 \sum_i w_i v_i b_i^2} + 10^{-7}}

    It sees neither the scale nor the level of the predictions: it stands beside an error. Batches below 100 items make
    it noisy. Where predictions or targets are all equal it is 1, without a gradient.

    Args:
        prediction: (n,) predictions.
        target: (n,) targets.
        importance: (n,) v, at least 0, such as of `density_importance`; 1 unless given.
        weight: (n,) weights w of the items, in the means too; 1 unless given.
        mask: (n,) boolean; False leaves an item out.

    Returns:
        One value in [0, 2] for the batch.

    Raises:
        InputError: shapes that differ, a negative importance.

    Example:
        >>> prediction, target = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 30.0, 20.0])
        >>> round(perdita.functional.correlation(prediction, target).item(), 4)
        0.5

    Source:
        Moukpe, Chan, Zhang, "Highly Imbalanced Regression with Tabular Data in SEP and Other Applications", ICMLA,
        arXiv 2509.16339; from the released code.
    """
    counted, importance, prediction, target = _count(prediction, target, importance, weight, mask)
    total = counted.sum()
    share = counted / torch.where(total == 0, 1.0, total)
    a, b = target - (share * target).sum(), prediction - (share * prediction).sum()
    v = counted * importance
    squares = (v * a.square()).sum(), (v * b.square()).sum()
    flat = (squares[0] == 0) | (squares[1] == 0)
    lengths = [torch.where(flat, 1.0, square).sqrt() for square in squares]  # the product of squares might overflow
    scale = torch.where(flat, 0.0, lengths[0] * lengths[1])
    value = 1 - torch.where(flat, 0.0, (v * a * b).sum()) / (scale + _EPS)  # no gradient of 1 / eps where flat
    return torch.where(total == 0, (v * b).sum(), value)


@loss(
    task="regression",
    paper="cisir",
    traits=Traits(nonnegative=True, bounded=False),
    ranges={"correlation_weight": Range(0, search=(0.01, 10.0), log=True)},
    domains={"importance": "nonnegative", "correlation_importance": "nonnegative"},
    cost=_ELEMENTWISE,
)
def cisir(
    prediction: Float[Tensor, "n"],
    target: Float[Tensor, "n"],
    *,
    importance: Float[Tensor, "n"] | None = None,
    correlation_importance: Float[Tensor, "n"] | None = None,
    correlation_weight: float = 0.5,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Squared error in which rare targets count more, plus one minus the correlation.

    With importances u and v of the two terms:

    .. math:: \ell = \frac{\sum_i w_i u_i (x_i - t_i)^2}{\sum_i w_i}
        + \text{correlation\_weight} \cdot \mathrm{correlation}_v(x, t)

    The method takes u and v from `density_importance` with shape "mdi" and alphas of their own, over the training set,
    and its batches from `StratifiedBatchSampler`.

    Args:
        prediction: (n,) predictions x.
        target: (n,) targets t, in the same unit.
        importance: (n,) u, at least 0, with a mean of one over the training set; 1 unless given.
        correlation_importance: (n,) v, at least 0; 1 unless given.
        correlation_weight: of the second term, at least 0.
        weight: (n,) weights w of the items, 1 unless given.
        mask: (n,) boolean; False leaves an item out.

    Returns:
        One non-negative value for the batch.

    Raises:
        InputError: shapes that differ, a negative importance or correlation_weight.

    Example:
        >>> prediction, target = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 3.0, 4.0])
        >>> round(perdita.functional.cisir(prediction, target).item(), 4)
        1.0

    Source:
        Moukpe, Chan, Zhang, "Highly Imbalanced Regression with Tabular Data in SEP and Other Applications", ICMLA,
        arXiv 2509.16339; from the released code, which sums over the batch under weights that sum to one over the
        training set: there, correlation_weight stands against a term that grows with the batch.
    """
    second = correlation.per_example(prediction, target, importance=correlation_importance, weight=weight, mask=mask)
    counted, importance, prediction, target = _count(prediction, target, importance, weight, mask)
    total = counted.sum()
    square = (counted * importance * (prediction - target).square()).sum()
    return square / torch.where(total == 0, 1.0, total) + correlation_weight * second


def _count(
    prediction: Float[Tensor, "n"],
    target: Float[Tensor, "n"],
    importance: Float[Tensor, "n"] | None,
    weight: Float[Tensor, "n"] | None,
    mask: Bool[Tensor, "n"] | None,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"]]:
    """What each item counts (0 where masked), its importance, and both numbers with a harmless 0 where masked."""
    ones = torch.ones_like(target)
    counted = ones if weight is None else align(weight, target.shape, "weight").to(target.dtype)
    importance = ones if importance is None else importance.to(target.dtype)
    if mask is None:
        return counted, importance, prediction, target
    return tuple(torch.where(mask, tensor, 0.0) for tensor in (counted, importance, prediction, target))
