"""Several passes through the same rows as one epoch: what is drawn for each row can then be drawn beforehand.

Models that draw while they train would draw in turn from one source; drawn beforehand, it is the same for every arm,
and the arms can train side by side.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

APART = 1_000_000  # a seed's draws for training are drawn apart from its other draws


def drawing(seed: int) -> torch.Generator:
    """The source of what is drawn beforehand."""
    return torch.Generator().manual_seed(APART + seed)


def in_passes(passes: int) -> Callable[[int, torch.Generator], Tensor]:
    """The order of a fold whose rows are those of each pass in turn: a permutation of each."""

    def order(rows: int, generator: torch.Generator) -> Tensor:
        each = rows // passes
        return torch.cat([own * each + torch.randperm(each, generator=generator) for own in range(passes)])

    return order
