"""Weights drawn anew for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.compound.weighting.protocol import Weighted, Weighting, weigh
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

DISTRIBUTIONS = ("normal", "dirichlet")


class RandomLossWeighting(Weighting, name="random"):
    r"""Random loss weighting (RLW): k positive weights that sum to k, drawn for each step.

    "normal" takes k softmax(e) of standard normal numbers e; "dirichlet" draws evenly from all weights that sum to k.

    Args:
        terms: number of losses.
        distribution: "normal" or "dirichlet".
        seed: of the draws, equal on all ranks.

    Raises:
        InputError: an unknown distribution.

    Source:
        Lin, Ye, Zhang, Tsang, "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning",
        TMLR 2022, arXiv 2111.10603; its weights sum to 1, these to k.
    """

    partial = True

    def __init__(self, terms: int, *, distribution: str = "normal", seed: int = 0) -> None:
        super().__init__(terms, seed=seed, distribution=distribution)
        if distribution not in DISTRIBUTIONS:
            close = nearest(str(distribution), DISTRIBUTIONS)
            raise InputError(f"distribution must be one of {DISTRIBUTIONS}, not {distribution!r}{close}")
        self.distribution = distribution
        self.register_buffer("weights", self._draw())

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Linear in the losses, with the step's weights."""
        return weigh(losses, self.weights)

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """Draw the next step's weights."""
        self.weights.copy_(self._draw())

    def _draw(self) -> Float[Tensor, "k"]:
        if self.distribution == "normal":
            return self.terms * torch.softmax(torch.randn(self.terms, generator=self.generator), 0)
        waits = -torch.log1p(-torch.rand(self.terms, generator=self.generator))  # exponential numbers
        return self.terms * waits / waits.sum()
