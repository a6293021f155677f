"""Losses that are a square near the target and grow more slowly far from it, so that an outlier pulls less."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")


@loss(
    task="regression",
    paper="timeseries-survey",
    aliases=("logcosh",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=False),
    cost=_ELEMENTWISE,
)
def log_cosh(prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""Logarithm of the hyperbolic cosine of the error: half its square near 0, its size less log 2 far away.

    .. math:: \ell = \log \cosh(x - t)

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit; errors near 1 lie between the square and the line.

    Returns:
        (n, *d) non-negative values; the gradient is tanh(x - t).

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.log_cosh(torch.tensor([1.0]), torch.tensor([0.0])).item()
        0.43378...

    Source:
        Jadon et al., "A Comprehensive Survey of Regression Based Loss Functions for Time Series Forecasting", 2022,
        arXiv 2211.02989.
    """
    error = prediction - target
    small = error.abs() < 1
    near = 0.5 * torch.log1p(torch.where(small, error, 0.0).sinh().square())  # cosh^2 = 1 + sinh^2, exact near 0
    size = torch.where(small, 1.0, error).abs()
    return torch.where(small, near, size + torch.log1p(torch.exp(-2 * size)) - math.log(2))


@loss(
    task="regression",
    aliases=("tukey_biweight", "bisquare"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, differentiable=True),
    ranges={"cutoff": Range(0, open="both", search=(0.5, 10.0), log=True)},
    cost=_ELEMENTWISE,
)
def tukey(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, cutoff: float = 4.685
) -> Float[Tensor, "n *d"]:
    r"""Nearly half the squared error near the target, and constant from an absolute error of cutoff on.

    .. math:: \ell = \frac{\text{cutoff}^2}{6} \left(1 - \left(1 - \min\left(1, \frac{(x - t)^2}{\text{cutoff}^2}
        \right)\right)^3\right)

    An error beyond the cutoff has no gradient: start from predictions that are not far off.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        cutoff: in that unit; 4.685 standard deviations of the noise are 95 % efficient on normal errors.

    Returns:
        (n, *d) values from 0 to cutoff^2 / 6.

    Raises:
        InputError: shapes that differ, a cutoff that is not positive and finite.

    Example:
        >>> perdita.functional.tukey(torch.tensor([9.0]), torch.tensor([0.0]), cutoff=3.0).item()
        1.5

    Source:
        Beaton, Tukey, "The Fitting of Power Series, Meaning Polynomials, Illustrated on Band-Spectroscopic Data",
        Technometrics 16, 1974.
    """
    share = ((prediction - target) / cutoff).square().clamp_max(1)
    return cutoff**2 / 6 * share * (3 - 3 * share + share.square())  # 1 - (1 - s)^3, without cancellation


@loss(
    task="regression",
    aliases=("general_robust",),
    traits=Traits(convex=False, nonnegative=True, differentiable=True),
    ranges={
        "alpha": Range(high=2, search=(-2.0, 2.0)),
        "scale": Range(0, open="both", search=(0.1, 10.0), log=True),
    },
    cost=_ELEMENTWISE,
)
def barron(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, alpha: float = 0.0, scale: float = 1.0
) -> Float[Tensor, "n *d"]:
    r"""One family from the squared error to losses that ignore outliers.

    With s = ((x - t) / scale)^2:

    .. math:: \ell = \frac{|\alpha - 2|}{\alpha} \left(\left(\frac{s}{|\alpha - 2|} + 1\right)^{\alpha / 2} - 1\right)

    At alpha = 2 it is s / 2, at 1 the smoothed absolute error, at 0 the Cauchy loss log(s / 2 + 1), at -2 that of Geman
    and McClure, at minus infinity 1 - exp(-s / 2).

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        alpha: at most 2; the lower, the less an outlier pulls.
        scale: size of an error that is no outlier, in the unit of the target.

    Returns:
        (n, *d) non-negative values, without a unit; bounded where alpha < 0.

    Raises:
        InputError: shapes that differ, an alpha above 2, a scale that is not positive and finite.

    Example:
        >>> perdita.functional.barron(torch.tensor([2.0]), torch.tensor([0.0]), alpha=1.0).item()
        1.23606...

    Source:
        Barron, "A General and Adaptive Robust Loss Function", CVPR 2019, arXiv 1701.03077, equation 8.
    """
    square = ((prediction - target) / scale).square()
    if alpha == 2:
        return square / 2
    if alpha == 0:
        return torch.log1p(square / 2)
    if alpha == -math.inf:
        return -torch.expm1(-square / 2)
    gap = 2 - alpha
    return gap / alpha * torch.expm1(alpha / 2 * torch.log1p(square / gap))
