"""What a compound gives back: a batch that was scored, and a step that was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

Normalizer = float | Tensor | Mapping[str, float | Tensor] | None


class Scored(NamedTuple):
    """One batch, scored: the total to back-propagate, and every part of it by name."""

    total: Float[Tensor, ""]
    parts: dict[str, Tensor]  # each term's loss, before its weight; "outer.inner" of a nested compound
    weights: dict[str, Tensor]  # what the weighting gave each, times its own weight; they carry no gradient
    terms: Float[Tensor, "k"]  # the total's summands: what a gradient balancer takes
    losses: Float[Tensor, "k"]  # the outermost parts


class StepRecord(NamedTuple):
    """One optimiser step, for the log: parts and weights of the whole batch, over micro-batches and ranks."""

    number: int
    parts: dict[str, Tensor]
    weights: dict[str, Tensor]
