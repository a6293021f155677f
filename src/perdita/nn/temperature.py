"""Temperatures of a frozen classifier's logits: one for all items, or one for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@component("calibration-correctness")
def consistency_features(
    logits: Float[Tensor, "n c"], transformed: Float[Tensor, "n r c"], *, top: int = 4
) -> Float[Tensor, "n rt"]:
    """What the classifier says of changed copies of an item: their probabilities at the item's own top classes.

    Args:
        logits: (n, c) of the items; only the order of their classes is used.
        transformed: (n, r, c) of r changed copies of each.
        top: number of classes, at most c.

    Returns:
        (n, r * top) probabilities: copy by copy, each from the item's most probable class down.

    Raises:
        InputError: more top classes than there are.
    """
    if not 1 <= top <= logits.shape[1]:
        raise InputError(f"top must be from 1 to {logits.shape[1]}, the number of classes, not {top}")
    classes = logits.argsort(stable=True, dim=1, descending=True)[:, :top]
    return transformed.softmax(2).gather(2, classes.unsqueeze(1).expand(-1, transformed.shape[1], -1)).flatten(1)


@component("calibration-correctness")
class TemperatureScaling(nn.Module):
    """One temperature for every item, 1 to begin with: the baseline of all calibrators."""

    def __init__(self) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n"]:
        """The temperature of each item, whatever its features."""
        return self.log_temperature.exp().expand(len(features))


@component("calibration-correctness")
class AdaptiveTemperature(nn.Module):
    """A temperature for each item from its features, through one small hidden layer.

    Args:
        features: number of features.
        hidden: width of the hidden layer.
        low, high: the temperature stays between them. Outside, no gradient flows; the bias of the output begins at 1,
            for a fresh layer's outputs around 0 would be stuck at ``low``, as they are in the authors' code.

    Raises:
        InputError: not 0 < low < high.

    Source:
        Liu, Wang, Zou, Zou, Zheng, 2024, arXiv 2404.13016, as in the authors' code.
    """

    def __init__(self, features: int, *, hidden: int = 5, low: float = 0.1, high: float = 10.0) -> None:
        super().__init__()
        if not 0 < low < high:
            raise InputError(f"low and high must satisfy 0 < low < high, not {low} and {high}")
        self.body = nn.Sequential(nn.Linear(features, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 1)
        nn.init.ones_(self.head.bias)
        self.low, self.high = low, high

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n"]:
        """The temperature of each item."""
        return self.head(self.body(features)).squeeze(1).clamp(self.low, self.high)
