"""Log-probability, entropy and log-sum-exp of each token under a linear output layer, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.errors import InputError
from perdita.core.numerics import widen
from perdita.kernels.autograd import Values
from perdita.kernels.blocked import Plan
from perdita.kernels.evaluation import IMPLEMENTATIONS, cap_logits, check_rows, wants_gradient
from perdita.kernels.inputs import Rows, prepare
from perdita.kernels.linear import block_rows_of, checked_shift, fused_linear
from perdita.kernels.logit_blocks import linear
from perdita.kernels.row_loss import Head, row_loss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


def fused_log_probabilities(
    hidden: Float[Tensor, "*n d"],
    weight: Float[Tensor, "v d"],
    target: Int[Tensor, "*n"],
    *,
    bias: Float[Tensor, "v"] | None = None,
    softcap: float | None = None,
    shift: int | bool = 0,
    mask: Bool[Tensor, "*n"] | None = None,
    ignore_index: int | None = -100,
    return_entropy: bool = False,
    return_lse: bool = False,
    block_rows: int | None = None,
    memory: int | None = None,
    accumulate: torch.dtype | None = torch.float32,
    impl: str = "auto",
) -> Any:
    r"""Log-probability of each token under the softmax of a linear layer, whose logits never exist together.

    With z = W h + b, p = softmax(z) and the token y:

    .. math:: \log p_y = z_y - \log \sum_k e^{z_k}, \qquad \text{entropy} = -\sum_k p_k \log p_k

    What losses of policies and of preferences are made of. The backward pass computes each block of logits again, four
    matrix products in all; under `torch.no_grad` there is one.

    Args:
        hidden: (*n, d) inputs of the output layer.
        weight: (v, d) weight of the output layer.
        target: (*n,) token ids.
        bias, softcap, shift, mask, ignore_index: as in `fused_linear`.
        return_entropy: also give the entropy of each token's distribution.
        return_lse: also give the log-sum-exp of each token's logits.
        block_rows, memory, accumulate, impl: as in `fused_linear`.

    Returns:
        (*n,) numbers <= 0; with return_entropy and return_lse a tuple that ends in these. All are differentiable, and 0
        where a token is left out.

    Raises:
        InputError: as `fused_linear`.

    Example:
        >>> hidden, weight = torch.tensor([[1.0, 0.0]]), torch.zeros(4, 2)
        >>> log_p, entropy = perdita.fused_log_probabilities(hidden, weight, torch.tensor([2]), return_entropy=True)
        >>> log_p.item(), entropy.item()
        (-1.38629..., 1.38629...)

    Source:
        The definitions of log-probability and entropy; blocks as in `fused_linear`.
    """
    if not return_entropy:
        found = fused_linear(
            "cross_entropy", hidden, weight, target, bias=bias, softcap=softcap, shift=shift, mask=mask,
            ignore_index=ignore_index, reduction="none", return_lse=return_lse, block_rows=block_rows, memory=memory,
            accumulate=accumulate, impl=impl,
        )  # fmt: skip
        return (-found[0], found[1]) if return_lse else -found
    if impl not in IMPLEMENTATIONS:
        raise InputError(f"impl must be one of {IMPLEMENTATIONS}, not {impl!r}")
    rows = prepare(
        row_loss("cross_entropy", {})[0], Head(hidden, weight, bias, softcap), {"target": target},
        shift=checked_shift(shift), weight=None, mask=mask, ignore_index=ignore_index,
    )  # fmt: skip
    if rows.by_row["target"].is_floating_point():
        raise InputError("target must hold token ids, not probabilities")
    with torch.autocast(hidden.device.type, enabled=False):
        size = None if impl == "reference" else block_rows_of(rows, block_rows, memory)
        columns = _columns(rows, _Statistics(softcap, return_lse), size, accumulate)
    if rows.looked:
        check_rows(rows, torch.stack(columns))
    return columns


@dataclass(frozen=True)
class _Statistics:
    """Log-probability, entropy and, where it is wanted, log-sum-exp as columns, out of the logits of a block."""

    softcap: float | None
    with_lse: bool

    def __call__(
        self, logits: Sequence[Tensor], by_row: Sequence[Tensor], _: Sequence[Tensor]
    ) -> tuple[Float[Tensor, "n k"], None]:
        scores = widen(cap_logits(logits[0], self.softcap))
        lse = scores.logsumexp(1, keepdim=True)
        log_p = scores - lse
        own = log_p.gather(1, by_row[0].long().unsqueeze(1))
        entropy = -(log_p.exp() * log_p).sum(1, keepdim=True)
        return torch.cat([own, entropy, lse] if self.with_lse else [own, entropy], 1), None


def _columns(
    rows: Rows, statistics: _Statistics, block_rows: int | None, accumulate: torch.dtype | None
) -> tuple[Tensor, ...]:
    """The statistics of every row, each in the leading shape; without a size of blocks, of all rows at once."""
    kept, index = rows.kept()
    tensors = kept.tensors()
    head = kept.heads["logits"]
    if block_rows is None or head.hidden.shape[0] == 0:
        found, _ = statistics([linear(*head[:3])], list(kept.by_row.values()), [])
    else:
        wanted = tuple(wants_gradient(tensor) for tensor in tensors)
        plan = Plan(statistics, (len(tensors) - 1,), 1, wanted, block_rows, accumulate, rows.plain)
        found = Values.apply(plan, None, *tensors)
    return tuple(rows.unreduced(column) for column in rows.spread(index, found).unbind(1))


def fused_sequence_log_probability(
    hidden: Float[Tensor, "n t d"],
    weight: Float[Tensor, "v d"],
    target: Int[Tensor, "n t"],
    *,
    average: bool = False,
    shift: int | bool = 0,
    mask: Bool[Tensor, "n t"] | None = None,
    ignore_index: int | None = -100,
    **options: Any,
) -> Float[Tensor, "n"]:
    r"""Log-probability of each sequence under a linear output layer: the sum over its counted tokens.

    What `perdita.losses.preference.log_probabilities.sequence_log_probability` gives for logits, without them:

    .. math:: \log p(y) = \sum_i \log \mathrm{softmax}(W h_i + b)_{y_i}

    Args:
        hidden: (n, t, d) inputs of the output layer.
        weight: (v, d) weight of the output layer.
        target: (n, t) token ids.
        average: divide by the number of counted tokens.
        shift: as in `fused_linear`; True where the state at place i speaks of token i + 1.
        mask: (n, t) False leaves a token out: padding, and the prompt.
        ignore_index: tokens with this id are left out too.
        **options: bias, softcap, block_rows, memory, accumulate, impl, as in `fused_linear`.

    Returns:
        (n,) numbers <= 0; 0 for a sequence without counted tokens.

    Raises:
        InputError: as `fused_linear`.

    Example:
        >>> hidden, weight, target = torch.zeros(1, 3, 2), torch.zeros(4, 2), torch.tensor([[2, 0, -100]])
        >>> perdita.kernels.fused_sequence_log_probability(hidden, weight, target).item()
        -2.77258...

    Source:
        Rafailov et al., "Direct Preference Optimization", NeurIPS 2023, arXiv 2305.18290, section 3.
    """
    if not isinstance(hidden, Tensor) or hidden.ndim != 3:
        came = tuple(hidden.shape) if isinstance(hidden, Tensor) else type(hidden).__name__
        raise InputError(f"hidden must have shape (n, t, d), one sequence for each item, not {came}")
    given = {"shift": shift, "mask": mask, "ignore_index": ignore_index, **options}
    total: Tensor = fused_log_probabilities(hidden, weight, target, **given).sum(1)
    if not average:
        return total
    counted = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    counted = counted if mask is None else counted & mask
    return total / counted[:, int(shift) :].sum(1).clamp(min=1)
