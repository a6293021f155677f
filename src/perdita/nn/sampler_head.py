"""A small head that chooses among the tokens foreseen in parallel, one after another.

Source: Samragh et al., "Your LLM Knows the Future", 2025, arXiv 2507.11851, section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core import component

if TYPE_CHECKING:
    from jaxtyping import Float


@component("multi-token")
class SamplerHead(nn.Module):
    """Turns a state into one that also knows the token just before the predicted one.

    Two blocks of a linear layer, SiLU and layer normalisation: from 2 width to width, and from width to width. Its
    output goes through the model's own output layer. In training the token before is the text's; when tokens are
    generated it is the one just chosen, so that guesses made in parallel fit each other.

    Args:
        width: of the model's states.
        affine: whether the normalisations have a gain and a bias.
    """

    def __init__(self, width: int, *, affine: bool = True) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2 * width, width), nn.Linear(width, width)
        self.first_norm = nn.LayerNorm(width, elementwise_affine=affine)
        self.second_norm = nn.LayerNorm(width, elementwise_affine=affine)

    def forward(self, previous: Float[Tensor, "*n d"], hidden: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """(*n, width) from the embedding of the token before and the state."""
        x = self.first_norm(nn.functional.silu(self.first(torch.cat([previous, hidden], -1))))
        return self.second_norm(nn.functional.silu(self.second(x)))
