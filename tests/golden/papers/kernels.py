"""Adapters for papers whose component is a way to compute."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from perdita.kernels import cut_cross_entropy, fused_linear
from perdita.kernels.tiles.host import Tiles, cut_gradients, tile_sums
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("cce")
def cce(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    hidden, weight, target = read.tensor("embeddings"), read.tensor("classifier"), read.constant("target")
    if read.param("filter_eps", None, among=None) is not None:
        return filtered(Reader(inputs, params))
    options = {
        "bias": read.tensor("bias", None),
        "softcap": read.param("softcap", None),
        "shift": read.param("shift", 0),
        "reduction": read.param("reduction", "mean", among=("mean", "sum", "none")),
        "ignore_index": read.param("ignore_index", -100),
    }
    read.param("return_lse", False, among=(True, False))
    of_both = read.param("grad_is_of", "sum(loss)", among=("sum(loss)", "sum(loss)+sum(lse)")) != "sum(loss)"
    read.done()
    cut = cut_cross_entropy(hidden, weight, target, **options, return_lse=True, block_rows=2, block_classes=4)
    fused = fused_linear("cross_entropy", hidden, weight, target, **options, return_lse=True, block_rows=2)
    found, again = (
        {"loss": loss, "lse": lse, **read.gradients(loss.sum() + lse.sum() if of_both else loss)}
        for loss, lse in (cut, fused)
    )
    torch.testing.assert_close(again, found)
    return found


def filtered(read: Reader) -> dict[str, Any]:
    """The gradients with tiles left out, which tiles those are, and how far the gradients are from the exact ones."""
    hidden, weight, target = read.tensor("embeddings"), read.tensor("classifier"), read.constant("target")
    bias, softcap, ignored = read.tensor("bias", None), read.param("softcap", None), read.param("ignore_index", -100)
    rows, classes, threshold = read.param("block_n"), read.param("block_v"), read.param("filter_eps")
    threshold = torch.finfo(hidden.dtype).eps / 32 if threshold == "auto" else threshold
    by_mean = "ascending mean logit"
    sort = read.param("vocab_sort", by_mean, among=(by_mean, "none", False, None)) == by_mean
    sides = {"of_hidden": read.param("filter_e_grad", True), "of_weight": read.param("filter_c_grad", True)}
    reduction = read.param("reduction", "mean", among=("mean", "sum", "none"))
    read.param("shift", 0, among=(0,))
    read.param("return_lse", False, among=(False,))
    read.param("grad_is_of", "sum(loss)", among=("sum(loss)",))
    read.done()

    def gradients(filter_threshold: float | None) -> tuple[Tensor, dict[str, Tensor]]:
        loss = cut_cross_entropy(
            hidden, weight, target, bias=bias, softcap=softcap, ignore_index=ignored, reduction=reduction,
            block_rows=rows, block_classes=classes, filter_threshold=filter_threshold, sort_vocabulary=sort,
            filter_hidden=sides["of_hidden"], filter_weight=sides["of_weight"],
        )  # fmt: skip
        return loss, read.gradients(loss)

    loss, found = gradients(threshold)
    _, exact = gradients(None)
    tiles = Tiles(rows=rows, classes=classes, softcap=softcap, threshold=threshold, sort=sort, **sides)
    with torch.no_grad():
        kept = target != ignored
        given = hidden[kept], weight, bias, target[kept]
        lse, _, mean_logit = tile_sums(tiles, *given)
        shares = torch.full_like(lse, 1 / len(lse) if reduction == "mean" else 1.0)
        cut = cut_gradients(tiles, *given, lse, mean_logit, shares, torch.zeros_like(lse))
    torch.testing.assert_close(found["grad_embeddings"][kept], cut.hidden)
    return {
        "loss": loss,
        **found,
        "vocab_order": cut.order,
        "blocks_total": cut.kept.numel(),
        "blocks_kept": int(cut.kept.sum()),
        "block_kept_row_major": cut.kept.int().flatten(),
        **{f"max_abs_err_vs_exact_{name.removeprefix('grad_')}": (gradient - exact[name]).abs().max()
           for name, gradient in found.items()},
    }  # fmt: skip
