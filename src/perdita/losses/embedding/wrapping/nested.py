"""Embeddings whose first numbers alone are good embeddings too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from perdita.core.errors import InputError


class Matryoshka(nn.Module):
    r"""The weighted sum of a loss over shorter and shorter beginnings of the embeddings.

    .. math:: \ell = \sum_d w_d \, \ell(x_{1 \dots d}, \dots)

    Every floating argument of shape (…, largest dimension) is cut; labels and all else stay. Losses that normalise do
    so after the cut. A criterion with parameters of the embeddings' dimension (proxies) cannot be cut: give one for
    each.

    Args:
        criterion: any loss of embeddings, or one for each dimension.
        dimensions: the lengths, the largest of them that of the embeddings.
        weights: one for each; 1 unless given.

    Raises:
        InputError: no dimensions, numbers that do not fit, embeddings shorter than the largest dimension.

    Example:
        >>> nested = perdita.Matryoshka(perdita.InfoNce(temperature=1.0), dimensions=(4, 2))
        >>> nested(torch.eye(4)[:2], torch.eye(4)[:2]).item()
        0.62652...

    Source:
        Kusupati et al., "Matryoshka Representation Learning", NeurIPS 2022, arXiv 2205.13147.
    """

    def __init__(
        self,
        criterion: nn.Module | Sequence[nn.Module],
        *,
        dimensions: Sequence[int],
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.dimensions = tuple(dimensions)
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(self.dimensions)
        criteria = [criterion] * len(self.dimensions) if isinstance(criterion, nn.Module) else list(criterion)
        if not self.dimensions or min(self.dimensions) < 1:
            raise InputError(f"dimensions must be numbers from 1 on, at least one of them, not {dimensions!r}")
        if not len(self.dimensions) == len(self.weights) == len(criteria):
            raise InputError(f"weights and criteria must be as many as dimensions: {len(self.dimensions)}")
        self.criteria = nn.ModuleList(criteria)

    def forward(self, *tensors: Tensor, **fields: Any) -> Tensor:
        """The sum over the dimensions; arguments as the criterion takes them."""
        full = max(self.dimensions)

        def cut(value: Any, dimension: int) -> Any:
            embeds = isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 1
            return value[..., :dimension] if embeds and value.shape[-1] == full else value

        if not any(cut(value, 0) is not value for value in (*tensors, *fields.values())):
            raise InputError(f"no embedding of {full} numbers came")
        found = [
            weight * criterion(*(cut(t, d) for t in tensors), **{name: cut(t, d) for name, t in fields.items()})
            for criterion, d, weight in zip(self.criteria, self.dimensions, self.weights, strict=True)
        ]
        return torch.stack(found).sum(0)
