"""A memory of the embeddings of earlier batches, to compare the present one with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from perdita.core.criterion import Criterion
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


class CrossBatchMemory(nn.Module):
    r"""A pair loss of each batch against the last embeddings, those of the batch itself among them.

    The memory holds no gradient: earlier embeddings are constants, and an anchor's partners of its own batch are too.
    An item does not meet its own copy.

    Args:
        criterion: of a pair loss with labels, such as ``perdita.SupCon()``.
        dimension: of the embeddings.
        size: how many embeddings are kept; the oldest leave first.

    Raises:
        InputError: no criterion of a pair loss with labels, a batch larger than the memory.

    Example:
        >>> memory = perdita.CrossBatchMemory(perdita.Contrastive(), dimension=2, size=4)
        >>> _ = memory(torch.eye(2), torch.tensor([0, 1]))
        >>> memory(torch.tensor([[0.6, 0.8], [1.0, 0.0]]), torch.tensor([0, 0])).item()
        0.44999...

    Source:
        Wang, Zhang, Huang, Scott, "Cross-Batch Memory for Embedding Learning", CVPR 2020, arXiv 1912.06798.
    """

    embedding: Float[Tensor, "m d"]
    label: Int[Tensor, "m"]
    filled: Bool[Tensor, "m"]
    place: Int[Tensor, ""]

    def __init__(self, criterion: Criterion, *, dimension: int, size: int = 1024) -> None:
        super().__init__()
        pairs = getattr(criterion, "pairs", None) or getattr(criterion.card.per_example, "pairs", None)
        if pairs is None or pairs.views:
            raise InputError(f"criterion must be one of a pair loss with labels, not {criterion!r}")
        if dimension < 1 or size < 1:
            raise InputError(f"dimension and size must be at least 1, not {dimension} and {size}")
        self.criterion = criterion
        self.register_buffer("embedding", torch.zeros(size, dimension))
        self.register_buffer("label", torch.zeros(size, dtype=torch.long))
        self.register_buffer("filled", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    def push(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
        """Put a batch in the place of the oldest; gives where each item went."""
        size = len(self.label)
        if len(label) > size:
            raise InputError(f"embedding must hold at most {size} items, as the memory does, not {len(label)}")
        at = (self.place + torch.arange(len(label), device=self.label.device)) % size
        self.embedding = self.embedding.index_copy(0, at, embedding.detach().to(self.embedding.dtype))
        self.label = self.label.index_copy(0, at, label.detach().to(self.label.dtype))
        self.filled = self.filled.index_fill(0, at, True)
        self.place = (self.place + len(label)) % size
        return at

    def forward(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"], **fields: Any) -> Tensor:
        """The loss of the batch against the memory, once it is part of it; fields as the criterion takes them."""
        at = self.push(embedding, label)
        others = torch.arange(len(self.label), device=at.device) != at.unsqueeze(1)
        known = self.embedding.to(embedding.dtype)
        return self.criterion(
            embedding, label, reference=known, reference_label=self.label, pair_mask=others & self.filled, **fields
        )
