"""Weights by the rate at which each loss fell from one epoch to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, weigh

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class DynamicWeightAverage(Weighting, name="dynamic_average"):
    r"""A softmax of the ratios of the last two epochs' mean losses: what falls slowly counts more.

    .. math:: w = k \, \mathrm{softmax}(r / T), \quad r_i = \bar L_i(e - 1) / \bar L_i(e - 2)

    The weights are 1 in the first two epochs.

    Args:
        terms: number of losses.
        steps_per_epoch: optimiser steps in an epoch.
        temperature: T; the larger, the more equal are the weights.

    Raises:
        InputError: a number that is not positive.

    Source:
        Liu, Johns, Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019, arXiv 1803.10704, equation 7.
    """

    def __init__(self, terms: int, *, steps_per_epoch: int, temperature: float = 2.0) -> None:
        super().__init__(terms, steps_per_epoch=steps_per_epoch, temperature=temperature)
        check_number("steps_per_epoch", steps_per_epoch, 1)
        check_number("temperature", temperature, 0, excluded=True)
        self.steps_per_epoch, self.temperature = steps_per_epoch, temperature
        self.register_buffer("total", torch.zeros(terms))
        self.register_buffer("earlier", torch.zeros(terms))  # mean losses of the epoch before
        self.register_buffer("weights", torch.ones(terms))

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Linear in the losses, with the epoch's weights."""
        return weigh(losses, self.weights)

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """Add the step's losses to the epoch's, and reckon new weights where the epoch ends."""
        self.total += losses
        epochs, rest = divmod(self.steps + 1, self.steps_per_epoch)
        if rest:
            return
        mean = self.total / self.steps_per_epoch
        if epochs > 1:
            ratios = mean / self.earlier.clamp_min(torch.finfo(mean.dtype).tiny)
            self.weights.copy_(self.terms * torch.softmax(ratios / self.temperature, 0))
        self.earlier.copy_(mean)
        self.total.zero_()
