"""Heads for ordered classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@component("ordinal-rasch")
class CoralHead(nn.Module):
    """One slope for all thresholds, and a bias for each: z_k = w h + b_k.

    With one slope the biases alone tell the thresholds apart, and they fall from threshold to threshold where
    `ordinal_cross_entropy` is least. They begin at 0.

    Args:
        features: width of what it reads.
        classes: number of ordered classes; there is one threshold fewer.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise InputError(f"classes must be at least 2, not {classes}")
        self.slope = nn.Linear(features, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(classes - 1))

    def forward(self, input: Float[Tensor, "n f"]) -> Float[Tensor, "n k"]:
        """(n, classes - 1) logits of P(y > k)."""
        return self.slope(input) + self.bias  # type: ignore[no-any-return]
