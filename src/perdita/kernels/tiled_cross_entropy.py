"""Cross-entropy of a linear layer, tile by tile over rows and classes; the backward pass computes the tiles again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

from perdita.core import component
from perdita.core.errors import InputError
from perdita.kernels.dispatch import by_triton
from perdita.kernels.inputs import Rows, prepare
from perdita.kernels.linear import checked_shift
from perdita.kernels.row_loss import Head, row_loss
from perdita.kernels.tiles.host import Tiles, cut_gradients, tile_sums

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


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
    impl: str = "auto",
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
        block_rows, block_classes: size of a tile of impl="blocked".
        impl: "blocked" is PyTorch, "triton" are kernels with tiles of their own, which need a CUDA device, float32 or
            half precision; "auto" takes them where they run. They were checked in Triton's interpreter and compiled for
            compute capabilities 8.0 and 9.0; this project has not measured them on a GPU.

    Returns:
        The reduced loss, or (*n,) values; with return_lse the pair of it and the log-sum-exps.

    Raises:
        InputError: labels outside 0..v-1, mixed dtypes, sizes that do not fit, compiled code or a `torch.func`
            transform, for which there is `fused_linear`; impl="triton" where it cannot run.

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
        softcap=softcap, threshold=_threshold(filter_threshold, rows.heads["logits"].hidden.dtype),
        of_hidden=filter_hidden, of_weight=filter_weight, sort=sort_vocabulary,
    )  # fmt: skip
    if impl not in ("auto", "blocked", "triton"):
        raise InputError(f'impl must be "auto", "blocked" or "triton", not {impl!r}')
    with torch.autocast(hidden.device.type, enabled=False):
        values, lse = _by_triton(tiles, rows) if by_triton(impl, rows) and rows.count else _by_torch(tiles, rows)
        value = rows.reduced(values, None, reduction, normalizer)
    return (value, rows.unreduced(lse)) if return_lse else value


def _by_torch(tiles: Tiles, rows: Rows) -> tuple[Tensor, Tensor]:
    kept, index = rows.kept()
    found = CutCrossEntropy.apply(tiles, *kept.heads["logits"][:3], kept.by_row["target"].long())
    return rows.spread(index, found[0]), rows.spread(index, found[1])


def _by_triton(tiles: Tiles, rows: Rows) -> tuple[Tensor, Tensor]:
    from perdita.kernels.tiles.launch import Cut, values_and_lse

    cut = Cut(
        softcap=tiles.softcap, threshold=tiles.threshold, of_hidden=tiles.of_hidden, of_weight=tiles.of_weight,
        sort=tiles.sort,
    )  # fmt: skip
    return values_and_lse(cut, *rows.heads["logits"][:3], rows.by_row["target"], rows.mask)


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
