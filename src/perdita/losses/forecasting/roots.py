"""Roots of a mean square over the whole batch, plain and as shares of the size of the series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Traits, loss
from perdita.losses.forecasting.pointwise import msle
from perdita.losses.forecasting.weighing import mean, quotient, root, weigh

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")


@loss(task="forecasting", paper="timeseries-survey", aliases=("root_mean_squared_error",), cost=_ELEMENTWISE)
def rmse(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""Root of the mean squared error of the whole batch.

    .. math:: \ell = \sqrt{\frac{\sum_i w_i (x_i - t_i)^2}{\sum_i w_i}}

    It is not the mean of the roots of smaller batches: to measure a data set, add up squares.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        weight: (n,) up to (n, *d) weights w, 1 unless given.
        mask: boolean, (n,) up to (n, *d); False leaves an element out.

    Returns:
        One non-negative value for the batch, in that unit; its gradient at 0 is 0.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.rmse(torch.tensor([3.0, 5.0]), torch.tensor([4.0, -2.0])).item()
        5.0

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989. The released experiment of this name trains with the mean squared error.
    """
    prediction, target, weights = weigh(prediction, target, weight, mask)
    return root(mean((prediction - target).square(), weights))


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("root_mean_squared_logarithmic_error",),
    domains={"target": "nonnegative"},
    cost=_ELEMENTWISE,
)
def rmsle(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""Root of the mean squared logarithmic error of the whole batch.

    .. math:: \ell = \sqrt{\frac{\sum_i w_i (\log(1 + x_i) - \log(1 + t_i))^2}{\sum_i w_i}}

    Args:
        prediction: (n, *d) predictions x, above -1; others count as 1e-6 more than -1 and get no gradient.
        target: (n, *d) targets t, at least 0.
        weight: (n,) up to (n, *d) weights w, 1 unless given.
        mask: boolean, (n,) up to (n, *d); False leaves an element out.

    Returns:
        One non-negative value for the batch.

    Raises:
        InputError: shapes that differ, a negative target.

    Example:
        >>> perdita.functional.rmsle(torch.tensor([0.0]), torch.tensor([math.e - 1])).item()
        1.0...

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989. The released code takes the root of the mean over the last axis, row by row.
    """
    prediction, target, weights = weigh(prediction, target, weight, mask)
    return root(mean(msle.per_example(prediction, target), weights))


SCALES = ("mean", "range", "std", "prediction_std")


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("nrmse",),
    traits=Traits(nonnegative=True),
    ranges={"scale": Choice(SCALES)},
    cost=_ELEMENTWISE,
)
def normalized_rmse(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    scale: str = "mean",
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""Root mean squared error over the size of the series in the batch.

    .. math:: \ell = \frac{1}{s} \sqrt{\frac{\sum_i w_i (x_i - t_i)^2}{\sum_i w_i}}

    Here s is, by the name in scale: mean, the absolute value of the weighted mean of the targets; range, the largest
    minus the smallest target; std, the targets' standard deviation; prediction_std, that of the predictions, which
    rewards forecasts that vary more than the series: a metric at most.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        scale: "mean", "range", "std" or "prediction_std".
        weight: (n,) up to (n, *d) weights w, 1 unless given; what has weight 0 takes no part in the range.
        mask: boolean, (n,) up to (n, *d); False leaves an element out.

    Returns:
        One non-negative value for the batch, without a unit; infinite where s is 0 but the error is not.

    Raises:
        InputError: shapes that differ, an unknown scale.

    Example:
        >>> prediction, target = torch.tensor([3.0, 5.0]), torch.tensor([4.0, 4.0])
        >>> perdita.functional.normalized_rmse(prediction, target).item()
        0.25

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989; the paper's formula, with scale="mean", is a reconstruction that was not verified. The
        released code is scale="prediction_std".
    """
    prediction, target, weights = weigh(prediction, target, weight, mask)
    error = root(mean((prediction - target).square(), weights))
    if scale == "range":
        return quotient(error, _range(target, weights))
    if scale == "mean":
        return quotient(error, mean(target, weights).abs())
    series = target if scale == "std" else prediction
    return quotient(error, root(mean((series - mean(series, weights)).square(), weights)))


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("rrmse", "relative_root_mean_squared_error"),
    traits=Traits(nonnegative=True),
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": "predictions of nothing but 0 are what it divides by: its value there is infinite"},
)
def relative_rmse(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    averaged: bool = True,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""Root of the squared error over the sum of the squared predictions.

    .. math:: \ell = \sqrt{\frac{\sum_i w_i (x_i - t_i)^2}{m \sum_i w_i x_i^2}}, \qquad m = \sum_i w_i

    Large predictions make it small, so that its minimiser is not the target's mean: a metric at most.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        averaged: False takes m = 1, as the released code does.
        weight: (n,) up to (n, *d) weights w, 1 unless given.
        mask: boolean, (n,) up to (n, *d); False leaves an element out.

    Returns:
        One non-negative value for the batch, without a unit; infinite where every prediction is 0 and a target is not.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> prediction, target = torch.tensor([3.0, 4.0]), torch.tensor([3.0, -1.0])
        >>> perdita.functional.relative_rmse(prediction, target, averaged=False).item()
        1.0

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989; the paper's formula, with averaged, is a reconstruction that was not verified.
    """
    prediction, target, weights = weigh(prediction, target, weight, mask)
    error = (weights * (prediction - target).square()).sum()
    error = quotient(error, weights.sum()) if averaged else error
    return root(quotient(error, (weights * prediction.square()).sum()))


def _range(target: Float[Tensor, "n *d"], weights: Float[Tensor, "n *d"]) -> Float[Tensor, ""]:
    """The largest minus the smallest target of those that weigh; 0 where none does."""
    if not target.numel():
        return target.sum()
    high = torch.where(weights > 0, target, -math.inf).amax()
    low = torch.where(weights > 0, target, math.inf).amin()
    return torch.where(weights.sum() > 0, high - low, 0.0)
