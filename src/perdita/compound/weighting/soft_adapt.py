"""Weights by the slope of each loss over the last steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, weigh

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

TINY = 1e-8


class SoftAdapt(Weighting, name="soft_adapt"):
    r"""A softmax of the losses' slopes: what rises, or falls slowly, counts more.

    .. math:: w_i = k \frac{a_i e^{\beta s_i}}{\sum_j a_j e^{\beta s_j}}

    with s_i the difference of the mean losses of the last two windows, over the sum of their absolute values where
    ``normalized``, and a_i = 1, or the last mean loss where ``by_loss``. The weights are 1 until two windows are full.

    Args:
        terms: number of losses.
        beta: how sharply slopes are told apart; negative numbers favour what falls fast.
        window: steps in a window; the weights change at its end.
        normalized, by_loss: the variants.

    Raises:
        InputError: a window below one step.

    Source:
        Heydari, Thompson, Mehmood, "SoftAdapt: Techniques for Adaptive Loss Weighting of Neural Networks with
        Multi-Part Loss Functions", arXiv 1912.12355; its weights sum to 1, these to k.
    """

    def __init__(
        self, terms: int, *, beta: float = 0.1, window: int = 1, normalized: bool = True, by_loss: bool = False
    ) -> None:
        super().__init__(terms, beta=beta, window=window, normalized=normalized, by_loss=by_loss)
        check_number("window", window, 1)
        self.beta, self.window, self.normalized, self.by_loss = beta, window, normalized, by_loss
        self.register_buffer("total", torch.zeros(terms))
        self.register_buffer("earlier", torch.zeros(terms))
        self.register_buffer("weights", torch.ones(terms))

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Linear in the losses, with the window's weights."""
        return weigh(losses, self.weights)

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """Add the step's losses to the window's, and reckon new weights where it ends."""
        self.total += losses
        windows, rest = divmod(self.steps + 1, self.window)
        if rest:
            return
        mean = self.total / self.window
        if windows > 1:
            slopes = mean - self.earlier
            if self.normalized:
                slopes = slopes / slopes.abs().sum().clamp_min(TINY)
            scores = self.beta * slopes + (mean.clamp_min(TINY).log() if self.by_loss else 0.0)
            self.weights.copy_(self.terms * torch.softmax(scores, 0))
        self.earlier.copy_(mean)
        self.total.zero_()
