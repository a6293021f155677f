"""Errors of a forecast, point by point: signed, in percent, and between logarithms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")
_LEAST = -1 + 1e-6  # prediction of which the logarithm of one more is still finite


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("mbe", "bias_error"),
    traits=Traits(convex=True, bounded=False, nonnegative=False, differentiable=True, constant_hessian=True),
    cost=_ELEMENTWISE,
)
def mean_bias_error(prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""Signed error, whose mean tells how far forecasts lie too low.

    .. math:: \ell = t - x

    A metric: as an objective it has no minimum, since it falls for ever as the prediction x grows.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.

    Returns:
        (n, *d) values of either sign, in that unit; positive where the forecast is too low.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.mean_bias_error(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 4.0])).item()
        2.0

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989. The released code trains with it; its forecasts run away.
    """
    return target - prediction


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("mean_absolute_percentage_error",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=False),
    ranges={"eps": Range(0, open="low")},
    cost=_ELEMENTWISE,
)
def mape(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, eps: float = 1e-7
) -> Float[Tensor, "n *d"]:
    r"""Absolute error in percent of the target.

    .. math:: \ell = 100\, \frac{|x - t|}{\max(|t|, \text{eps})}

    An error weighs the more the smaller its target, so that the best forecast lies low; a target near 0 outweighs all
    others: mask it, or raise eps to the smallest target that matters.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        eps: the smallest divisor, in that unit.

    Returns:
        (n, *d) non-negative values, in percent.

    Raises:
        InputError: shapes that differ, an eps that is not positive.

    Example:
        >>> perdita.functional.mape(torch.tensor([3.0, 5.0]), torch.tensor([4.0, 4.0])).item()
        25.0

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989.
    """
    return 100 * (prediction - target).abs() / target.abs().clamp_min(eps)


@loss(
    task="forecasting",
    paper="timeseries-survey",
    aliases=("mean_squared_logarithmic_error",),
    traits=Traits(convex=False, nonnegative=True),
    domains={"target": "nonnegative"},
    cost=_ELEMENTWISE,
)
def msle(prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""Squared error between the logarithms of one more than prediction and target.

    .. math:: \ell = (\log(1 + x) - \log(1 + t))^2

    For targets that are sizes: apply it before any standardisation. A prediction at or below -1, where the logarithm
    ends, counts as 1e-6 more than that and gets no gradient.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, at least 0, in the same unit.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: shapes that differ, a negative target.

    Example:
        >>> perdita.functional.msle(torch.tensor([0.0]), torch.tensor([math.e - 1])).item()
        1.0...

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989. The released code raises both numbers to at least 1e-7, its standardised targets too, of which
        about half are negative: they are lost.
    """
    return (torch.log1p(prediction.clamp_min(_LEAST)) - torch.log1p(target)).square()
