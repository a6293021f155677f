"""Which items of a batch count for a class: its positives, and so many negatives for each as are the hardest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


def hardest(
    scores: Float[Tensor, "n c *d"], positive: Bool[Tensor, "n c *d"], counted: Bool[Tensor, "n c *d"], ratio: float
) -> Float[Tensor, "n c *d"]:
    """For each class 1 for every positive and for the int(ratio * positives) negatives with the largest score of all
    items that are counted, 0 for the others; of equal scores the first."""
    positive, candidate = positive & counted, ~positive & counted
    places = torch.where(candidate, scores.detach(), -torch.inf).movedim(1, 0).flatten(1)  # (c, items)
    rank = places.argsort(dim=1, descending=True, stable=True).argsort(1)
    allowed = (ratio * positive.movedim(1, 0).flatten(1).sum(1)).floor()
    near = (rank < allowed.unsqueeze(1)).view_as(scores.movedim(1, 0)).movedim(0, 1)
    return (positive | (candidate & near)).to(scores.dtype)
