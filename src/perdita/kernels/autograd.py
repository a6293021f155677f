"""Fused losses as differentiable functions: a total whose gradient is ready when it is, and values that recompute.

Each gradient is itself a differentiable function, so that double backward and nested transforms work.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

from perdita.core.apply import is_plain
from perdita.core.numerics import HALF
from perdita.kernels.blocked import Plan, curvature, run

if TYPE_CHECKING:
    from jaxtyping import Float


class Total(Function):
    """(plan, scale, tensors) → sum(scale * values), values, what is beside them, and the gradients."""

    generate_vmap_rule = True

    @staticmethod
    def forward(plan: Plan, scale: Float[Tensor, "n"], *tensors: Tensor) -> tuple[Tensor, ...]:
        values, beside, gradients = _run_scaled(plan, scale, tensors)
        return ((scale * values).sum(), values, *(() if beside is None else (beside,)), *gradients)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        plan, scale, *tensors = inputs
        ctx.plan = plan
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)  # no zeros of the weight's size for the outputs that nobody differentiates
        ctx.save_for_backward(scale, output[1], *output[2 + plan.extra :], *tensors)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        plan: Plan = ctx.plan
        if upstream is None:
            return (None, None, *(None for _ in plan.wanted))
        scale, values, *saved = ctx.saved_tensors
        wanted = sum(plan.wanted)
        gradients, tensors = saved[:wanted], saved[wanted:]
        if (
            plan.in_place and used_up()
        ):  # nobody reads them again: handed out as they are, without a second sum of the weight's size
            if not upstream.is_cpu or upstream.item() != 1:
                for gradient in gradients:
                    gradient.mul_(upstream)
            gradients = _as_inputs(plan, gradients, tensors)
        elif torch.compiler.is_compiling():
            gradients = _as_inputs(plan, [upstream * gradient for gradient in gradients], tensors)
        else:
            gradients = list(Scaled.apply(plan, upstream, scale, *gradients, *tensors))
        return (None, upstream * values, *_placed(plan, gradients))


class Scaled(Function):
    """(plan, upstream, scale, gradients, tensors) → upstream * gradients; its derivative is the second one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(plan: Plan, upstream: Tensor, scale: Float[Tensor, "n"], *rest: Tensor) -> tuple[Tensor, ...]:
        wanted = sum(plan.wanted)
        return tuple(_as_inputs(plan, [upstream * gradient for gradient in rest[:wanted]], rest[wanted:]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.plan = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        plan: Plan = ctx.plan
        upstream, scale, *rest = ctx.saved_tensors
        wanted = sum(plan.wanted)
        along = torch.stack([(way * slope).sum() for way, slope in zip(cotangents, rest[:wanted], strict=True)]).sum()
        by_scale, second = curvature(plan, upstream * scale, rest[wanted:], cotangents)
        unused = [None] * wanted
        return (None, along.to(upstream.dtype), upstream * by_scale, *unused, *_placed(plan, second))


class Values(Function):
    """(plan, values or None, tensors) → the values of every row; the gradient runs the blocks again.

    Values that are known already are not computed once more.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(plan: Plan, known: Tensor | None, *tensors: Tensor) -> Tensor:
        if known is not None:
            return known.clone()
        hidden = tensors[0]
        unused = hidden.new_zeros(hidden.shape[0], dtype=torch.promote_types(hidden.dtype, torch.float32))
        plan = replace(plan, wanted=tuple(False for _ in plan.wanted))
        return run(plan, unused, _for_products(plan, tensors))[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.plan = inputs[0]
        ctx.save_for_backward(*inputs[2:])

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        plan: Plan = ctx.plan
        tensors = ctx.saved_tensors
        if torch.compiler.is_compiling():  # which records no second derivative
            gradients = _pull_back(plan, upstream, tensors)
        else:
            gradients = Pullback.apply(plan, upstream, *tensors) if any(plan.wanted) else ()
        return (None, None, *_placed(plan, gradients))


class Pullback(Function):
    """(plan, scale, tensors) → the gradient of sum(scale * values); its derivative is the second one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(plan: Plan, scale: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        return _pull_back(plan, scale, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.plan = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        scale, *tensors = ctx.saved_tensors
        by_scale, second = curvature(ctx.plan, scale, tensors, cotangents)
        return (None, by_scale, *_placed(ctx.plan, second))


def _run_scaled(plan: Plan, scale: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    """`run`, where float16 sees scales near one: 1/n of a long batch would underflow."""
    ready = _for_products(plan, tensors)
    if not any(tensor.dtype is torch.float16 for tensor in ready):
        values, beside, gradients = run(plan, scale, ready)
        return values, beside, _stored(plan, gradients, tensors)
    largest = scale.abs().amax()
    largest = torch.where(largest == 0, 1.0, largest)
    values, beside, gradients = run(plan, scale / largest, tensors)
    wide = [gradient.float() if gradient.dtype in HALF else gradient for gradient in gradients]
    return values, beside, _stored(plan, [largest * gradient for gradient in wide], tensors)


def _for_products(plan: Plan, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Layers in half precision, once in float32, where the processor would convert them at every product.

    On one with AVX2 alone a product in bfloat16 takes 7 to 100 times as long as in float32.
    """
    ready = list(tensors)
    if not plan.in_place or plan.accumulate is not torch.float32:
        return ready
    for index in (index for head in plan.places()[0] if len(head) > 1 for index in head):
        own = tensors[index]
        if own.is_cpu and own.dtype in HALF and not multiplies(own.dtype):
            ready[index] = own.float()
    return ready


@functools.cache
def multiplies(dtype: torch.dtype) -> bool:
    """Whether the processor has products of half precision; what is unknown is believed to have them."""
    if not torch.cpu._is_avx2_supported():
        return True
    if dtype is torch.float16:
        return torch.cpu._is_amx_fp16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _pull_back(plan: Plan, scale: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(_as_inputs(plan, _run_scaled(plan, scale, tensors)[2], tensors))


def _stored(plan: Plan, gradients: list[Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
    """As they are kept until the upstream gradient comes: bfloat16 has float32's range, float16 waits in float32."""
    given = [tensor for tensor, wanted in zip(tensors, plan.wanted, strict=True) if wanted]
    return [
        gradient.to(torch.bfloat16) if tensor.dtype is torch.bfloat16 else gradient
        for gradient, tensor in zip(gradients, given, strict=True)
    ]


def _as_inputs(plan: Plan, gradients: Sequence[Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
    given = [tensor for tensor, wanted in zip(tensors, plan.wanted, strict=True) if wanted]
    return [gradient.to(tensor.dtype) for gradient, tensor in zip(gradients, given, strict=True)]


def _placed(plan: Plan, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """One gradient for each flat tensor, None where none is wanted."""
    left = iter(gradients)
    return [next(left) if wanted else None for wanted in plan.wanted]


def used_up() -> bool:
    """Whether this backward pass is the last: eager, not recorded, and its graph is freed afterwards."""
    if not is_plain() or torch.is_grad_enabled():
        return False
    return not torch._C._autograd._get_current_graph_task_keep_graph()
