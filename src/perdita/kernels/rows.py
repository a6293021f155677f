"""Any row-wise loss of logits that exist already: the gradient comes out of the forward pass, a block at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.criterion import Criterion
from perdita.kernels.blocked import cached_rows
from perdita.kernels.cross_entropy_blocks import split_evenly
from perdita.kernels.evaluation import fuse
from perdita.kernels.linear import checked_rows
from perdita.kernels.row_loss import Head

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from perdita.kernels.inputs import Rows


def fused_rows(
    loss: str | Criterion | Callable[..., Tensor],
    logits: Float[Tensor, "*n c"],
    target: Tensor | Head | None = None,
    *,
    softcap: float | None = None,
    weight: Float[Tensor, "*n"] | None = None,
    mask: Bool[Tensor, "*n"] | None = None,
    ignore_index: int | str | None = "default",
    reduction: str | None = None,
    normalizer: float | Tensor | None = None,
    z_penalty: float = 0.0,
    return_lse: bool = False,
    block_rows: int | None = None,
    memory: int | None = None,
    impl: str = "auto",
    **options: Any,
) -> Any:
    r"""A row-wise loss of logits, and its gradient, a block of rows at a time.

    .. math:: \ell_i = \text{loss}(\text{cap}(z_i), t_i) + \text{z\_penalty} \log^2 \sum_k e^{\text{cap}(z_{ik})},
        \qquad \text{cap}(z) = \text{softcap} \tanh(z / \text{softcap})

    Equal to ``loss(logits, target, ...)``. What the loss makes on its way to the value lives for one block, which stays
    in the processor's cache; of the logits' size there is the gradient alone. It comes out of the forward pass; with
    ``reduction="none"`` the backward pass computes each block again. Differentiable twice, block by block too; runs in
    compiled code and under `torch.func` transforms. `fused_linear` spares the logits too, where a linear layer makes
    them. Next-token targets cost no copy of the logits where the targets are shifted, and the last one ignored.

    Args:
        loss: name, public function or `Criterion` of a loss over logits (n, c) whose values depend on their own row
            alone. Learnable parameters of a criterion get their gradient.
        logits: (*n, c) scores, classes last; leading dimensions count as rows.
        target: the loss's second tensor, with the leading shape of the logits; (hidden, weight), and bias and softcap
            after them, where it is the logits of a linear layer, a teacher's for example.
        softcap: bound of the logits, by a scaled tanh.
        weight: of each row, up to shape (*n,).
        mask: boolean, up to (*n,); False leaves a row out, which costs what other rows cost.
        ignore_index: rows whose integer target equals it are left out; the loss's own unless it is given.
        reduction: "mean", "sum", "none" or "batchmean"; the loss's own unless it is given.
        normalizer: replaces the denominator of the mean.
        z_penalty: of the squared log-sum-exp, which keeps it near zero.
        return_lse: also give the log-sum-exp of each row, (*n,), 0 where a row is left out; differentiable.
        block_rows: rows of a block. By itself a block holds up to 524,288 logits, or a row where that has more; six
            times as many for a loss with parameters.
        memory: bytes that one block of logits may take, where block_rows is not given.
        impl: "auto" or "blocked" go by blocks; "reference" takes the loss of all logits at once.
        **options: hyper-parameters and further tensors of the loss, by name.

    Returns:
        The reduced loss, or (*n,) values; with return_lse the pair of it and the log-sum-exps.

    Raises:
        InputError: a loss that is not row-wise over classes; labels outside 0..c-1, shapes that do not fit, integers
            where numbers are meant; a NaN or infinity, whose row is named.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]], requires_grad=True)
        >>> perdita.kernels.fused_rows("focal", logits, torch.tensor([0]), gamma=1.0).item()
        0.05102...

    Source:
        Gradients in the forward pass: Hsu et al., "Liger Kernel", arXiv 2410.10989, section 3.2. z_penalty: Chowdhery
        et al., "PaLM", JMLR 2023, arXiv 2204.02311, section 5.
    """
    head = Head(logits, None, None, softcap)
    return fuse(
        loss, head, target, options,
        shift=0, weight=weight, mask=mask, ignore_index=ignore_index, reduction=reduction, normalizer=normalizer,
        z_penalty=z_penalty, return_lse=return_lse, accumulate=torch.float32, impl=impl, hand_written=lambda *_: None,
        block_rows=lambda rows: checked_rows(head, block_rows, memory, _block(rows, head)),
    )  # fmt: skip


def _block(rows: Rows, head: Head) -> int:
    return split_evenly(rows.count, cached_rows(head.classes, rows.count, bool(rows.loss.parameters)))
