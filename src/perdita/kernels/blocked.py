"""Any row-wise loss of linear outputs, one block of logits at a time: values, gradients and second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from perdita.kernels.logit_blocks import add_product, in_large_pages, linear, linear_into, times

Evaluate = Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]], tuple[Tensor, Tensor | None]]
Found = list[tuple[Tensor, Tensor | None]]  # values, and what is beside them, one part of the rows after another
Run = Callable[["Plan", Tensor, Sequence[Tensor]], tuple[Tensor, Tensor | None, list[Tensor]]]


@dataclass(frozen=True, eq=False)
class Plan:
    """What stays fixed while a fused loss runs.

    The tensors come flat: hidden, weight and, where it has one, bias of each head, or its logits alone; then the
    tensors with a row for each example; then those that all rows share.
    """

    evaluate: Evaluate  # (logits, row tensors, shared tensors) of a block → values, and what is beside them
    heads: tuple[int, ...]  # how many tensors each head has: 1 (the logits), 2, or 3 with a bias
    rows: int  # how many row tensors
    wanted: tuple[bool, ...]  # which of the flat tensors get a gradient
    block_rows: int
    accumulate: torch.dtype | None  # of the sums over rows; None keeps each tensor's own
    in_place: bool  # plain eager mode, where sums may be updated in place
    extra: bool = False  # a second number comes beside each value: its count, or its log-sum-exp
    run: Run | None = None  # a hand-written form of `run_blocks` for this loss

    def places(self) -> tuple[list[list[int]], list[int], list[int]]:
        """Positions of the flat tensors: of each head, of the row tensors, of the shared ones."""
        heads, at = [], 0
        for count in self.heads:
            heads.append(list(range(at, at + count)))
            at += count
        return heads, list(range(at, at + self.rows)), list(range(at + self.rows, len(self.wanted)))

    def by_row(self) -> tuple[bool, ...]:
        """Which of the flat tensors have a row for each example."""
        heads, rows, _ = self.places()
        along = {head[0] for head in heads} | set(rows)
        return tuple(index in along for index in range(len(self.wanted)))

    def sum_dtype(self, tensor: Tensor) -> torch.dtype:
        return tensor.dtype if self.accumulate is None else torch.promote_types(tensor.dtype, self.accumulate)


def run(plan: Plan, scale: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    """Values of every row, what comes beside them, and the gradient of sum(scale * values) for every wanted tensor."""
    return (plan.run or run_blocks)(plan, scale, tensors)


def run_blocks(plan: Plan, scale: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    """`run` for any loss, out of its definition alone."""
    heads, by_row = plan.places()[0], plan.by_row()
    found: Found = []
    parts: list[Any] = [_Joined(plan, tensor) if row else None for tensor, row in zip(tensors, by_row, strict=True)]
    buffers = [_buffer(plan, tensors, head) for head in heads]
    for start in range(0, scale.shape[0], plan.block_rows):
        cut = slice(start, start + plan.block_rows)
        block = [tensor[cut] if row else tensor for tensor, row in zip(tensors, by_row, strict=True)]
        logits = [
            project(buffer, *(block[index] for index in head)) for buffer, head in zip(buffers, heads, strict=True)
        ]  # (block, v) each
        slopes = _through_loss(plan, block, logits, scale[cut], parts, found)
        for head, slope in zip(heads, slopes, strict=True):
            if slope is not None:
                _through_linear(plan, head, block, slope, parts)
        del logits, slopes
    gradients = [
        part.whole() if row else part for part, row, wanted in zip(parts, by_row, plan.wanted, strict=True) if wanted
    ]
    values = torch.cat([own for own, _ in found])
    return values, torch.cat([other for _, other in found if other is not None]) if plan.extra else None, gradients


def _through_loss(
    plan: Plan, block: list[Tensor], logits: list[Tensor], scale: Tensor, parts: list[Any], found: Found
) -> list[Tensor | None]:
    """Gradients of a block's logits, where they are a linear layer's; those of other tensors go into the parts.

    As many rows at a time as the cache holds; gradients are written over the logits then."""
    heads, rows, shared = plan.places()
    by_row, whole = plan.by_row(), scale.shape[0]
    classes, learned = max(part.shape[1] for part in logits), any(plan.wanted[index] for index in shared)
    step = cached_rows(classes, whole, learned) if plan.in_place and scale.is_cpu else whole
    differentiated = [any(plan.wanted[index] for index in head) for head in heads]
    differentiated += [plan.wanted[index] for index in (*rows, *shared)]
    through: list[Tensor | None] = [None] * len(heads)
    for start in range(0, whole, step):
        cut = slice(start, start + step)
        own = [part[cut] for part in logits]
        own += [block[index][cut] if by_row[index] else block[index] for index in (*rows, *shared)]
        slopes, *values = _slopes(plan, own, differentiated, scale[cut])
        found.append((values[0], values[1]))
        for at, head in enumerate(heads):
            slope = slopes.pop(0)
            if slope is not None and len(head) == 1:
                parts[head[0]].append(slope)
            elif slope is not None and step >= whole:
                through[at] = slope
            elif slope is not None:
                logits[at][cut] = slope
                through[at] = logits[at]
        for index in (*rows, *shared):
            slope = slopes.pop(0)
            if slope is not None and by_row[index]:
                parts[index].append(slope)
            elif slope is not None:
                parts[index] = _plus(plan, parts[index], slope.to(plan.sum_dtype(slope)))
    return through


def _slopes(
    plan: Plan, tensors: list[Tensor], differentiated: list[bool], scale: Tensor
) -> tuple[list[Tensor | None], Tensor, Tensor | None]:
    """Gradient of sum(scale * values) of one block for each differentiated tensor, the values, and what is beside."""
    chosen = [index for index, wanted in enumerate(differentiated) if wanted]

    def evaluate(*variables: Tensor) -> tuple[Tensor, Tensor | None]:
        own = list(tensors)
        for index, variable in zip(chosen, variables, strict=True):
            own[index] = variable
        heads = len(plan.heads)
        return plan.evaluate(own[:heads], own[heads : heads + plan.rows], own[heads + plan.rows :])

    def total(*variables: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        values, other = evaluate(*variables)
        return (scale * values).sum(), (values,) if other is None else (values, other)

    slopes: list[Tensor | None] = [None] * len(tensors)
    if not chosen:
        return slopes, *evaluate()
    variables = [tensors[index] for index in chosen]
    if plan.in_place:
        found, aside = own_graph(total, variables)
    else:
        found, aside = torch.func.grad(total, argnums=tuple(range(len(chosen))), has_aux=True)(*variables)
    for index, slope in zip(chosen, found, strict=True):
        slopes[index] = slope
    return slopes, aside[0], aside[1] if plan.extra else None


def own_graph(
    total: Callable[..., tuple[Tensor, tuple[Tensor, ...]]], variables: list[Tensor]
) -> tuple[Sequence[Tensor], tuple[Tensor, ...]]:
    """`torch.func.grad` by a graph of its own: faster, and unseen by the hooks of checkpointing."""
    unchanged = torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor)
    with torch.enable_grad(), unchanged:
        own = [variable.detach().requires_grad_() for variable in variables]
        value, aside = total(*own)
        found = torch.autograd.grad(value, own, allow_unused=True, materialize_grads=True)
    return found, tuple(tensor.detach() for tensor in aside)


def _through_linear(plan: Plan, head: list[int], block: list[Tensor], slope: Tensor, parts: list[Any]) -> None:
    """Multiply a block's logit gradient into the gradients of the head's hidden, weight and bias."""
    hidden, weight = block[head[0]], block[head[1]]
    if plan.wanted[head[0]]:
        parts[head[0]].append(times(slope, weight) if plan.in_place else slope @ weight)
    if plan.wanted[head[1]]:
        dtype, so_far = plan.sum_dtype(weight), parts[head[1]]
        if plan.in_place and so_far is not None:
            add_product(so_far, slope, hidden)
        else:
            parts[head[1]] = _plus(plan, so_far, (slope.mT @ hidden).to(dtype))
    if len(head) == 3 and plan.wanted[head[2]]:
        parts[head[2]] = _plus(plan, parts[head[2]], slope.sum(0, dtype=plan.sum_dtype(slope)))


class _Joined:
    """Blocks of rows one below the other: written where they belong in plain eager mode, else joined in the end."""

    def __init__(self, plan: Plan, tensor: Tensor) -> None:
        self.tensor, self.in_place, self.parts, self.rows = tensor, plan.in_place, [], 0

    def append(self, part: Tensor) -> None:
        if not self.in_place or part.shape[0] == self.tensor.shape[0]:
            self.parts.append(part.to(self.tensor.dtype))
            return
        if not self.parts:
            self.parts.append(in_large_pages(torch.empty_like(self.tensor, memory_format=torch.contiguous_format)))
        self.parts[0][self.rows : self.rows + part.shape[0]] = part
        self.rows += part.shape[0]

    def whole(self) -> Tensor:
        return self.parts[0] if len(self.parts) == 1 else torch.cat(self.parts)


CACHED_LOGITS = 2**19  # that a loss works on at once: fewer, and the calls cost more than the sums
LEARNED_LOGITS = 6 * CACHED_LOGITS  # for a loss with parameters of its own, which cost calls in every block


def cached_rows(classes: int, at_most: int, learned: bool = False) -> int:
    """Rows whose logits stay in the processor's cache while a loss passes over them."""
    return max(min((LEARNED_LOGITS if learned else CACHED_LOGITS) // max(classes, 1), at_most), 1)


def project(buffer: Tensor | None, hidden: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """`linear`, in the buffer where there is one."""
    if buffer is None or weight is None:
        return linear(hidden, weight, bias)
    return linear_into(buffer[: hidden.shape[0]], hidden, weight, bias)


def _buffer(plan: Plan, tensors: Sequence[Tensor], head: list[int]) -> Tensor | None:
    """Room for one block of logits, used again and again: fresh memory costs more than what is done in it."""
    hidden = tensors[head[0]]
    if len(head) == 1 or not plan.in_place or any(type(tensors[at]) not in (Tensor, nn.Parameter) for at in head):
        return None
    return in_large_pages(hidden.new_empty(min(plan.block_rows, hidden.shape[0]), tensors[head[1]].shape[0]))


def _plus(plan: Plan, so_far: Tensor | None, part: Tensor) -> Tensor:
    if so_far is None:
        return part
    return so_far.add_(part) if plan.in_place else so_far + part


def curvature(
    plan: Plan, scale: Tensor, tensors: Sequence[Tensor], cotangents: Sequence[Tensor | None]
) -> tuple[Tensor, list[Tensor | None]]:
    """The second derivative: gradient, for ``scale`` and every wanted tensor, of the sum of cotangent * gradient.

    The gradient is that of sum(scale * values). Block by block as well, at the price of weight-sized sums.
    """
    by_row = plan.by_row()
    chosen = [index for index, wanted in enumerate(plan.wanted) if wanted]
    scales: list[Tensor] = []
    parts: list[Any] = [[] if row else None for row in by_row]
    for start in range(0, scale.shape[0], plan.block_rows):
        cut = slice(start, start + plan.block_rows)
        block = [tensor[cut] if row else tensor for tensor, row in zip(tensors, by_row, strict=True)]
        directions = [
            None if direction is None else direction[cut] if by_row[index] else direction
            for index, direction in zip(chosen, cotangents, strict=True)
        ]
        found, *slopes = torch.func.grad(_along, argnums=tuple(range(3, 4 + len(chosen))))(
            plan, block, directions, scale[cut], *(block[index] for index in chosen)
        )
        scales.append(found)
        for index, slope in zip(chosen, slopes, strict=True):
            if by_row[index]:
                parts[index].append(slope)
            else:
                parts[index] = _plus(plan, parts[index], slope)
    return torch.cat(scales), [torch.cat(parts[index]) if by_row[index] else parts[index] for index in chosen]


def _along(
    plan: Plan, block: list[Tensor], directions: list[Tensor | None], scale: Tensor, *variables: Tensor
) -> Tensor:
    """The block's gradient along the directions."""
    heads, rows, shared = plan.places()
    chosen = [index for index, wanted in enumerate(plan.wanted) if wanted]

    def total(*variables: Tensor) -> Tensor:
        own = list(block)
        for index, variable in zip(chosen, variables, strict=True):
            own[index] = variable
        logits = [linear(*(own[index] for index in head)) for head in heads]
        values, _ = plan.evaluate(logits, [own[index] for index in rows], [own[index] for index in shared])
        return (scale * values).sum()

    slopes = torch.func.grad(total, argnums=tuple(range(len(chosen))))(*variables)
    terms = [(way * slope).sum() for way, slope in zip(directions, slopes, strict=True) if way is not None]
    return torch.stack(terms).sum() if terms else (scale * 0).sum()
