"""Heads that predict a number as a histogram on a fixed grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component
from perdita.losses.value.histogram import bin_centers, check_support, histogram_mean

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

GRIDS = ("centers", "ends")


@component("hl-gauss")
class HistogramHead(nn.Linear):
    """A linear layer whose outputs are the logits of a histogram, and which can say what number they predict.

    Args:
        features: width of what it reads.
        bins: number of bins.
        low, high: ends of the support.
        grid: "centers" for `hl_gauss`, whose bins predict their centres, or "ends" for `two_hot` and
            `categorical_projection`, whose grid holds both ends of the support.
        values: numbers that are predicted at once (one for each action).
    """

    points: Float[Tensor, "c"]

    def __init__(
        self, features: int, bins: int, *, low: float, high: float, grid: str = "centers", values: int = 1
    ) -> None:
        check_support(low, high, bins)
        if grid not in GRIDS:
            raise InputError(f"grid must be one of {GRIDS}, not {grid!r}")
        super().__init__(features, bins * values)
        self.bins, self.values = bins, values
        like = self.weight
        points = bin_centers(low, high, bins, like) if grid == "centers" else torch.linspace(low, high, bins)
        self.register_buffer("points", points.to(like.dtype))

    def forward(self, input: Float[Tensor, "n f"]) -> Float[Tensor, "n c *d"]:
        """(n, bins) logits, or (n, bins, values) where there are several values."""
        logits = super().forward(input)
        return logits if self.values == 1 else logits.unflatten(1, (self.bins, self.values))

    def decode(self, logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
        """The numbers that logits predict."""
        return histogram_mean(logits, self.points)
