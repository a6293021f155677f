"""Cross-entropy of a linear layer, block by block, written by hand: one buffer of logits, used again and again.

Per block of rows: one matrix product, a softmax in place, minus one at the target, two matrix products. The scales of
the rows never touch the block: they multiply hidden (for the weight's gradient) and hidden's gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core.numerics import HALF
from perdita.kernels.blocked import Plan, cached_rows, own_graph, project
from perdita.kernels.logit_blocks import add_product, block_buffer, in_large_pages, linear, softmax_of_rows, times

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True)
class CrossEntropyBlocks:
    """`blocked.Run` for cross-entropy with class indices, and for functions of it, with its hyper-parameters.

    A loss g(c) of the cross-entropy c alone has the gradient g'(c) (softmax - indicator), so g' scales its row.
    """

    label_smoothing: float = 0.0
    softcap: float | None = None
    z_penalty: float = 0.0
    of_target: Callable[[Tensor], Tensor] | None = None  # values out of the target's log-odds, instead of cross-entropy
    direct: Callable[[Tensor, Tensor], Tensor] | None = None  # values of another loss, its gradient over the logits
    columns: int = 1  # 2: the log-sum-exp is a value beside the loss, with a scale and a gradient of its own
    looked: bool = False  # values may be read on the host

    def __call__(
        self, plan: Plan, scale: Tensor, tensors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        """Values, log-sum-exps where the plan has them beside, gradients of hidden, weight and bias where wanted."""
        hidden, weight = tensors[:2]
        bias = tensors[2] if plan.heads[0] == 3 else None
        target = tensors[-1].long().unsqueeze(1)  # (n, 1)
        rows, classes = hidden.shape[0], weight.shape[0]
        size = min(plan.block_rows, rows)
        values = scale.new_empty(rows, 3)  # value, log-sum-exp, derivative by the cross-entropy
        by_hidden = torch.empty_like(hidden, memory_format=torch.contiguous_format) if plan.wanted[0] else None
        by_weight = None
        if plan.wanted[1]:
            by_weight = in_large_pages(weight.new_empty(weight.shape, dtype=plan.sum_dtype(weight)))
        by_bias = bias.new_zeros(classes, dtype=plan.sum_dtype(bias)) if bias is not None and plan.wanted[2] else None
        buffer = block_buffer(hidden, size, classes)
        # a softmax alone goes row by row: more rows at once cost it nothing
        once = self.looked and self.direct is None and self.softcap is None and hidden.dtype not in HALF
        step = size if once or not hidden.is_cpu else split_evenly(size, cached_rows(classes, size))
        wide = hidden.new_empty(step, classes, dtype=scale.dtype) if hidden.dtype in HALF else None
        for start in range(0, rows, size):
            cut = slice(start, min(start + size, rows))
            logits = project(buffer, hidden[cut], weight, bias)
            for first in range(cut.start, cut.stop, step):
                own = slice(first, min(first + step, cut.stop))
                part = logits[first - start : own.stop - start]
                work = part if wide is None else wide[: part.shape[0]].copy_(part)
                again = functools.partial(self._logsumexp, hidden[own], weight, bias, scale.dtype)
                values[own] = self._slope(work, target[own], scale[own], any(plan.wanted), again)
                if wide is not None and any(plan.wanted):
                    part.copy_(work)
            if not any(plan.wanted):
                continue
            row_scale = None if self.columns == 2 else scale[cut].unsqueeze(1)
            if row_scale is not None and not self.z_penalty:
                row_scale = row_scale * values[cut, 2:]
            scaled = hidden[cut]
            if row_scale is not None:
                scaled = (scaled * row_scale).to(hidden.dtype)
            if by_hidden is not None:
                times(logits, weight, by_hidden[cut])
                if row_scale is not None:
                    by_hidden[cut].mul_(row_scale)
            if by_weight is not None:
                _accumulate(by_weight, logits, scaled, first=start == 0)
            if by_bias is not None:
                by_bias += _column_sums(logits, row_scale).to(by_bias.dtype)
        gradients = [part for part in (by_hidden, by_weight, by_bias) if part is not None]
        return values[:, :2] if self.columns == 2 else values[:, 0], values[:, 1] if plan.extra else None, gradients

    def _slope(
        self,
        logits: Float[Tensor, "n v"],
        target: Int[Tensor, "n 1"],
        scale: Tensor,
        wanted: bool,
        again: Callable[[], Tensor],
    ) -> Float[Tensor, "n 3"]:
        """What `_values` gives of some rows; the gradient, where it is wanted, in the place of the logits."""
        fade = self._cap(logits, wanted)
        if self.direct is not None:  # alone: without penalty, smoothing or log-sum-exp
            values = self.direct(logits, target)
            if fade is not None:
                logits.mul_(fade)
            return torch.stack([values, torch.zeros_like(values), torch.ones_like(values)], 1)
        found = self._values(logits, target, again)  # and the logits become probabilities
        if wanted:
            self._subtract(logits, target, scale, found[:, 1], found[:, 2])
        if fade is not None:
            logits.mul_(fade)
        return found

    def _cap(self, logits: Float[Tensor, "n v"], slope: bool) -> Float[Tensor, "n v"] | None:
        """softcap * tanh(logits / softcap), in place; gives its derivative 1 - (capped / softcap)^2."""
        if self.softcap is None:
            return None
        logits.div_(self.softcap).tanh_()
        fade = logits.square().neg_().add_(1) if slope else None
        logits.mul_(self.softcap)
        return fade

    def _values(
        self, logits: Float[Tensor, "n v"], target: Int[Tensor, "n 1"], again: Callable[[], Tensor]
    ) -> Float[Tensor, "n 3"]:
        """Values, log-sum-exps and derivatives by the cross-entropy; the softmax comes in the place of the logits."""
        apart = logits.gather(1, target).squeeze(1) - logits.mean(1) if self.label_smoothing else 0.0
        values, lse = self._softmax(logits, target, again)
        values = values + self.label_smoothing * apart
        factor = torch.ones_like(values)
        if self.of_target is not None:
            values, factor = _through(self.of_target, values)
        if self.z_penalty:
            values = values + self.z_penalty * lse.square()
        return torch.stack([values, lse, factor], 1)

    def _softmax(
        self, logits: Float[Tensor, "n v"], target: Int[Tensor, "n 1"], again: Callable[[], Tensor]
    ) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Cross-entropies and log-sum-exps, and the softmax in place.

        Where values may be read, both come from the target's probability alone, and the few rows in which it is too
        small for that are multiplied once more. Else they come from the highest, which is never 0: two more passes.
        """
        picked = logits.gather(1, target).squeeze(1)
        highest = None if self.looked else logits.amax(1)
        softmax_of_rows(logits, in_place=True)
        if highest is not None:
            lse = highest - logits.amax(1).log()  # the highest probability is exp(highest - lse)
            return lse - picked, lse
        own = logits.gather(1, target).squeeze(1)
        values, lost = -own.log(), own < torch.finfo(own.dtype).tiny
        lse = picked + values
        if lost.any():
            lse = torch.where(lost, again(), lse)
            values = torch.where(lost, lse - picked, values)
        return values, lse

    def _logsumexp(
        self, hidden: Float[Tensor, "n d"], weight: Float[Tensor, "v d"], bias: Tensor | None, dtype: torch.dtype
    ) -> Float[Tensor, "n"]:
        logits = linear(hidden, weight, bias).to(dtype)
        self._cap(logits, slope=False)
        return logits.logsumexp(1)

    def _subtract(
        self, probs: Float[Tensor, "n v"], target: Int[Tensor, "n 1"], scale: Tensor, lse: Tensor, factor: Tensor
    ) -> None:
        """Probabilities become the gradient of the logits, in place; a scale of one column is left to the rows."""
        smoothing = self.label_smoothing
        if self.columns == 2:  # scale (n, 2): of the value, and of the log-sum-exp
            own, other = scale.unbind(1)
            probs.mul_((own * (factor + 2 * self.z_penalty * lse) + other).unsqueeze(1))
            probs.scatter_add_(1, target, (own * factor * (smoothing - 1)).unsqueeze(1))
            if smoothing:
                probs.sub_((own * smoothing / probs.shape[1]).unsqueeze(1))
            return
        if self.z_penalty:
            probs.mul_((factor + 2 * self.z_penalty * lse).unsqueeze(1))
        else:
            factor = torch.ones_like(factor)  # it multiplies the rows
        probs.scatter_add_(1, target, (factor * (smoothing - 1)).unsqueeze(1))
        if smoothing:
            probs.sub_(smoothing / probs.shape[1])


