"""Errors of places in an image: of the corners of boxes, and of the points of a face."""

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
    task="detection",
    paper="loss-metric-survey",
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={
        "alpha": Range(0, open="both", search=(0.1, 1.0), log=True),
        "gamma": Range(0, open="both", search=(0.5, 3.0), log=True),
        "beta": Range(0, open="both", search=(0.1, 10.0), log=True),
    },
    cost=_ELEMENTWISE,
)
def balanced_l1(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    alpha: float = 0.5,
    gamma: float = 1.5,
    beta: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""Absolute error beyond beta, and below it a curve that pulls small errors harder than a parabola does.

    With the size a of the error and b = e^{gamma / alpha} - 1:

    .. math:: \ell = \frac{\text{alpha}}{b} (b a + 1) \log\Big(\frac{b a}{\text{beta}} + 1\Big) - \text{alpha}\, a
        \text{ where } a < \text{beta}, \qquad \text{gamma}\, a + \frac{\text{gamma}}{b} - \text{alpha}\,\text{beta}
        \text{ elsewhere}

    The two halves meet, with one slope, at beta = 1.

    Args:
        prediction: (n, *d) predictions.
        target: (n, *d) targets, in the same unit.
        alpha: pull of small errors, above 0.
        gamma: slope of large errors, above 0.
        beta: where the line begins.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: shapes that differ, a hyper-parameter that is not positive.

    Example:
        >>> perdita.functional.balanced_l1(torch.tensor([0.0, 2.0]), torch.zeros(2), reduction="none")
        tensor([0.0000, 2.5786])

    Source:
        Pang et al., "Libra R-CNN", CVPR 2019, arXiv 1904.02701, equation 11. As printed in Terven et al., 2025, arXiv
        2307.02694, equation 78, it jumps at beta and is not 0 for no error.
    """
    b = math.exp(gamma / alpha) - 1
    size = (prediction - target).abs()
    near = torch.where(size < beta, size, 0.0)
    curve = alpha / b * (b * near + 1) * torch.log1p(b * near / beta) - alpha * near
    return torch.where(size < beta, curve, gamma * size + gamma / b - alpha * beta)


@loss(
    task="detection",
    paper="loss-metric-survey",
    aliases=("wing_loss",),
    traits=Traits(convex=False, bounded=False, nonnegative=True),
    ranges={
        "width": Range(0, open="both", search=(0.5, 20.0), log=True),
        "curvature": Range(0, open="both", search=(0.1, 5.0), log=True),
    },
    cost=_ELEMENTWISE,
)
def wing(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, width: float = 10.0, curvature: float = 2.0
) -> Float[Tensor, "n *d"]:
    r"""Absolute error less a constant, and a steeper logarithm where the error is below width.

    .. math:: \ell = \text{width} \log\Big(1 + \frac{|x - t|}{\text{curvature}}\Big) \text{ where } |x - t| <
        \text{width}, \qquad |x - t| - \text{width} + \text{width} \log\Big(1 + \frac{\text{width}}{\text{curvature}}
        \Big) \text{ elsewhere}

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit (pixels).
        width: below it errors are on the logarithm.
        curvature: size of the error at which the logarithm bends; the smaller, the more small errors pull.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: shapes that differ, a hyper-parameter that is not positive.

    Example:
        >>> perdita.functional.wing(torch.tensor([2.0]), torch.tensor([0.0])).item()
        6.93147...

    Source:
        Feng et al., "Wing Loss for Robust Facial Landmark Localisation", CVPR 2018, arXiv 1711.06753, equation 5.
    """
    size = (prediction - target).abs()
    rise = width - width * math.log1p(width / curvature)
    near = torch.where(size < width, size, 0.0)
    return torch.where(size < width, width * torch.log1p(near / curvature), size - rise)
