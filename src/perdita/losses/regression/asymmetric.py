"""Losses that punish too low and too high unequally: quantiles and expectiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")
_LEVEL = Range(0, 1, open="both", search=(0.05, 0.95))


@loss(
    task="regression",
    paper="timeseries-survey",
    aliases=("pinball", "quantile_loss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=False, minimizer="quantile"),
    ranges={"level": _LEVEL},
    cost=_ELEMENTWISE,
)
def quantile(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, level: float = 0.5
) -> Float[Tensor, "n *d"]:
    r"""Absolute error whose slope is level below the target and 1 - level above it.

    .. math:: \ell = \max(\text{level}\,(t - x),\ (\text{level} - 1)\,(t - x))

    Its best constant is the quantile of that level; at level 0.5 it is half of l1.

    Args:
        prediction: (n, *d) predicted quantiles x.
        target: (n, *d) targets t, in the same unit.
        level: of the quantile, in (0, 1).

    Returns:
        (n, *d) non-negative values, in that unit; the gradient where x = t is 1/2 - level.

    Raises:
        InputError: shapes that differ, a level outside (0, 1).

    Example:
        >>> perdita.functional.quantile(torch.tensor([1.0]), torch.tensor([3.0]), level=0.75).item()
        1.5

    Source:
        Koenker, Bassett, "Regression Quantiles", Econometrica 46, 1978; Jadon et al., "A Comprehensive Survey of
        Regression Based Loss Functions for Time Series Forecasting", 2022, arXiv 2211.02989, whose released code sums
        over levels 0.1, 0.5 and 0.9 and over the last axis.
    """
    short = target - prediction
    return 0.5 * short.abs() + (level - 0.5) * short  # the same maximum, with the mean of both slopes at 0


@loss(
    task="regression",
    aliases=("asymmetric_squared_error",),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=True, minimizer="expectile"
    ),
    ranges={"level": _LEVEL},
    cost=_ELEMENTWISE,
)
def expectile(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, level: float = 0.5
) -> Float[Tensor, "n *d"]:
    r"""Squared error times level below the target and 1 - level above it.

    .. math:: \ell = |\text{level} - [x > t]|\,(x - t)^2

    Its best constant is the expectile of that level: the mean at 0.5, where it is half of mse.

    Args:
        prediction: (n, *d) predicted expectiles x.
        target: (n, *d) targets t, in the same unit.
        level: of the expectile, in (0, 1).

    Returns:
        (n, *d) non-negative values, in that unit squared.

    Raises:
        InputError: shapes that differ, a level outside (0, 1).

    Example:
        >>> perdita.functional.expectile(torch.tensor([1.0]), torch.tensor([3.0]), level=0.75).item()
        3.0

    Source:
        Newey, Powell, "Asymmetric Least Squares Estimation and Testing", Econometrica 55, 1987.
    """
    square = (prediction - target).square()
    return torch.where(prediction > target, (1 - level) * square, level * square)
