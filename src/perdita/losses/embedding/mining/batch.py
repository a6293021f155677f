"""Pairs chosen from a whole batch: its hardest share, or as many of every similarity.

Blocks of anchors choose each for themselves: with `perdita.kernels.pairs.blockwise_pairs` the share is one of every
block.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    Masks = tuple[Bool[Tensor, "b m"], Bool[Tensor, "b m"]]


def hardest_share(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    share: float = 0.5,
) -> Masks:
    """That share of the positive pairs that is farthest, and of the negative pairs that is closest.

    Raises:
        InputError: a share outside [0, 1].

    Source: Yuan, Yang, Zhang, "Hard-Aware Deeply Cascaded Embedding", ICCV 2017, arXiv 1611.05720.
    """
    if not 0 <= share <= 1:
        raise InputError(f"share must be a number in [0, 1], not {share!r}")
    return _first(-similarity, positive, share), _first(similarity, negative, share)


def _first(values: Float[Tensor, "b m"], pairs: Bool[Tensor, "b m"], share: float) -> Bool[Tensor, "b m"]:
    """The pairs with the largest values, ceil(share * count) of them; earlier places first among equals."""
    flat = values.masked_fill(~pairs, -torch.inf).flatten()
    rank = flat.argsort(descending=True, stable=True).argsort()
    count = (pairs.sum() * share).ceil()
    return pairs & ((rank < count).view_as(pairs) | values.isnan())


def even_similarities(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    bins: int = 100,
    positives: int = 10,
    negatives: int = 10,
    generator: torch.Generator | None = None,
) -> Masks:
    """Pairs of either kind, drawn from equal intervals between its extreme similarities, up to so many from each.

    Raises:
        InputError: fewer than one bin or pair.
    """
    if min(bins, positives, negatives) < 1:
        raise InputError(f"bins, positives and negatives must be at least 1, not {bins}, {positives}, {negatives}")
    noise = torch.rand(similarity.shape, generator=generator, dtype=similarity.dtype, device=similarity.device)
    return (
        _from_each_bin(similarity, positive, noise, bins, positives),
        _from_each_bin(similarity, negative, noise, bins, negatives),
    )


def _from_each_bin(
    values: Float[Tensor, "b m"], pairs: Bool[Tensor, "b m"], noise: Float[Tensor, "b m"], bins: int, count: int
) -> Bool[Tensor, "b m"]:
    if not pairs.numel():
        return pairs
    known = pairs & ~values.isnan()
    low = values.masked_fill(~known, math.inf).amin()
    width = (values.masked_fill(~known, -math.inf).amax() - low) / bins
    place = torch.where(known, (values - low) / torch.where(width > 0, width, 1.0), 0.0).floor().clamp(0, bins - 1)
    place = torch.where(known, place, float(bins)).flatten()
    order = (place + noise.flatten().clamp(max=1 - torch.finfo(noise.dtype).eps)).argsort(stable=True)
    ranked = place[order].contiguous()
    first = torch.searchsorted(ranked, ranked)  # where the bin of each begins
    taken = torch.arange(len(ranked), device=ranked.device) - first < count
    kept = torch.zeros_like(taken).scatter(0, order, taken).view_as(pairs)
    return pairs & (kept | values.isnan())
