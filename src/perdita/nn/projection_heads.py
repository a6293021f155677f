"""Projection heads for contrastive learning: several small networks side by side on one representation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@component("amcl")
class ProjectionHeads(nn.Module):
    r"""Heads of one architecture with weights of their own: features (n, f) → (n, h, d).

    Each is W_2 relu(W_1 x + b_1) + b_2. Evaluate the features themselves; heads are for the loss.

    Args:
        features: f.
        dimension: d.
        heads: h.
        hidden: width in between; f unless given.

    Source:
        Wang, Koniusz, Gedeon, Zheng, "Adaptive Multi-head Contrastive Learning", ECCV 2024, arXiv 2310.05615; three
        heads in the authors' code.
    """

    def __init__(self, features: int, dimension: int, *, heads: int = 3, hidden: int | None = None) -> None:
        super().__init__()
        width = hidden or features
        self.inner = nn.Parameter(_drawn(heads, features, width))
        self.inner_bias = nn.Parameter(_drawn(heads, 1, width, inputs=features))
        self.outer = nn.Parameter(_drawn(heads, width, dimension))
        self.outer_bias = nn.Parameter(_drawn(heads, 1, dimension, inputs=width))

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n h d"]:
        """The projections of every head."""
        hidden = (features @ self.inner + self.inner_bias).relu()  # (h, n, hidden)
        return (hidden @ self.outer + self.outer_bias).transpose(0, 1)


def _drawn(heads: int, rows: int, columns: int, inputs: int | None = None) -> Float[Tensor, "heads rows columns"]:
    """Initial weights as those of `torch.nn.Linear` with so many inputs."""
    bound = 1 / math.sqrt(inputs or rows)
    return torch.empty(heads, rows, columns).uniform_(-bound, bound)
