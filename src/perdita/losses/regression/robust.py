"""Losses that are a square near the target and grow more slowly far from it, so that an outlier pulls less."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Traits, loss

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
