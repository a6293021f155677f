"""Cross-entropy of logits in one pass: the softmax is written where the gradient will be, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from perdita.core.apply import apply, is_plain
from perdita.kernels.autograd import used_up
from perdita.kernels.logit_blocks import in_large_pages
from perdita.kernels.row_loss import card_of_name

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

CACHED_LOGITS = 2**19  # of a block, which passes through the cache once
SURE = 1e-30  # a probability that has all its digits in float32
NARROW = 32  # classes, below which PyTorch's softmax works on one number at a time


def cross_entropy(
    logits: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    *,
    label_smoothing: float = 0.0,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""`perdita.functional.cross_entropy` of class indices, whose gradient comes out of the forward pass.

    One buffer of the logits' size becomes softmax, then gradient, in one pass through memory; PyTorch's own needs two
    buffers and four passes. Without a gradient to compute, in compiled code, under `torch.func` transforms and for
    further dimensions the definition itself runs, so values are the same everywhere.

    Args:
        logits: (n, c) unnormalised scores.
        target: (n,) class indices.
        label_smoothing: in [0, 1].
        weight, mask, ignore_index, reduction, normalizer: as in every loss.

    Returns:
        The reduced loss, or (n,) values.

    Raises:
        InputError: labels outside 0..c-1, shapes that do not fit.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]], requires_grad=True)
        >>> perdita.kernels.cross_entropy(logits, torch.tensor([0])).item()
        0.23954...

    Source:
        Equal to torch.nn.functional.cross_entropy. The gradient in the forward pass: Hsu et al., "Liger Kernel",
        arXiv 2410.10989, section 3.2.
    """
    card = card_of_name("cross_entropy")
    card.check_options({"label_smoothing": label_smoothing})
    once = (
        is_plain() and torch.is_grad_enabled() and isinstance(logits, Tensor) and logits.requires_grad
        and logits.ndim == 2 and logits.is_cpu and isinstance(target, Tensor) and not target.is_floating_point()
    )  # fmt: skip
    tensors = {"logits": logits, "target": target}
    per_example = _one_pass if once and logits.numel() else card.per_example
    options = {"label_smoothing": label_smoothing}
    return apply(card, per_example, tensors, options, weight, mask, ignore_index, reduction, normalizer)


def _one_pass(
    logits: Tensor, target: Tensor, *, label_smoothing: float, reduction: str = "none", ignore_index: int | None = None
) -> Tensor:
    """With an ``ignore_index``, which means none, it raises IndexError for a label that is no class."""
    if ignore_index is not None:
        low, high = target.aminmax()
        if low < 0 or high >= logits.shape[1]:
            raise IndexError
    return OnePass.apply(logits, target.long(), label_smoothing, reduction)


def softmax_into(out: Float[Tensor, "n c"], logits: Float[Tensor, "n c"]) -> Float[Tensor, "n"]:
    """Write the softmax, and give the log-sum-exp of each row."""
    highest = logits.amax(1)
    if logits.shape[1] >= NARROW:
        torch.softmax(logits, 1, out=out)
        return highest - out.amax(1).log()  # the highest probability is exp(highest - lse), and never 0
    total = torch.sub(logits, highest.unsqueeze(1), out=out).exp_().sum(1)
    out.div_(total.unsqueeze(1))
    return highest + total.log()


def _values_and_softmax(
    out: Float[Tensor, "n c"], logits: Float[Tensor, "n c"], target: Int[Tensor, "n 1"], smoothing: float
) -> Float[Tensor, "n"]:
    """The values; the softmax is written."""
    if smoothing == 0 and logits.shape[1] >= NARROW:
        torch.softmax(logits, 1, out=out)
        return _values_of_probabilities(out.gather(1, target).squeeze(1), logits, target)
    lse = softmax_into(out, logits)
    mean = logits.mean(1) if smoothing else 0.0
    return lse - (1 - smoothing) * logits.gather(1, target).squeeze(1) - smoothing * mean


def _values_of_probabilities(
    probs: Float[Tensor, "n"], logits: Float[Tensor, "n c"], target: Int[Tensor, "n 1"]
) -> Float[Tensor, "n"]:
    """-log of the targets' probabilities; out of the logits where one is too small to have its digits."""
    lost = (probs < SURE).nonzero().squeeze(1)  # a NaN goes on as one
    values = probs.log().neg_()
    for rows in lost.split(_rows_at_once(logits.shape[1])):
        own = logits[rows]
        values[rows] = own.logsumexp(1) - own.gather(1, target[rows]).squeeze(1)
    return values


def _rows_at_once(classes: int) -> int:
    return max(CACHED_LOGITS // classes, 1)


class OnePass(Function):
    """(logits, target, label_smoothing, reduction) → values, or their sum or mean; saves its gradient.

    PyTorch's softmax goes row by row, so all rows at once cost it nothing, and its threads meet once alone.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, smoothing: float, reduction: str) -> Tensor:
        rows, classes = logits.shape
        values = logits.new_empty(rows)
        gradient = in_large_pages(torch.empty_like(logits, memory_format=torch.contiguous_format))
        size = _rows_at_once(classes) if smoothing or classes < NARROW else rows
        for start in range(0, rows, size):
            cut = slice(start, start + size)
            own, out = target[cut].unsqueeze(1), gradient[cut]
            values[cut] = _values_and_softmax(out, logits[cut], own, smoothing)
            out.scatter_add_(1, own, out.new_full(own.shape, smoothing - 1))
            if smoothing:
                out.sub_(smoothing / classes)
        ctx.save_for_backward(logits, target, gradient)
        ctx.smoothing, ctx.reduction = smoothing, reduction
        return values if reduction == "none" else values.sum() if reduction == "sum" else values.mean()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        logits, target, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient itself is differentiated: out of the definition
            value = F.cross_entropy(logits, target, reduction=ctx.reduction, label_smoothing=ctx.smoothing)
            (slope,) = torch.autograd.grad(value, logits, upstream, create_graph=True)
            return (slope, None, None, None)
        factor = upstream.unsqueeze(1) if upstream.ndim else upstream
        if ctx.reduction == "mean":
            factor = factor / len(logits)
        if not used_up():
            return (gradient * factor, None, None, None)
        if factor.ndim or factor.item() != 1:
            gradient.mul_(factor)
        return (gradient, None, None, None)
