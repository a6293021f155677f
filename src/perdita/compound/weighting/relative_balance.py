"""Weights by the progress of each loss since the last step, with random looks back to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, weigh

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

TINY = 1e-12


class ReLoBRaLo(Weighting, name="relobralo"):
    r"""Relative loss balancing with random lookback.

    .. math::
        b_i(t, t') = k \, \mathrm{softmax}_i \frac{L_i(t)}{T L_i(t')}, \quad
        w(t) = \alpha \, [\rho \, w(t - 1) + (1 - \rho) \, b(t, 0)] + (1 - \alpha) \, b(t, t - 1)

    with rho drawn for each step, 1 with probability ``lookback`` and else 0. The weights are 1 in the first step.

    Args:
        terms: number of losses.
        alpha: how much of the past is kept.
        temperature: T; the larger, the more equal are the weights.
        lookback: probability that the past is the last weights, and not the progress since the first step.
        seed: of the draws, equal on all ranks.

    Raises:
        InputError: a share outside [0, 1], a temperature that is not positive.

    Source:
        Bischof, Kraus, "Multi-Objective Loss Balancing for Physics-Informed Deep Learning", arXiv 2110.09813.
    """

    reads_losses = True

    def __init__(
        self, terms: int, *, alpha: float = 0.999, temperature: float = 0.1, lookback: float = 0.999, seed: int = 0
    ) -> None:
        super().__init__(terms, seed=seed, alpha=alpha, temperature=temperature, lookback=lookback)
        check_number("alpha", alpha, 0, high=1)
        check_number("lookback", lookback, 0, high=1)
        check_number("temperature", temperature, 0, excluded=True)
        self.alpha, self.temperature, self.lookback = alpha, temperature, lookback
        self.register_buffer("first", torch.full((terms,), torch.nan))  # NaN: no step was made
        self.register_buffer("last", torch.full((terms,), torch.nan))
        self.register_buffer("weights", torch.ones(terms))
        self.register_buffer("kept", torch.ones(()))  # rho

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Weights of the current losses, held fixed."""
        return weigh(losses, self._weights(losses.detach()))

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """Keep the step's losses and weights, and draw the next rho."""
        self.weights.copy_(self._weights(losses))
        self.last.copy_(losses)
        if self.steps == 0:
            self.first.copy_(losses)
        self.kept.copy_(torch.rand((), generator=self.generator) < self.lookback)

    def _weights(self, losses: Float[Tensor, "k"]) -> Float[Tensor, "k"]:
        past = torch.where(self.kept > 0, self.weights, self._balance(losses, self.first))
        found = self.alpha * past + (1 - self.alpha) * self._balance(losses, self.last)
        return torch.where(self.first.isnan(), 1.0, found)

    def _balance(self, losses: Float[Tensor, "k"], reference: Float[Tensor, "k"]) -> Float[Tensor, "k"]:
        return self.terms * torch.softmax(losses / (self.temperature * reference + TINY), 0)
