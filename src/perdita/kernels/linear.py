"""A linear output layer and any row-wise loss on it, without the logits in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.criterion import Criterion
from perdita.core.errors import InputError
from perdita.core.numerics import HALF
from perdita.kernels.autograd import multiplies
from perdita.kernels.cross_entropy_blocks import (
    CrossEntropyBlocks,
    brier_in_place,
    split_evenly,
    squentropy_in_place,
)
from perdita.kernels.evaluation import fuse
from perdita.kernels.inputs import Rows
from perdita.kernels.row_loss import Head, RowLoss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

OF_TARGET = (  # functions of the target's probability alone, which a test looks for among all losses
    "class_balanced_cross_entropy", "comp_sum", "direct_coverage", "focal", "generalized_cross_entropy",
    "logit_adjusted_cross_entropy", "poly_cross_entropy", "poly_drop", "poly_focal_multiclass", "self_adjusting_dice",
    "softmax_mae", "symmetric_cross_entropy",
)  # fmt: skip
DIRECT = {"brier": brier_in_place, "squentropy": squentropy_in_place}
CACHED_LOGITS = 2**20  # of a block at least: fewer, and the calls cost more than the sums
SHARE = 7 / 8  # of the weight's size, at which a block, the weight's gradient and all else are less than two weights


def fused_linear(
    loss: str | Criterion | Callable[..., Tensor],
    hidden: Float[Tensor, "*n d"],
    weight: Float[Tensor, "v d"],
    target: Tensor | Head | None = None,
    *,
    bias: Float[Tensor, "v"] | None = None,
    softcap: float | None = None,
    shift: int | bool = 0,
    example_weight: Float[Tensor, "*n"] | None = None,
    mask: Bool[Tensor, "*n"] | None = None,
    ignore_index: int | str | None = "default",
    reduction: str | None = None,
    normalizer: float | Tensor | None = None,
    z_penalty: float = 0.0,
    return_lse: bool = False,
    block_rows: int | None = None,
    memory: int | None = None,
    accumulate: torch.dtype | None = torch.float32,
    impl: str = "auto",
    **options: Any,
) -> Any:
    r"""A row-wise loss of the logits of a linear layer, and its gradients, a block of rows at a time.

    .. math:: z_i = \text{cap}(W h_i + b), \qquad \text{cap}(z) = \text{softcap} \tanh(z / \text{softcap}),
        \qquad \ell_i = \text{loss}(z_i, t_i) + \text{z\_penalty} \log^2 \sum_k e^{z_{ik}}

    The logits z (n, v) never exist together. With a reduction the gradients of hidden and weight come out of the
    forward pass, three matrix products in all; with ``reduction="none"`` the backward pass computes each block of
    logits a second time. Rows that are masked or ignored are taken out before the first product; in compiled code,
    under `torch.func` transforms and on accelerators, where shapes may not depend on values, they are set to zero
    instead and cost what other rows cost. Differentiable twice, block by block too.

    Args:
        loss: name, public function or `Criterion` of a loss over logits (n, c) whose values depend on their own row
            alone. Learnable parameters of a criterion get their gradient. Losses of preferences between responses, as
            `dpo`, take ``reference`` and ``average`` too: `perdita.kernels.fused_preference`.
        hidden: (*n, d) inputs of the output layer; leading dimensions count as rows.
        weight: (v, d) weight of the output layer, as in `torch.nn.Linear`.
        target: the loss's second tensor, with the leading shape of hidden; (hidden, weight), and bias and softcap after
            them, where it is the logits of another linear layer, a teacher's for example. Where the second tensor comes
            by its name, as teacher_logits, it is the loss's field of the name target.
        bias: (v,) of the output layer.
        softcap: bound of the logits, by a scaled tanh.
        shift: k scores the hidden state at i against what stands at i + k of target, mask, example_weight and the other
            row tensors, along the last leading dimension; True is 1. Values have k columns fewer.
        example_weight: as ``weight`` of every loss, up to shape (*n,).
        mask: boolean, up to (*n,); False leaves a row out.
        ignore_index: rows whose integer target equals it are left out; the loss's own unless it is given.
        reduction: "mean", "sum", "none" or "batchmean"; the loss's own unless it is given.
        normalizer: replaces the denominator of the mean.
        z_penalty: of the squared log-sum-exp, which keeps it near zero.
        return_lse: also give the log-sum-exp of each row, (*n,), 0 where a row is left out; differentiable.
        block_rows: rows of a block. By itself blocks of logits are equal and take at most seven eighths of what the
            weight takes, or 4 MiB; as much as the weight where a CPU multiplies in half precision.
        memory: bytes that one block of logits may take, where block_rows is not given.
        accumulate: dtype of sums over rows where inputs are narrower; None keeps the inputs' dtype.
        impl: "auto" takes a hand-written form, where there is one: in eager mode for cross-entropy with class indices,
            its functions (focal, generalised cross-entropy, ...), brier and squentropy. "blocked" derives everything
            from the loss's definition, "reference" holds all logits. For cross-entropy and its functions "triton" are
            kernels that compute each tile of logits twice and store none; for cross-entropy "cut-cross-entropy" is the
            package of that name, which sums in the inputs' dtype. On a CUDA device "auto" takes the package where it is
            installed and does what is asked, and accumulate is None; else the kernels, where they can. This project has
            not measured either on a GPU.
        **options: hyper-parameters and further tensors of the loss, by name.

    Returns:
        The reduced loss, or (*n,) values; with return_lse the pair of it and the log-sum-exps.

    Raises:
        InputError: a loss that is not row-wise over classes; labels outside 0..v-1, mixed dtypes, sizes that do not
            fit, integers where numbers are meant; a NaN or infinity, whose row is named; an impl that cannot do it.

    Example:
        >>> hidden, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 5.0]])
        >>> perdita.kernels.fused_linear("cross_entropy", hidden, weight, torch.tensor([0])).item()
        0.23954...
        >>> perdita.kernels.fused_linear(perdita.Focal(gamma=1.0), hidden, weight, torch.tensor([0])).item()
        0.05102...

    Source:
        Gradients in the forward pass: Hsu et al., "Liger Kernel", arXiv 2410.10989, section 3.2. z_penalty: Chowdhery
        et al., "PaLM", JMLR 2023, arXiv 2204.02311, section 5. See `cut_cross_entropy` for the other way round.
    """
    from perdita.kernels.responses.preference import card_of_responses

    if card_of_responses(loss):
        return _preference(
            loss, hidden, weight, target, z_penalty, return_lse, bias=bias, softcap=softcap, shift=shift, mask=mask,
            ignore_index=ignore_index, example_weight=example_weight, reduction=reduction, normalizer=normalizer,
            block_rows=block_rows, memory=memory, accumulate=accumulate, impl=impl, **options,
        )  # fmt: skip
    return fuse(
        loss, Head(hidden, weight, bias, softcap), target, options,
        shift=checked_shift(shift), weight=example_weight, mask=mask, ignore_index=ignore_index, reduction=reduction,
        normalizer=normalizer, z_penalty=z_penalty, return_lse=return_lse, accumulate=accumulate, impl=impl,
        block_rows=lambda rows: block_rows_of(rows, block_rows, memory), hand_written=_hand_written,
    )  # fmt: skip


def _preference(
    loss: Any, hidden: Tensor, weight: Tensor, target: Any, z_penalty: float, return_lse: bool, **options: Any
) -> Tensor:
    """A loss of whole responses, which has no log-sum-exp of its own."""
    from perdita.kernels.responses.preference import fused_preference

    if z_penalty or return_lse:
        raise InputError(
            "a loss of whole responses has no log-sum-exp for z_penalty or return_lse; "
            "take it from perdita.fused_log_probabilities(..., return_lse=True)"
        )
    return fused_preference(loss, hidden, weight, target, **options)


def checked_shift(shift: int | bool) -> int:
    """Raise `InputError` for what is no number of places."""
    if not isinstance(shift, int) or shift < 0:
        raise InputError(f"shift must be an integer >= 0, not {shift!r}")
    return int(shift)


def _hand_written(rows: Rows, z_penalty: float) -> CrossEntropyBlocks | None:
    """Cross-entropy with class indices alone, a function of it, or what else has a short gradient; in eager mode."""
    target, options = rows.by_row.get("target"), rows.loss.options
    name, smoothing = rows.loss.card.name, options.get("label_smoothing", 0.0)
    if name not in ("cross_entropy", *OF_TARGET, *DIRECT) or (smoothing and name != "cross_entropy"):
        return None
    if not rows.plain or target is None or target.is_floating_point() or rows.loss.parameters:
        return None
    if rows.shared or len(rows.by_row) != 1 or len(rows.heads) != 1 or (name in DIRECT and z_penalty):
        return None
    of_target = functools.partial(_of_log_odds, rows.loss) if name in OF_TARGET else None
    others = {option: value for option, value in options.items() if option != "label_smoothing"}
    direct = functools.partial(DIRECT[name], **others) if name in DIRECT else None
    softcap = next(iter(rows.heads.values())).softcap
    return CrossEntropyBlocks(smoothing, softcap, z_penalty, of_target, direct, looked=rows.looked)


def _of_log_odds(loss: RowLoss, log_odds: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Values of a loss that depends on the target's log-odds alone: with two classes it has the same."""
    logits = torch.stack([log_odds, torch.zeros_like(log_odds)], 1)
    target = torch.zeros_like(log_odds, dtype=torch.long)
    return loss.values({loss.card.signature.fields[0].name: logits, "target": target}, {}, 0.0, False)[0]


