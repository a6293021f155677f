"""A pass over blocks of anchors: the values of a pair loss, and their gradient, one block at a time.

The gradient of a sum is made in the forward pass, so that no (n, m) tensor outlives its block; of single values, whose
gradient is known only later, the blocks are computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, grad_and_value

Rows = tuple[Tensor | None, ...]  # weight, label, their label, mask, their mask, pair mask


@dataclass(frozen=True)
class Sweep:
    """What a pass over the blocks needs beside its tensors."""

    pairs: Any
    options: dict[str, Any]
    names: tuple[str, ...]  # of the options that are tensors
    size: int
    first: int
    itself: bool

    @property
    def parts(self) -> int:
        """Tensors that get a gradient: anchors, columns and tensor options."""
        return 2 + len(self.names)

    def starts(self, anchors: Tensor) -> range:
        return range(0, len(anchors), self.size)

    def values(
        self, start: int, anchors: Tensor, columns: Tensor, rows: Rows, tensors: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """Weighted values and counts of the block of anchors that begins at ``start``."""
        weight, label, their_label, mask, their_mask, pair_mask = rows
        cut = slice(start, start + len(anchors))
        allowed = (
            None if mask is None else mask[cut].unsqueeze(1),
            None if their_mask is None else their_mask.unsqueeze(0),
            None if pair_mask is None else pair_mask[cut],
        )
        own = {name: tensor[cut] if tensor.ndim else tensor for name, tensor in zip(self.names, tensors, strict=True)}
        autocast = torch.is_autocast_enabled(anchors.device.type)
        with torch.autocast(anchors.device.type, enabled=False) if autocast else nullcontext():
            values, counts = self.pairs.block(
                anchors, columns, None if label is None else label[cut], their_label, allowed,
                first=self.first + start, itself=self.itself, **self.options, **own,
            )  # fmt: skip
        counts = torch.ones_like(values) if counts is None else counts.to(values.dtype)
        if mask is not None:
            values, counts = torch.where(mask[cut], values, 0.0), torch.where(mask[cut], counts, 0.0)
        if weight is not None:
            values, counts = values * weight[cut].to(values.dtype), counts * weight[cut].to(values.dtype)
        return values, counts.detach()

    def each(self, anchors: Tensor, columns: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        """Values and counts of all anchors."""
        rows, tensors = rest[:6], rest[6:]
        found = [
            self.values(start, anchors[start : start + self.size], columns, rows, tensors)
            for start in self.starts(anchors)
        ]
        if not found or not len(columns):
            return anchors.sum(1), anchors.sum(1)
        return tuple(torch.cat(parts) for parts in zip(*found, strict=True))  # type: ignore[return-value]

    def total(self, anchors: Tensor, columns: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        """The sums of values and counts, then the gradient of the first to anchors, columns and tensor options."""
        total, count = anchors.new_zeros(()), anchors.new_zeros(())
        parts: list[Tensor] = []
        summed = (torch.zeros_like(columns), *map(torch.zeros_like, rest[6:]))
        whole = torch.zeros_like(anchors) if _plain(anchors, columns, *rest) else None
        for start, value, given in self.blocks(anchors, columns, rest[:6], rest[6:]):
            (gradient, *others), (found, counted) = _slopes(value, given, plain=whole is not None)
            total, count = total + found, count + counted
            if whole is None:
                parts.append(gradient)
                summed = tuple(a + b for a, b in zip(summed, others, strict=True))
            else:
                whole[start : start + self.size] = gradient
                for held, other in zip(summed, others, strict=True):
                    held += other
        if whole is None:
            whole = torch.cat(parts) if parts else torch.zeros_like(anchors)
        return total, count, whole, *summed

    def blocks(
        self, anchors: Tensor, columns: Tensor, rows: Rows, tensors: tuple[Tensor, ...]
    ) -> Iterator[tuple[int, Callable[..., tuple[Tensor, Tensor]], tuple[Tensor, ...]]]:
        """For each block its start, and the sums of its values and counts as a function of what comes with it."""
        for start in self.starts(anchors) if len(columns) else ():

            def value(own: Tensor, columns: Tensor, *tensors: Tensor, start: int = start) -> tuple[Tensor, Tensor]:
                values, counts = self.values(start, own, columns, rows, tensors)
                return values.sum(), counts.sum()

            yield start, value, (anchors[start : start + self.size], columns, *tensors)

    def along(self, vectors: Sequence[Tensor], anchors: Tensor, columns: Tensor, *rest: Any) -> Tensor:
        """The inner product of the gradient with a vector for each of its parts, in blocks again."""
        found = self.total(anchors, columns, *rest)[2:]
        return torch.stack([(part * vector).sum() for part, vector in zip(found, vectors, strict=True)]).sum()


def _plain(*tensors: Tensor | None) -> bool:
    """Whether results may be written into tensors made before: no transform wraps these, and nothing is compiled.

    It spares the process's memory more than it does tensors: small results kept from each block would cut the space
    that its large ones leave behind, so that those of the next block need a new one.
    """
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor
    return not torch.compiler.is_compiling() and not any(wrapped(one) for one in tensors if one is not None)


def _slopes(
    value: Callable[..., tuple[Tensor, Tensor]], given: tuple[Tensor, ...], plain: bool
) -> tuple[Sequence[Tensor], tuple[Tensor, Tensor]]:
    """The gradient of a sum to all that it is given, then sum and count; a graph costs less than a transform."""
    if not plain:
        slopes, sums = grad_and_value(value, tuple(range(len(given))), has_aux=True)(*given)
        return slopes, sums
    with torch.enable_grad():
        ends = tuple(tensor.detach().requires_grad_() for tensor in given)
        total, count = value(*ends)
        slopes = torch.autograd.grad(total, ends, allow_unused=True, materialize_grads=True)
    return slopes, (total.detach(), count)


class Gradient(torch.autograd.Function):
    """A gradient that is known already, as a function of what it was made from.

    Its derivative goes through the blocks again, all of them alive at once: a second derivative takes O(n m) memory.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(sweep: Sweep, *tensors: Any) -> Any:
        return tuple(tensor.clone() for tensor in tensors[: sweep.parts])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.sweep = inputs[0]
        ctx.save_for_backward(*inputs[1 + inputs[0].parts :])

    @staticmethod
    def backward(ctx: Any, *vectors: Tensor) -> Any:
        anchors, columns, weight, *rest = ctx.saved_tensors
        at = (0, 1) if weight is None else (0, 1, 2)
        floating = (*at, *range(8, 8 + len(vectors) - 2))
        tensors = (anchors, columns, weight, *rest)

        def inner(*given: Tensor) -> Tensor:
            by_place = dict(zip(floating, given, strict=True))
            return ctx.sweep.along(vectors, *(by_place.get(i, tensor) for i, tensor in enumerate(tensors)))

        found = grad(inner, tuple(range(len(floating))))(*(tensors[i] for i in floating))
        by_place = dict(zip(floating, found, strict=True))
        return None, *[None] * len(vectors), *(by_place.get(i) for i in range(len(tensors)))


