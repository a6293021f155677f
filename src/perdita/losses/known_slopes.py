"""Losses in few passes: values and slopes by hand, with the textbook form beside them for all else.

Compiled code takes the textbook form, which the compiler fuses by itself; so do transforms, second derivatives and
several upstream gradients at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from perdita.core.apply import is_plain
from perdita.core.reduction import reduce

if TYPE_CHECKING:
    from jaxtyping import Float

LARGE = 1 << 16  # numbers from which on fewer passes save more time than a derivative in Python costs


class Form(NamedTuple):
    """One function of x, three times; the facts are tensors that no gradient reaches, or None.

    ``plain(x, *facts)`` gives values. ``values(x, *facts)`` gives the same, and what the slope needs; in a form that is
    ``summed``, for one value of each number of x, it gives the sum alone.
    ``slope(upstream, x, *facts, *needed)`` gives the gradient to x, which it may write over what it needed; upstream is
    one number where values were reduced.
    """

    plain: Callable[..., Tensor]
    values: Callable[..., tuple[Tensor, ...]]
    slope: Callable[..., Tensor]
    summed: bool = False


def values_of(
    form: Form, x: Float[Tensor, "*d"], *facts: Tensor | None, reduction: str = "none", by_hand: bool = True
) -> Tensor:
    """The values of a form, or their sum or mean, with a gradient to x; in the textbook form if not ``by_hand``."""
    if not by_hand or not is_plain() or forward_ad._current_level >= 0:
        return reduce(form.plain(x, *facts), reduction=reduction)
    return _apply(form, reduction, x, *facts)


def worth_it(x: Tensor, target: Tensor, reduction: str) -> bool:
    """Whether a loss of single numbers gains from its slope by hand: a reduced one of many, on a processor."""
    return (
        reduction != "none" and x.requires_grad and not target.requires_grad and x.numel() >= LARGE
        and x.dtype is target.dtype and x.is_cpu and type(x) is Tensor
    )  # fmt: skip


class _Values(Function):
    """(form, reduction, x, facts) → values, or one number; what the slope needs is kept.

    No function of ``torch.func`` comes here, so that the context is made with the values: to make it apart, as they
    need it, takes as long as two softmaxes.
    """

    @staticmethod
    def forward(ctx: Any, form: Form, reduction: str, x: Tensor, *facts: Tensor | None) -> Tensor:
        values, *needed = form.values(x, *facts)
        ctx.form, ctx.reduction, ctx.given = form, reduction, len(facts)
        ctx.count = x.numel() if form.summed else values.numel()
        ctx.save_for_backward(x, *facts, *needed)
        if form.summed:
            return values / ctx.count if reduction == "mean" else values
        return reduce(values, reduction=reduction)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, *others = ctx.saved_tensors
        facts, needed, rest = others[: ctx.given], others[ctx.given :], [None] * ctx.given
        if torch.is_grad_enabled() or not is_plain() or several(upstream):
            found = textbook_slopes(lambda z: reduce(ctx.form.plain(z, *facts), reduction=ctx.reduction), [x], upstream)
            return None, None, *found, *rest
        if torch._C._autograd._get_current_graph_task_keep_graph():
            needed = [tensor.clone() for tensor in needed]
        each = upstream / ctx.count if ctx.reduction == "mean" else upstream
        return None, None, ctx.form.slope(each, x, *facts, *needed), *rest


def several(upstream: Tensor) -> bool:
    """Whether these are several upstream gradients at once, as a vectorised Jacobian asks for; not those of vmap."""
    return bool(torch._C._functorch.is_legacy_batchedtensor(upstream))


def textbook_slopes(plain: Callable[..., Tensor], inputs: Sequence[Tensor], upstream: Tensor) -> tuple[Tensor, ...]:
    """Gradients to the inputs by the textbook form, with a graph of their own where this pass is recorded."""
    if not is_plain():  # under vmap, which knows no leaves
        _, pulled_back = torch.func.vjp(plain, *inputs)
        slopes: tuple[Tensor, ...] = pulled_back(upstream)
        return slopes
    recorded = torch.is_grad_enabled()
    with torch.enable_grad():
        own = inputs if recorded else [tensor.detach().requires_grad_() for tensor in inputs]
        values = plain(*own)
    return torch.autograd.grad(values, own, upstream, create_graph=recorded)


# Function.apply looks for transforms first, which takes as long as a softmax; values_of has looked
_apply: Callable[..., Tensor] = super(Function, _Values).apply
