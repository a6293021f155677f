"""What the errors of a whole batch share: items that weigh, items that are left out, quotients and roots at zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


def weigh(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    weight: Float[Tensor, "n *d"] | None,
    mask: Bool[Tensor, "n *d"] | None,
) -> tuple[Float[Tensor, "n *d"], Float[Tensor, "n *d"], Float[Tensor, "n *d"]]:
    """Prediction and target with a harmless 1 where masked, and the weight of each element, 0 where masked."""
    weights = torch.ones_like(target)
    if weight is not None:
        weights = weights * align(weight, target.shape, "weight").to(target.dtype)
    if mask is None:
        return prediction, target, weights
    return torch.where(mask, prediction, 1.0), torch.where(mask, target, 1.0), torch.where(mask, weights, 0.0)


def mean(values: Float[Tensor, "n *d"], weights: Float[Tensor, "n *d"]) -> Float[Tensor, ""]:
    """sum(w v) / sum(w); where nothing weighs, a zero connected to the graph."""
    total = weights.sum()
    return (weights * values).sum() / torch.where(total == 0, 1.0, total)


def quotient(part: Float[Tensor, ""], whole: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """part / whole, where 0 / 0 is a zero connected to the graph and anything else over 0 is infinite."""
    nothing = whole == 0
    found = part / torch.where(nothing, 1.0, whole)
    return torch.where(nothing & (part != 0), torch.where(part != part, part, math.inf), found)


def root(square: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Square root whose gradient at 0 is 0 instead of infinite."""
    zero = square == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, square).sqrt())
