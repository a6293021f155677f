"""The Triton kernels as a differentiable function of hidden, weight and bias."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from perdita.core.errors import InputError
from perdita.kernels.tiles import device

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

PROGRAMS = 1024  # of the forward kernel, about: row tiles times spans of classes
Definition = Callable[..., tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Blocks:
    """Sizes of a tile, and how it is run; chosen so that neither A100 nor H100 spills registers much."""

    rows: int
    classes: int
    features: int
    warps: int
    stages: int


class Pair(NamedTuple):
    """Tiles of the two kernels."""

    sums: Blocks
    slopes: Blocks


HALF = Pair(Blocks(128, 128, 64, warps=8, stages=3), Blocks(64, 128, 64, warps=8, stages=3))
SINGLE = Pair(Blocks(64, 64, 32, warps=4, stages=2), Blocks(64, 64, 16, warps=8, stages=2))
INTERPRETED = Pair(*[Blocks(32, 32, 32, warps=1, stages=1)] * 2)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The loss, and which tiles of its gradient may be left out."""

    softcap: float | None = None
    label_smoothing: float = 0.0
    threshold: float | None = None  # a tile with no |probability - indicator| above it is left out; None leaves none
    of_hidden: bool = True
    of_weight: bool = True
    sort: bool = True
    blocks: Pair | None = None  # those of the dtype

    @property
    def sorting(self) -> bool:
        return self.threshold is not None and self.sort


def values_and_lse(
    cut: Cut,
    hidden: Float[Tensor, "n d"],
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, "v"] | None,
    target: Int[Tensor, "n"],
    mask: Bool[Tensor, "n"] | None = None,
    definition: Definition | None = None,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    """Cross-entropy and log-sum-exp of each row, 0 where the mask says False: such rows are never read.

    ``definition`` gives the same of (hidden, weight, bias) in PyTorch; a second derivative goes through it.
    """
    count = hidden.shape[0]
    if mask is None:
        order = torch.arange(count, device=hidden.device)
        many = torch.full((), count, device=hidden.device)
    else:  # the rows that count come first; how many they are stays on the device
        order, many = (~mask).to(torch.int8).argsort(stable=True), mask.sum()
    tensors = [None if part is None else part.contiguous() for part in (hidden, weight, bias)]
    return DeviceCrossEntropy.apply(cut, definition, *tensors, target.long(), order, many.to(torch.int32))