def block_rows_of(rows: Rows, block_rows: int | None, memory: int | None) -> int:
    """Blocks of logits that are somewhat smaller than the weight, and equally large: few, as each costs a pass over it.

    As large as the weight where logits are stored in half precision: each block adds to a weight-sized sum in float32,
    which is then as much work as its products.
    """
    head = next(iter(rows.heads.values()))
    hidden = head.hidden
    stored = hidden.is_cpu and rows.plain and hidden.dtype in HALF and multiplies(hidden.dtype)
    most = hidden.shape[1] if stored else int(hidden.shape[1] * SHARE)
    most = max(most, CACHED_LOGITS // max(head.classes, 1), 1)
    return checked_rows(head, block_rows, memory, split_evenly(hidden.shape[0], most))


def checked_rows(head: Head, block_rows: int | None, memory: int | None, otherwise: int) -> int:
    """The rows of a block as asked for, or as many as fit into ``memory`` bytes, or else ``otherwise``."""
    if block_rows is None and memory is None:
        return otherwise
    if block_rows is None and memory is not None:
        block_rows = memory // (head.classes * torch.promote_types(head.hidden.dtype, torch.float32).itemsize)
        if block_rows < 1:
            raise InputError(
                f"memory must hold the logits of one row at least, {head.classes} numbers, not {memory} bytes"
            )
    if isinstance(block_rows, bool) or not isinstance(block_rows, int) or block_rows < 1:
        raise InputError(f"block_rows must be an integer of at least 1, not {block_rows!r}")
    return block_rows
