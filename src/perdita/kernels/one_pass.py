"""Cross-entropy of logits in one pass: the softmax is written where the gradient will be, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from perdita.core.apply import apply
from perdita.kernels.autograd import used_up
from perdita.kernels.buffers import in_large_pages
from perdita.kernels.inputs import is_plain
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


def _one_pass(logits: Tensor, target: Tensor, *, label_smoothing: float, reduction: str = "none") -> Tensor:
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
    """The values; the softmax is written. They are -log of its own numbers, as long as none of them is lost."""
    if smoothing == 0 and logits.shape[1] >= NARROW:
        torch.softmax(logits, 1, out=out)
        probs = out.gather(1, target).squeeze(1)
        if not probs.amin().item() < SURE:  # a NaN goes on as one
            return probs.log_().neg_()
    lse = softmax_into(out, logits)
    mean = logits.mean(1) if smoothing else 0.0
    return lse - (1 - smoothing) * logits.gather(1, target).squeeze(1) - smoothing * mean


class OnePass(Function):
    """(logits, target, label_smoothing, reduction) → values, or their sum or mean; saves its gradient."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, smoothing: float, reduction: str) -> Tensor:
        rows, classes = logits.shape
        values = logits.new_empty(rows)
        gradient = in_large_pages(torch.empty_like(logits, memory_format=torch.contiguous_format))
        size = max(CACHED_LOGITS // classes, 1)
        for start in range(0, rows, size):
            cut = slice(start, start + size)
            block, own, out = logits[cut], target[cut].unsqueeze(1), gradient[cut]
            values[cut] = _values_and_softmax(out, block, own, smoothing)
            out.scatter_add_(1, own, out.new_full(own.shape, smoothing - 1))
            if smoothing:
                out.sub_(smoothing / classes)
            if reduction == "mean":
                out.mul_(1 / rows)
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
        factor = upstream if upstream.ndim == 0 else upstream.unsqueeze(1)
        if not used_up():
            return (gradient * factor, None, None, None)
        if upstream.ndim or upstream.item() != 1:
            gradient.mul_(factor)
        return (gradient, None, None, None)
