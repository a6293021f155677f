"""The matrix of a labelled batch against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from perdita.losses.embedding.similarity import resolve_similarity

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


class Square(NamedTuple):
    """Similarities of all items, and which pairs belong together and which do not; an item is no pair with itself."""

    similarity: Float[Tensor, "n n"]
    positive: Bool[Tensor, "n n"]
    negative: Bool[Tensor, "n n"]


def square(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    mask: Bool[Tensor, "n"] | None = None,
    similarity: Any = "cosine",
) -> Square:
    """All pairs of a batch; those with a masked item are no pairs."""
    if mask is not None:
        embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
    same = label.unsqueeze(1) == label
    itself = torch.eye(len(label), dtype=torch.bool, device=label.device)
    there = torch.ones_like(same) if mask is None else mask.unsqueeze(1) & mask
    compare = resolve_similarity(similarity)
    prepared = compare.prepare(embedding)
    return Square(compare.compare(prepared, prepared), same & ~itself & there, ~same & there)
