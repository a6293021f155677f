"""Heads that predict a number, and the bin that it falls into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@component("classification-helps-regression")
class RegressionClassificationHead(nn.Module):
    """Two linear layers on the same features: one number, and the logits of its bins.

    Args:
        features: width of what it reads.
        classes: number of bins.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise InputError(f"classes must be at least 2, not {classes}")
        self.regression = nn.Linear(features, 1)
        self.classification = nn.Linear(features, classes)

    def forward(self, input: Float[Tensor, "n f"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n c"]]:
        """(n,) numbers and (n, classes) logits; at test time the numbers are the answer."""
        return self.regression(input).squeeze(1), self.classification(input)
