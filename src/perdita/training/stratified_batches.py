"""Batches that span the whole range of a real-valued target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch.utils.data import Sampler

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@component("cisir")
def strata(target: Float[Tensor, "n"], count: int) -> list[Int[Tensor, "m"]]:
    """Indices of the targets in order, cut into ``count`` groups whose sizes differ by at most one, larger ones first.

    Raises:
        InputError: fewer targets than groups, or no group.
    """
    if not 1 <= count <= len(target):
        raise InputError(f"batch_size must be from 1 to the {len(target)} targets, not {count}")
    return list(torch.sort(target, stable=True).indices.tensor_split(count))


@component("cisir")
class StratifiedBatchSampler(Sampler[list[int]]):
    """Every batch has one item of each of ``batch_size`` groups of neighbouring targets, drawn without replacement.

    For ``DataLoader(batch_sampler=...)``. An epoch has n // batch_size batches; in groups with an item more, one item
    waits for another epoch. The groups never mix: the released generator shuffles a view of its groups in place, so
    that after a few hundred steps its batches are nearly uniform.

    Args:
        target: (n,) training targets.
        batch_size: number of groups.
        generator: of the order; None takes PyTorch's own.
    """

    def __init__(
        self, target: Float[Tensor, "n"], batch_size: int, *, generator: torch.Generator | None = None
    ) -> None:
        self.groups = strata(target, batch_size)
        self.batches = len(target) // batch_size
        self.generator = generator

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        drawn = [group[torch.randperm(len(group), generator=self.generator)] for group in self.groups]
        return iter(torch.stack([own[: self.batches] for own in drawn], 1).tolist())
