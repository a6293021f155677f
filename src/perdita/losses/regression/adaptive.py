"""A robust loss that learns how robust it should be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import Cost, Criterion, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

LEAST, MOST = 0.001, 1.999  # ends of alpha, within which the normalising integral is smooth
NODES = 256  # of the quadrature: log Z to about 1e-5 at alpha = 0.001, to 1e-9 from 0.1 on


@loss(
    task="regression",
    aliases=("adaptive_barron",),
    traits=Traits(convex=False, differentiable=True),
    ranges={"alpha": Range(LEAST, MOST, open="both"), "scale": Range(0, open="both")},
    cost=Cost(time="n", memory="n"),
)
class AdaptiveRobust(Criterion):
    r"""Negative log-likelihood of Barron's family, whose shape and scale are learned with the model.

    With s = ((x - t) / scale)^2, and Z the integral that makes it a density:

    .. math:: \ell = \frac{2 - \alpha}{\alpha} \left(\left(\frac{s}{2 - \alpha} + 1\right)^{\alpha / 2} - 1\right)
        + \log \text{scale} + \log Z(\alpha)

    The last two terms keep it from calling everything an outlier. Give its parameters to the optimiser.

    Args:
        alpha: where the shape starts, from 0.001 (nearly Cauchy) to 1.999 (nearly normal).
        scale: where the scale starts, in the unit of the target.
        prediction: (n, *d) predictions x, when called.
        target: (n, *d) targets t, in the same unit, when called.

    Returns:
        (n, *d) values of either sign, in nats.

    Raises:
        InputError: shapes that differ, a start outside its range.

    Example:
        >>> criterion = perdita.AdaptiveRobust(alpha=1.0)
        >>> round(criterion(torch.tensor([0.0]), torch.tensor([0.0])).item(), 4)
        1.1855

    Source:
        Barron, "A General and Adaptive Robust Loss Function", CVPR 2019, arXiv 1701.03077, equation 16; Z by quadrature
        in place of the paper's spline.
    """

    def __init__(self, *, alpha: float = 1.0, scale: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        import numpy as np

        share = (alpha - LEAST) / (MOST - LEAST)
        self.alpha_logit = nn.Parameter(torch.tensor(math.log(share / (1 - share))))
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        places, weights = np.polynomial.legendre.leggauss(NODES)
        angle = np.pi / 2 * places  # x = root 2 tan(angle) turns the Cauchy end of the family into a constant
        squares, weights = 2 * np.tan(angle) ** 2, weights * np.pi / math.sqrt(2) / np.cos(angle) ** 2
        self.register_buffer("squares", torch.as_tensor(squares), persistent=False)
        self.register_buffer("log_weights", torch.as_tensor(np.log(weights)), persistent=False)

    @property
    def alpha(self) -> Tensor:
        """The shape as it is learned so far."""
        return LEAST + (MOST - LEAST) * torch.sigmoid(self.alpha_logit)

    @property
    def scale(self) -> Tensor:
        """The scale as it is learned so far."""
        return self.log_scale.exp()

    def per_example(self, prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
        """The negative log-likelihood of each error."""
        alpha, log_scale = self.alpha.to(prediction.dtype), self.log_scale.to(prediction.dtype)
        square = ((prediction - target) * torch.exp(-log_scale)).square()
        log_z = torch.logsumexp(self.log_weights.to(alpha.dtype) - _rho(self.squares.to(alpha.dtype), alpha), 0)
        return _rho(square, alpha) + log_scale + log_z


def _rho(square: Tensor, alpha: Float[Tensor, ""]) -> Tensor:
    gap = 2 - alpha
    return gap / alpha * torch.expm1(alpha / 2 * torch.log1p(square / gap))
