"""Powers of the residual: square, absolute value, and the two that pass from one to the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.apply import may_look
from perdita.losses.known_slopes import Form, values_of, worth_it

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")


@loss(
    task="regression",
    aliases=("mse_loss", "MSELoss", "squared_error", "l2"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=True, minimizer="mean"
    ),
    cost=_ELEMENTWISE,
)
def mse(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, reduction: str = "none"
) -> Float[Tensor, "n *d"]:
    r"""Squared error.

    .. math:: \ell = (x - t)^2

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.

    Returns:
        (n, *d) non-negative values, in that unit squared.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.mse(torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0])).item()
        2.0

    Source:
        Equal to torch.nn.functional.mse_loss.
    """
    if worth_it(prediction, target, reduction):
        return values_of(SQUARE, prediction, target, reduction=reduction)
    return F.mse_loss(prediction, target, reduction=reduction)


def _square(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    residual = prediction - target
    parts = residual.reshape(-1).split(PART)
    return torch.stack([torch.dot(part, part) for part in parts]).sum(), residual


def _slope_of_square(upstream: Tensor, prediction: Tensor, target: Tensor, residual: Tensor) -> Tensor:
    return residual.mul_(2 * upstream)


PART = 1 << 18  # numbers of one inner product: a longer sum in float32 would lose digits
SQUARE = Form(partial(F.mse_loss, reduction="none"), _square, _slope_of_square, summed=True)


@loss(
    task="regression",
    aliases=("l1_loss", "L1Loss", "mae", "absolute_error"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=False, minimizer="median"),
    cost=_ELEMENTWISE,
)
def l1(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, reduction: str = "none"
) -> Float[Tensor, "n *d"]:
    r"""Absolute error.

    .. math:: \ell = |x - t|

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.

    Returns:
        (n, *d) non-negative values, in that unit; the gradient where x = t is 0.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.l1(torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0])).item()
        1.0

    Source:
        Equal to torch.nn.functional.l1_loss.
    """
    if worth_it(prediction, target, reduction):
        return values_of(ABSOLUTE, prediction, target, reduction=reduction)
    return F.l1_loss(prediction, target, reduction=reduction)


def _sign_of_residual(upstream: Tensor, prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).sign_().mul_(upstream)


ABSOLUTE = Form(
    partial(F.l1_loss, reduction="none"), lambda prediction, target: ((prediction - target).abs_(),), _sign_of_residual
)


@loss(
    task="regression",
    aliases=("huber_loss", "HuberLoss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=False),
    ranges={"delta": Range(0, open="both", search=(0.1, 10.0), log=True)},
    cost=_ELEMENTWISE,
)
def huber(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, delta: float = 1.0, reduction: str = "none"
) -> Float[Tensor, "n *d"]:
    r"""Half the squared error up to an absolute error of delta, linear with slope delta beyond.

    .. math:: \ell = \tfrac12 (x - t)^2 \text{ where } |x - t| \le \text{delta}, \qquad
        \text{delta}\,(|x - t| - \tfrac12 \text{delta}) \text{ elsewhere}

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        delta: where the square becomes a line, in that unit.

    Returns:
        (n, *d) non-negative values, in that unit squared.

    Raises:
        InputError: shapes that differ, a delta that is not positive and finite.

    Example:
        >>> perdita.functional.huber(torch.tensor([3.0, 1.5]), torch.tensor([1.0, 1.0]), reduction="none")
        tensor([1.5000, 0.1250])

    Source:
        Equal to torch.nn.functional.huber_loss. Huber, "Robust Estimation of a Location Parameter", Annals of
        Mathematical Statistics 35, 1964.
    """
    if may_look({"prediction": prediction}):  # PyTorch's own is a third faster, and does not vmap cleanly
        return F.huber_loss(prediction, target, delta=delta, reduction=reduction)
    return delta * F.smooth_l1_loss(prediction, target, beta=delta, reduction=reduction)


@loss(
    task="regression",
    aliases=("smooth_l1_loss", "SmoothL1Loss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=False),
    ranges={"beta": Range(0, search=(0.1, 10.0), log=True)},
    cost=_ELEMENTWISE,
)
def smooth_l1(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, beta: float = 1.0, reduction: str = "none"
) -> Float[Tensor, "n *d"]:
    r"""Absolute error whose tip, up to beta, is a parabola.

    .. math:: \ell = \frac{(x - t)^2}{2\,\text{beta}} \text{ where } |x - t| < \text{beta}, \qquad
        |x - t| - \tfrac12 \text{beta} \text{ elsewhere}

    It is huber / beta with delta = beta; with beta = 0 it is l1.

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        beta: where the parabola becomes a line, in that unit.

    Returns:
        (n, *d) non-negative values, in that unit.

    Raises:
        InputError: shapes that differ, a negative beta.

    Example:
        >>> perdita.functional.smooth_l1(torch.tensor([3.0, 1.5]), torch.tensor([1.0, 1.0]), reduction="none")
        tensor([1.5000, 0.1250])

    Source:
        Equal to torch.nn.functional.smooth_l1_loss. Girshick, "Fast R-CNN", ICCV 2015, arXiv 1504.08083, equation 3.
    """
    return F.smooth_l1_loss(prediction, target, beta=beta, reduction=reduction)
