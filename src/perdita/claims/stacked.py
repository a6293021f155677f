"""Layers of several small models of one shape, each with its own weights: one product for all models.

They take (models, b, t, …) and start from the numbers that the layers of `torch.nn` draw under each model's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


class Linears(nn.Module):
    """A linear layer of each model."""

    def __init__(self, fan_in: int, fan_out: int, generators: Sequence[torch.Generator], bias: bool = True) -> None:
        super().__init__()

        def drawn(rows: int) -> nn.Parameter:
            every = [torch.empty(fan_out, rows).uniform_(-bound, bound, generator=one).T for one in generators]
            return nn.Parameter(torch.stack(every))

        bound = fan_in**-0.5
        self.weight, self.bias = drawn(fan_in), drawn(1) if bias else None

    def forward(self, x: Float[Tensor, "s b t i"]) -> Float[Tensor, "s b t o"]:
        """The models' products on their own rows."""
        rows = x.flatten(1, 2)
        found = rows @ self.weight if self.bias is None else torch.baddbmm(self.bias, rows, self.weight)
        return found.unflatten(1, x.shape[1:3])


class Embeddings(nn.Module):
    """A table of vectors of each model."""

    def __init__(self, count: int, width: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([torch.randn(count, width, generator=one) for one in generators]))

    def forward(self, index: Int[Tensor, "s b t"]) -> Float[Tensor, "s b t w"]:
        """The models' own vectors."""
        models, count, _ = self.weight.shape
        first = count * torch.arange(models, device=index.device).view(-1, 1, 1)
        return F.embedding(index + first, self.weight.flatten(0, 1))


class LayerNorms(nn.Module):
    """A layer normalisation of each model."""

    def __init__(self, width: int, models: int) -> None:
        super().__init__()
        self.weight, self.bias = (nn.Parameter(fill(models, 1, 1, width)) for fill in (torch.ones, torch.zeros))

    def forward(self, x: Float[Tensor, "s b t w"]) -> Float[Tensor, "s b t w"]:
        """Mean 0 and variance 1, then the model's own factor and shift."""
        return torch.addcmul(self.bias, F.layer_norm(x, x.shape[-1:]), self.weight)
