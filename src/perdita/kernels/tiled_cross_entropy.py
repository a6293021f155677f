"""Cross-entropy of a linear layer, tile by tile over rows and classes; the backward pass computes the tiles again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from perdita.core import component
from perdita.core.errors import InputError
from perdita.kernels.blocked import add_product
from perdita.kernels.inputs import prepare
from perdita.kernels.linear import checked_shift
from perdita.kernels.row_loss import Head, row_loss

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


@component("cce")
def cut_cross_entropy(
    hidden: Float[Tensor, "*n d"],
    weight: Float[Tensor, "v d"],
    target: Int[Tensor, "*n"],
    *,
    bias: Float[Tensor, "v"] | None = None,
    softcap: float | None = None,
    shift: int | bool = 0,
    example_weight: Float[Tensor, "*n"] | None = None,
    mask: Bool[Tensor, "*n"] | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
    return_lse: bool = False,
    filter_threshold: float | str | None = None,
    filter_hidden: bool = True,
    filter_weight: bool = True,
    sort_vocabulary: bool = True,
    block_rows: int = 512,
    block_classes: int = 4096,
) -> Any:
    r"""Cross-entropy of a linear layer's logits, of which no more than a tile exists in either pass.

    Forward, for each row: :math:`\ell = \log \sum_k e^{z_k} - z_y` with an online log-sum-exp over the tiles. Backward,
    each tile again: G = softmax(z) - indicator of the target, and hidden gets G W, weight gets the transpose of G times
    hidden. Four matrix products where `fused_linear` needs three, and memory for one tile and the gradients alone.

    With a filter, a tile all of whose \|G\| lie below the threshold is left out. A target's own tile stays unless its
    probability is above 1 - threshold. Sorting the classes by their mean logit gathers what may be left out. This is an
    approximation: classes that are rare get less gradient or none, which the authors advise against in pretraining.

    Args:
        hidden: (*n, d) inputs of the output layer.
        weight: (v, d) weight of the output layer.
        target: (*n,) class indices.
        bias: (v,) of the output layer; where both gradients are filtered, so is its own.
        softcap: bound of the logits, by a scaled tanh.
        shift: k scores the hidden state at i against the target at i + k; True is 1.
        example_weight, mask, ignore_index, reduction, normalizer: as in `fused_linear`.
        return_lse: also give the log-sum-exp of each row, differentiable, 0 where a row is left out.
        filter_threshold: None is exact; "auto" is the dtype's epsilon / 32, 2**-12 for bfloat16; or a number.
        filter_hidden, filter_weight: whether the filter applies to the gradient of hidden, of weight.
        sort_vocabulary: whether a filter sorts the classes.
        block_rows, block_classes: size of a tile.

    Returns:
        The reduced loss, or (*n,) values; with return_lse the pair of it and the log-sum-exps.

    Raises:
        InputError: labels outside 0..v-1, mixed dtypes, sizes that do not fit, compiled code or a `torch.func`
            transform, for which there is `fused_linear`.

    Example:
        >>> hidden, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 5.0]])
        >>> perdita.kernels.cut_cross_entropy(hidden, weight, torch.tensor([0])).item()
        0.23954...

    Source:
        Wijmans, Huval, Hertzberg, Koltun, Krähenbühl, "Cut Your Losses in Large-Vocabulary Language Models", ICLR 2025,
        arXiv 2411.09009, algorithms 1 to 4. Threshold and order of the steps are those of the released code, which
        gives NaN where no row is left and a 0 stands here.
    """
    loss, _ = row_loss("cross_entropy", {})
    rows = prepare(
        loss, Head(hidden, weight, bias, softcap), {"target": target},
        shift=checked_shift(shift), weight=example_weight, mask=mask, ignore_index=ignore_index,
    )  # fmt: skip
    if not rows.plain:
        raise InputError("cut_cross_entropy runs in eager mode, under no torch.func transform; use fused_linear")
    tiles = Tiles(
        rows=checked_size("block_rows", block_rows), classes=checked_size("block_classes", block_classes),
        softcap=softcap, threshold=_threshold(filter_threshold, hidden.dtype),
        of_hidden=filter_hidden, of_weight=filter_weight, sort=sort_vocabulary,
    )  # fmt: skip
    kept, index = rows.kept()
    head = kept.heads["logits"]
    with torch.autocast(hidden.device.type, enabled=False):
        found = CutCrossEntropy.apply(tiles, head.hidden, head.weight, head.bias, kept.by_row["target"].long())
        values, lse = (rows.spread(index, part) for part in found)
        value = rows.reduced(values, None, reduction, normalizer)
    return (value, rows.unreduced(lse)) if return_lse else value


class CutCrossEntropy(Function):
    """(tiles, hidden, weight, bias, target) → values and log-sum-exps (n,)."""

    @staticmethod
    def forward(
        ctx: Any, tiles: Tiles, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        lse, picked, mean_logit = tile_sums(tiles, hidden, weight, bias, target)
        ctx.tiles = tiles
        ctx.save_for_backward(hidden, weight, bias, target, lse, mean_logit)
        ctx.set_materialize_grads(False)
        return lse - picked, lse.clone()

    @staticmethod
    def backward(ctx: Any, by_value: Tensor | None, by_lse: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise InputError("cut_cross_entropy is differentiable once; fused_linear is differentiable twice")
        hidden, weight, bias, target, lse, mean_logit = ctx.saved_tensors
        zero = torch.zeros_like(lse)
        found = cut_gradients(
            ctx.tiles, hidden, weight, bias, target, lse, mean_logit,
            zero if by_value is None else by_value, zero if by_lse is None else by_lse, ctx.needs_input_grad[1:4],
        )  # fmt: skip
        return (None, found.hidden, found.weight, found.bias, None)


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
            keep = tiles.threshold is None or bool(slope.abs().amax() >= tiles.threshold)
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
    elif bias is None:
        torch.mm(hidden, weight.T, out=logits)
    else:
        torch.addmm(bias, hidden, weight.T, out=logits)
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


def checked_size(name: str, value: int) -> int:
    """Raise `InputError` for what is no number of rows or classes."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be an integer of at least 1, not {value!r}")
    return value


def _threshold(value: float | str | None, dtype: torch.dtype) -> float | None:
    """The released code's threshold: what is below it is lost in a sum of numbers near one in this dtype."""
    if value == "auto":
        return torch.finfo(dtype).eps / 32
    if value is None or (not isinstance(value, str | bool) and value > 0):
        return value
    raise InputError(f'filter_threshold must be a number above 0, "auto" or None, not {value!r}')
