"""The geometric mean of the losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, log_losses, weigh

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class GeometricLoss(Weighting, name="geometric"):
    r"""The k-th root of the product of the losses: a loss in another unit changes no direction.

    .. math:: G = \prod_i L_i^{1/k}, \quad w_i = \partial G / \partial L_i = G / (k L_i)

    The terms w_i L_i sum to G, and have its gradient, with the weights held fixed.

    Args:
        terms: number of losses, none of which may be negative.
        floor: loss below which the weight grows no further.

    Source:
        Chennupati et al., "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy for Multi-Task
        Learning", CVPR workshops 2019, arXiv 1904.08492, equation 2.
    """

    reads_losses = True

    def __init__(self, terms: int, *, floor: float = 1e-8) -> None:
        super().__init__(terms, floor=floor)
        check_number("floor", floor, 0, excluded=True)
        self.floor = floor

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Terms that sum to the geometric mean."""
        logs = log_losses(losses.detach(), self.floor)
        return weigh(losses, (logs.mean() - logs).exp() / self.terms)