class DeviceCrossEntropy(Function):
    """(cut, definition, hidden, weight, bias, target, order of rows, how many count) → values and log-sum-exps (n,)."""

    @staticmethod
    def forward(
        ctx: Any, cut: Cut, definition: Definition | None, hidden: Tensor, weight: Tensor, bias: Tensor | None,
        target: Tensor, order: Tensor, many: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        with _device_of(hidden):
            values, lse, by_class = _sums(cut, hidden, weight, bias, target, order, many)
        ctx.cut, ctx.definition = cut, definition
        ctx.save_for_backward(hidden, weight, bias, target, order, many, lse, by_class)
        ctx.set_materialize_grads(False)
        return values, lse.clone()

    @staticmethod
    def backward(ctx: Any, by_value: Tensor | None, by_lse: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, target, order, many, lse, by_class = ctx.saved_tensors
        wanted = ctx.needs_input_grad[2:5]
        upstream = [torch.zeros_like(lse) if part is None else part.contiguous() for part in (by_value, by_lse)]
        if torch.is_grad_enabled():
            found = _differentiable(ctx.definition, (hidden, weight, bias), wanted, upstream)
        else:
            with _device_of(hidden):
                found = _slopes(ctx.cut, hidden, weight, bias, target, order, many, lse, by_class, upstream, wanted)
        return (None, None, *found, None, None, None)


def _differentiable(
    definition: Definition | None, leaves: tuple[Tensor | None, ...], wanted: tuple[bool, ...], upstream: list[Tensor]
) -> list[Tensor | None]:
    """The gradient as a differentiable function: out of the definition."""
    if definition is None:
        raise InputError("cut_cross_entropy is differentiable once; fused_linear is differentiable twice")
    own = [leaf for leaf, asked in zip(leaves, wanted, strict=True) if asked]
    found = iter(torch.autograd.grad(definition(*leaves), own, upstream, create_graph=True))
    return [next(found) if asked else None for asked in wanted]


def _sums(
    cut: Cut, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, order: Tensor, many: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Values, log-sum-exps, and the sum over rows of each class's logits where a filter sorts by it."""
    blocks = (cut.blocks or blocks_for(hidden)).sums
    rows, (classes, features) = hidden.shape[0], weight.shape
    row_tiles, class_tiles = _parts(rows, blocks.rows), _parts(classes, blocks.classes)
    span = _parts(class_tiles, max(PROGRAMS // row_tiles, 1))  # class tiles of one program
    spans = _parts(class_tiles, span)
    partial = hidden.new_zeros(spans, rows, dtype=torch.float32)
    picked = hidden.new_zeros(rows, dtype=torch.float32)
    totals = torch.zeros_like(partial) if cut.label_smoothing else picked
    by_class = hidden.new_zeros(classes, dtype=torch.float32) if cut.sorting else None
    device.sums[(row_tiles, spans)](
        hidden, weight, hidden if bias is None else bias, target, order, many, partial, picked, totals,
        picked if by_class is None else by_class, rows, classes, features, cut.softcap or 1.0, span * blocks.classes,
        ROWS=blocks.rows, CLASSES=blocks.classes, FEATURES=blocks.features, BIAS=bias is not None,
        CAP=cut.softcap is not None, TOTALS=bool(cut.label_smoothing), BY_CLASS=by_class is not None,
        PRECISION=precision(hidden), WIDEN=not hidden.is_cuda, num_warps=blocks.warps, num_stages=blocks.stages,
    )  # fmt: skip
    counts = torch.zeros(rows, dtype=torch.bool, device=hidden.device)
    counts[order] = torch.arange(rows, device=hidden.device) < many
    lse = torch.where(counts, partial.logsumexp(0), 0.0)
    values = lse - (1 - cut.label_smoothing) * picked
    if cut.label_smoothing:
        values = values - cut.label_smoothing / classes * totals.sum(0)
    return values, lse, by_class


def _slopes(
    cut: Cut, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, order: Tensor, many: Tensor,
    lse: Tensor, by_class: Tensor | None, upstream: list[Tensor], wanted: tuple[bool, ...],
) -> list[Tensor | None]:  # fmt: skip
    """Gradients of hidden, weight and bias where they are wanted."""
    blocks = (cut.blocks or blocks_for(hidden)).slopes
    classes, features = weight.shape
    largest = torch.stack([part.abs().amax() for part in upstream]).amax()  # scales near 1: 1/n underflows in float16
    largest = torch.where(largest == 0, 1.0, largest)
    programs = min(processors(hidden), _parts(classes, blocks.classes))
    by_hidden = torch.zeros_like(hidden, dtype=torch.float32) if wanted[0] else None
    by_weight = torch.empty_like(weight) if wanted[1] else None
    by_bias = torch.empty_like(bias) if bias is not None and wanted[2] else None
    scratch = hidden.new_empty(programs * blocks.classes * features if wanted[1] else 1, dtype=torch.float32)
    filtered = cut.threshold is not None
    device.slopes[(programs,)](
        hidden, weight, hidden if bias is None else bias, target, order, many,
        order if by_class is None else by_class.argsort(stable=True), lse, upstream[0] / largest,
        upstream[1] / largest, largest, _or(by_hidden, scratch), _or(by_weight, scratch), _or(by_bias, scratch),
        scratch, classes, features, cut.softcap or 1.0, cut.label_smoothing, cut.threshold or 0.0,
        ROWS=blocks.rows, CLASSES=blocks.classes, FEATURES=blocks.features, BIAS=bias is not None,
        CAP=cut.softcap is not None, SORTED=by_class is not None, HIDDEN=by_hidden is not None,
        WEIGHT=by_weight is not None, BY_BIAS=by_bias is not None, CUT_HIDDEN=filtered and cut.of_hidden,
        CUT_WEIGHT=filtered and cut.of_weight, PRECISION=precision(hidden), WIDEN=not hidden.is_cuda,
        num_warps=blocks.warps, num_stages=blocks.stages,
    )  # fmt: skip
    by_hidden = None if by_hidden is None else by_hidden.mul_(largest).to(hidden.dtype)
    return [by_hidden, by_weight, by_bias]


def _device_of(hidden: Tensor) -> AbstractContextManager[Any]:
    """Kernels start on the current device, which need not be the tensors'."""
    return torch.cuda.device(hidden.device) if hidden.is_cuda else nullcontext()


def _or(tensor: Tensor | None, other: Tensor) -> Tensor:
    return other if tensor is None else tensor


def _parts(size: int, step: int) -> int:
    return -(-size // step)


def blocks_for(hidden: Tensor) -> Pair:
    """Sizes that fit the shared memory of an A100 and what came after it."""
    if not hidden.is_cuda:
        return INTERPRETED
    return SINGLE if hidden.dtype is torch.float32 else HALF


def processors(hidden: Tensor) -> int:
    """How many programs run at once."""
    if not hidden.is_cuda:
        return 3  # of the interpreter: more than one, so that sharing is exercised
    return torch.cuda.get_device_properties(hidden.device).multi_processor_count


def precision(hidden: Tensor) -> str:
    """Of products in float32: what PyTorch itself would use."""
    return "ieee" if torch.get_float32_matmul_precision() == "highest" or hidden.dtype is not torch.float32 else "tf32"