def split_evenly(rows: int, at_most: int) -> int:
    """Rows of each of the fewest parts that have ``at_most``: no part is much smaller than the others."""
    return max(-(-rows // -(-rows // at_most)), 1) if rows else 1


def _accumulate(total: Tensor, slope: Tensor, hidden: Tensor, first: bool) -> None:
    if not first:
        add_product(total, slope, hidden)
    elif total.dtype == slope.dtype:
        torch.mm(slope.T, hidden, out=total)
    else:
        total.zero_()
        add_product(total, slope, hidden)


def _column_sums(slope: Float[Tensor, "n v"], row_scale: Float[Tensor, "n 1"] | None) -> Float[Tensor, "v"]:
    if row_scale is None:
        return slope.sum(0)
    return (slope.T @ row_scale.to(slope.dtype)).squeeze(1)


def log_odds(cross_entropy: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """log(p / (1 - p)) of the target, out of -log p, which is taken for the dtype's epsilon where it is less."""
    own = cross_entropy.clamp(min=torch.finfo(cross_entropy.dtype).eps)
    return -own - torch.log(-torch.expm1(-own))


def _through(of_target: Callable[[Tensor], Tensor], cross_entropy: Float[Tensor, "n"]) -> tuple[Tensor, Tensor]:
    """Values of a function of the target's log-odds, and their derivatives by the cross-entropy."""

    def total(own: Tensor) -> tuple[Tensor, tuple[Tensor]]:
        values = of_target(log_odds(own))
        return values.sum(), (values,)

    least = torch.finfo(cross_entropy.dtype).eps
    (slope,), (values,) = own_graph(total, [cross_entropy.clamp(min=least)])
    return values, slope


def brier_in_place(logits: Float[Tensor, "n v"], target: Int[Tensor, "n 1"]) -> Float[Tensor, "n"]:
    """sum (p - t)^2; with c = sum p^2 - p_y, its gradient is 2 p (p - c), and 2 p_y (p_y - 1 - c) at the target."""
    softmax_of_rows(logits, in_place=True)
    own = logits.gather(1, target)
    logits.scatter_(1, target, 0.0)
    others = torch.linalg.vector_norm(logits, dim=1, keepdim=True).square()
    shift = others - own * (1 - own)
    logits.mul_(logits - shift).mul_(2)
    logits.scatter_(1, target, 2 * own * (own - 1 - shift))
    return (others + (1 - own).square()).squeeze(1)


def squentropy_in_place(
    logits: Float[Tensor, "n v"], target: Int[Tensor, "n 1"], square_weight: float = 1.0
) -> Float[Tensor, "n"]:
    """Cross-entropy and the mean square of the wrong logits; the gradient is a sum as well."""
    share = square_weight / max(logits.shape[1] - 1, 1)
    own, highest = logits.gather(1, target), logits.amax(1, keepdim=True)
    probs = softmax_of_rows(logits, in_place=False)
    lse = highest - probs.amax(1, keepdim=True).log()
    probs.scatter_add_(1, target, probs.new_full(target.shape, -1.0))
    logits.scatter_(1, target, 0.0)
    square = torch.linalg.vector_norm(logits, dim=1, keepdim=True).square()
    torch.add(probs, logits, alpha=2 * share, out=logits)
    return (lse - own + share * square).squeeze(1)
