"""Errors of a batch over those of a forecast that knows the batch's mean alone, or over the size of the series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.forecasting.weighing import mean, quotient, weigh
from perdita.losses.regression.asymmetric import quantile

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("rae",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=False),
    cost=_ELEMENTWISE,
)
def relative_absolute_error(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""Absolute errors over those of the batch's own mean.

    .. math:: \ell = \frac{\sum_i w_i |x_i - t_i|}{\sum_i w_i |t_i - \bar t|}, \qquad
        \bar t = \frac{\sum_i w_i t_i}{\sum_i w_i}

    The divisor does not depend on the prediction; it weighs each batch by how little its targets vary.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        weight: (n,) up to (n, *d) weights w, 1 unless given.
        mask: boolean, (n,) up to (n, *d); False leaves an element out, of the mean too.

    Returns:
        One non-negative value for the batch, without a unit; infinite where all targets are equal but not met.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> prediction, target = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 6.0])
        >>> perdita.functional.relative_absolute_error(prediction, target).item()
        0.5

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989.
    """
    prediction, target, weights = weigh(prediction, target, weight, mask)
    spread = (weights * (target - mean(target, weights)).abs()).sum()
    return quotient((weights * (prediction - target).abs()).sum(), spread)


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("rse",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=True),
    cost=_ELEMENTWISE,
)
def relative_squared_error(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""Squared errors over those of the batch's own mean: one minus the share of variance explained.

    .. math:: \ell = \frac{\sum_i w_i (x_i - t_i)^2}{\sum_i w_i (t_i - \bar t)^2} = 1 - R^2, \qquad
        \bar t = \frac{\sum_i w_i t_i}{\sum_i w_i}

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        weight: (n,) up to (n, *d) weights w, 1 unless given.
        mask: boolean, (n,) up to (n, *d); False leaves an element out, of the mean too.

    Returns:
        One non-negative value for the batch, without a unit; infinite where all targets are equal but not met.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> prediction, target = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 3.0, 5.0])
        >>> perdita.functional.relative_squared_error(prediction, target).item()
        0.25

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989. The released code divides the squared errors by themselves: it is always 1 and trains nothing.
    """
    prediction, target, weights = weigh(prediction, target, weight, mask)
    spread = (weights * (target - mean(target, weights)).square()).sum()
    return quotient((weights * (prediction - target).square()).sum(), spread)


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("q_risk", "normalized_quantile_loss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=False),
    ranges={"level": Range(0, 1, open="both", search=(0.05, 0.95))},
    cost=_ELEMENTWISE,
)
def quantile_risk(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    level: float = 0.5,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""Twice the quantile loss over the mean size of the targets, by which forecasts of many series are compared.

    .. math:: \ell = \frac{2 \sum_i w_i \left(\text{level}\,(t_i - x_i)_+ + (1 - \text{level})\,(x_i - t_i)_+\right)}
        {\sum_i w_i |t_i|}

    At level 0.5 it is the absolute error over the size of the targets.

    Args:
        prediction: (n, *d) predicted quantiles x.
        target: (n, *d) targets t, in the same unit.
        level: of the quantile, in (0, 1).
        weight: (n,) up to (n, *d) weights w, 1 unless given.
        mask: boolean, (n,) up to (n, *d); False leaves an element out.

    Returns:
        One non-negative value for the batch, without a unit; infinite where all targets are 0 but not met.

    Raises:
        InputError: shapes that differ, a level outside (0, 1).

    Example:
        >>> prediction, target = torch.tensor([1.0, 4.0]), torch.tensor([2.0, 2.0])
        >>> perdita.functional.quantile_risk(prediction, target).item()
        0.75

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989, evaluation; Salinas et al., "DeepAR", International Journal of Forecasting 36, 2020,
        arXiv 1704.04110.
    """
    prediction, target, weights = weigh(prediction, target, weight, mask)
    values = quantile.per_example(prediction, target, level=level)
    return quotient(2 * (weights * values).sum(), (weights * target.abs()).sum())
