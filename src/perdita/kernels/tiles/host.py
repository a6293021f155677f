"""Cross-entropy of a linear layer in PyTorch: tile by tile over rows and classes, one buffer for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from perdita.kernels.logit_blocks import add_product, linear_into

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """How the logits are cut, and which tiles of the gradient may be left out."""

    rows: int = 512
    classes: int = 4096
    softcap: float | None = None
    threshold: float | None = None  # a tile with no |probability - indicator| above it is left out; None leaves none
    of_hidden: bool = True  # of the gradient of hidden
    of_weight: bool = True  # of the gradient of weight
    sort: bool = True  # classes of like mean logits share tiles


class CutGradients(NamedTuple):
    """Gradients by tiles, and which tiles were computed."""

    hidden: Float[Tensor, "n d"] | None
    weight: Float[Tensor, "v d"] | None
    bias: Float[Tensor, "v"] | None
    order: Int[Tensor, "v"]  # of the classes in the tiles
    kept: Bool[Tensor, "row_tiles class_tiles"]


def tile_sums(
    tiles: Tiles, hidden: Float[Tensor, "n d"], weight: Float[Tensor, "v d"], bias: Tensor | None, target: Tensor
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "v"] | None]:
    """Log-sum-exp and target's logit of each row, and, for a filter that sorts, the mean logit of each class."""
    wide = torch.promote_types(hidden.dtype, torch.float32)
    lse = hidden.new_full((hidden.shape[0],), -torch.inf, dtype=wide)
    picked = hidden.new_zeros(hidden.shape[0], dtype=wide)
    sorting = tiles.threshold is not None and tiles.sort
    mean_logit = hidden.new_zeros(weight.shape[0], dtype=wide) if sorting else None
    buffer = _buffer(tiles, hidden, weight)
    for classes in _cuts(weight.shape[0], tiles.classes):
        own, own_bias = weight[classes], None if bias is None else bias[classes]
        for rows in _cuts(hidden.shape[0], tiles.rows):
            logits, _ = tile_logits(tiles, buffer, hidden[rows], own, own_bias)
            lse[rows] = torch.logaddexp(lse[rows], logits.logsumexp(1))
            place = target[rows] - classes.start
            inside = (place >= 0) & (place < own.shape[0])
            chosen = logits.gather(1, place.clamp(0, own.shape[0] - 1).unsqueeze(1)).squeeze(1)
            picked[rows] = torch.where(inside, chosen, picked[rows])
            if mean_logit is not None:
                mean_logit[classes] += logits.sum(0) / hidden.shape[0]
    return lse, picked, mean_logit


def cut_gradients(
    tiles: Tiles,
    hidden: Float[Tensor, "n d"],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, "v"] | None,
    target: Int[Tensor, "n"],
    lse: Float[Tensor, "n"],
    mean_logit: Float[Tensor, "v"] | None,
    by_value: Float[Tensor, "n"],
    by_lse: Float[Tensor, "n"],
    wanted: tuple[bool, ...] = (True, True, True),
) -> CutGradients:
    """Gradients of sum(by_value * values + by_lse * lse), a tile at a time.

    A target outside of 0..v-1 has its class elsewhere, on another rank; classes are not sorted then.
    """
    count = weight.shape[0]
    order = torch.arange(count, device=weight.device) if mean_logit is None else mean_logit.argsort(stable=True)
    place = target  # of each row's target in the order
    if mean_logit is not None:
        places = torch.empty_like(order)
        places[order] = torch.arange(count, device=order.device)
        place = places[target]
    by_hidden = torch.zeros_like(hidden, dtype=lse.dtype) if wanted[0] else None
    by_weight = torch.empty_like(weight) if wanted[1] else None
    by_bias = torch.empty_like(bias) if bias is not None and wanted[2] else None
    kept: list[list[bool]] = []
    buffer = _buffer(tiles, hidden, weight)
    for classes in _cuts(count, tiles.classes):
        chosen = classes if mean_logit is None else order[classes]
        own, own_bias = weight[chosen], None if bias is None else bias[chosen]
        in_place = by_weight is not None and mean_logit is None and by_weight.dtype == lse.dtype
        sums = by_weight[classes].zero_() if in_place else torch.zeros_like(own, dtype=lse.dtype)  # type: ignore[index]
        bias_sums = lse.new_zeros(own.shape[0])
        kept.append([])
        for rows in _cuts(hidden.shape[0], tiles.rows):
            logits, fade = tile_logits(tiles, buffer, hidden[rows], own, own_bias, slope=True)
            slope = logits.sub_(lse[rows].unsqueeze(1)).exp_()
            own_place = (place[rows] - classes.start).unsqueeze(1)
            inside = (own_place >= 0) & (own_place < own.shape[0])
            own_place = own_place.clamp(0, own.shape[0] - 1)
            slope.scatter_add_(1, own_place, -inside.to(slope.dtype))
            keep = tiles.threshold is None or not bool(slope.abs().amax() < tiles.threshold)  # a NaN stays
            kept[-1].append(keep)
            if not keep and tiles.of_hidden and tiles.of_weight:
                continue
            slope.mul_((by_value[rows] + by_lse[rows]).unsqueeze(1))
            slope.scatter_add_(1, own_place, inside * by_lse[rows].unsqueeze(1))  # the indicator has by_value alone
            if fade is not None:
                slope.mul_(fade)
            narrow = slope.to(hidden.dtype)
            if by_hidden is not None and (keep or not tiles.of_hidden):
                by_hidden[rows] += (narrow @ own).to(by_hidden.dtype)
            if by_weight is not None and (keep or not tiles.of_weight):
                add_product(sums, narrow, hidden[rows])
            bias_sums += slope.sum(0)
        if by_weight is not None and not in_place:
            by_weight[chosen] = sums.to(by_weight.dtype)
        if by_bias is not None:
            by_bias[chosen] = bias_sums.to(by_bias.dtype)
    tile_map = torch.tensor(kept).T
    return CutGradients(None if by_hidden is None else by_hidden.to(hidden.dtype), by_weight, by_bias, order, tile_map)


def tile_logits(
    tiles: Tiles,
    buffer: Float[Tensor, "size"],
    hidden: Float[Tensor, "n d"],
    weight: Float[Tensor, "v d"],
    bias: Tensor | None,
    slope: bool = False,
) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n v"] | None]:
    """A tile of capped logits, in the buffer, and the derivative of the cap where it is asked for."""
    logits = buffer[: hidden.shape[0] * weight.shape[0]].view(hidden.shape[0], weight.shape[0])
    if hidden.dtype != buffer.dtype:
        logits.copy_(F.linear(hidden, weight, bias))
    else:
        linear_into(logits, hidden, weight, bias)
    if tiles.softcap is None:
        return logits, None
    logits.div_(tiles.softcap).tanh_()
    fade = 1 - logits.square() if slope else None
    return logits.mul_(tiles.softcap), fade


def _buffer(tiles: Tiles, hidden: Tensor, weight: Tensor) -> Tensor:
    """Numbers of one tile, in float32 at least, for all tiles one after another."""
    size = min(tiles.rows, hidden.shape[0]) * min(tiles.classes, weight.shape[0])
    return hidden.new_empty(size, dtype=torch.promote_types(hidden.dtype, torch.float32))


def _cuts(size: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, size)) for start in range(0, size, step))
