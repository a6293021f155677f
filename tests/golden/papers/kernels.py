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
        "return_lse": read.param("return_lse", False, among=(False,)),
    }
    read.param("grad_is_of", among=("sum(loss)",))
    read.done()
    loss = cut_cross_entropy(hidden, weight, target, **options, block_rows=2, block_classes=4)
    found = {"loss": loss, **read.gradients(loss)}
    fused = fused_linear("cross_entropy", hidden, weight, target, **options, block_rows=2)
    torch.testing.assert_close({"loss": fused, **read.gradients(fused)}, found)
    return found


def filtered(read: Reader) -> dict[str, Any]:
    """The gradients with tiles left out, which tiles those are, and how far the gradients are from the exact ones."""
    hidden, weight, target = read.tensor("embeddings"), read.tensor("classifier"), read.constant("target")
    rows, classes, threshold = read.param("block_n"), read.param("block_v"), read.param("filter_eps")
    read.param("vocab_sort", among=("ascending mean logit",))
    sides = {"filter_hidden": read.param("filter_e_grad"), "filter_weight": read.param("filter_c_grad")}
    reduction = read.param("reduction", among=("mean",))
    read.done()

    def gradients(filter_threshold: float | None) -> tuple[Tensor, dict[str, Tensor]]:
        loss = cut_cross_entropy(
            hidden, weight, target, reduction=reduction, block_rows=rows, block_classes=classes,
            filter_threshold=filter_threshold, **sides,
        )  # fmt: skip
        return loss, read.gradients(loss)

    loss, found = gradients(threshold)
    _, exact = gradients(None)
    tiles = Tiles(rows=rows, classes=classes, threshold=threshold)
    with torch.no_grad():
        lse, _, mean_logit = tile_sums(tiles, hidden, weight, None, target)
        shares = torch.full_like(lse, 1 / len(lse))
        cut = cut_gradients(tiles, hidden, weight, None, target, lse, mean_logit, shares, torch.zeros_like(lse))
    torch.testing.assert_close(found["grad_embeddings"], cut.hidden)
    return {
        "loss": loss,
        **found,
        "vocab_order": cut.order,
        "blocks_total": cut.kept.numel(),
        "blocks_kept": int(cut.kept.sum()),
        "block_kept_row_major": cut.kept.int().flatten(),
        **{f"max_abs_err_vs_exact_{name}": (found[f"grad_{name}"] - exact[f"grad_{name}"]).abs().max()
           for name in ("embeddings", "classifier")},
    }  # fmt: skip