def _again(sweep: Sweep, tensors: Sequence[Any]) -> Sequence[Tensor]:
    """A known gradient that can be differentiated; compiled code, which knows no second derivative, takes it plain."""
    if torch.compiler.is_compiling():
        return tensors[: (len(tensors) - 6) // 2]
    return Gradient.apply(sweep, *tensors)  # type: ignore[no-any-return, no-untyped-call]


class Total(torch.autograd.Function):
    """Sum of values and of counts; the gradient comes with them."""

    generate_vmap_rule = True

    @staticmethod
    def forward(sweep: Sweep, *tensors: Any) -> Any:
        return sweep.total(*tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.sweep = inputs[0]
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[2:], *inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> Any:
        anchors, columns, *tensors = (gradient * part for part in _again(ctx.sweep, ctx.saved_tensors))
        return None, anchors, columns, *[None] * 6, *tensors


class Each(torch.autograd.Function):
    """Values and counts; the blocks are computed again for the gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(sweep: Sweep, *tensors: Any) -> Any:
        return sweep.each(*tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.sweep = inputs[0]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> Any:
        anchors, columns, weight, *rest = ctx.saved_tensors
        weight = gradient if weight is None else gradient * weight
        tensors = (anchors, columns, weight, *rest)
        with torch.no_grad():
            known = ctx.sweep.total(*tensors)[2:]
        anchors, columns, *tensors = _again(ctx.sweep, (*known, *tensors))
        return None, anchors, columns, *[None] * 6, *tensors
