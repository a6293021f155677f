"""Optimisers that keep a momentum for each of two terms, and let one of them last longer than the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim import Optimizer

from perdita.compound.balancing.rows import mean_gradients
from perdita.core import InputError, component

if TYPE_CHECKING:
    from torch.optim.optimizer import ParamsT


class TwoMomenta(Optimizer):
    """What both optimisers share: gradients of two terms, kept apart until the step.

    ``optimizer.backward(first, second)`` takes the place of ``(first + second).backward()``; several calls before a
    step accumulate. The first term's gradient is in ``parameter.grad``; the second's is kept here. A ``GradScaler``
    works as usual, ``optimizer.backward(scaler.scale(first), scaler.scale(second))`` and ``scaler.step(optimizer)``,
    but without a call of ``unscale_``, which would miss the second gradient. In a data-parallel run the gradients are
    averaged here, and the model is used without a wrapper.
    """

    _step_supports_amp_scaling = True  # a GradScaler leaves the division by its scale to the step

    def __init__(self, parameters: ParamsT, defaults: dict[str, Any], group: dist.ProcessGroup | None) -> None:
        self.group = group
        self.pending: dict[Tensor, Tensor] = {}  # the second term's gradients
        super().__init__(parameters, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("pending", {})  # a copy has none, and the default group
        self.__dict__.setdefault("group", None)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own. Raises `InputError` for options out of range."""
        options = {**self.defaults, **param_group}
        momentum = options["betas"][0] if "betas" in options else options["momentum"]
        _check(options["lr"], momentum, options["delta"], options["weight_decay"])
        super().add_param_group(param_group)

    def backward(self, first: Tensor, second: Tensor) -> None:
        """Add the gradients of both terms to what is kept: one backward pass for each.

        Args:
            first: scalar, already weighted, whose momentum is the shorter: the task's loss.
            second: scalar, already weighted, whose momentum is the longer: the distillation loss.

        Raises:
            InputError: a term that is no scalar.
        """
        if first.ndim or second.ndim:
            raise InputError(f"both terms must be scalars, not of shape {tuple(first.shape)} and {tuple(second.shape)}")
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        held = [parameter for parameter in parameters if parameter.requires_grad]
        found = []
        for term, keep in ((first, True), (second, False)):
            nothing: Sequence[Tensor | None] = [None] * len(held)
            found.append(
                torch.autograd.grad(term, held, retain_graph=keep, allow_unused=True) if term.requires_grad else nothing
            )
        found = [mean_gradients(gradients, self.group) for gradients in found]
        with torch.no_grad():
            for parameter, own, other in zip(held, *found, strict=True):
                if own is not None:
                    parameter.grad = own if parameter.grad is None else parameter.grad + own
                if other is not None:
                    self.pending[parameter] = self.pending[parameter] + other if parameter in self.pending else other

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget both gradients. They are always set to None: zeros would count as a gradient."""
        super().zero_grad(set_to_none=True)
        self.pending.clear()

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move the parameters by both momenta.

        Args:
            closure: scores the model anew and calls ``backward``; its value is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self._overflowed():
            return loss
        for group in self.param_groups:
            for parameter in group["params"]:
                first, second = parameter.grad, self.pending.get(parameter)
                if first is not None or second is not None:
                    self._move(parameter, self._unscaled(first), self._unscaled(second), group)
        return loss

    def _move(self, parameter: Tensor, first: Tensor | None, second: Tensor | None, group: dict[str, Any]) -> None:
        """One parameter's step; the gradients are not changed."""
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def _unscaled(self, gradient: Tensor | None) -> Tensor | None:
        scale = getattr(self, "grad_scale", None)
        return gradient if scale is None or gradient is None else gradient / scale.to(gradient.device)

    def _overflowed(self) -> bool:
        """Whether a GradScaler's scale was too large for one of the gradients."""
        if (found := getattr(self, "found_inf", None)) is None:
            return False
        if getattr(self, "grad_scale", None) is None and self.pending:
            raise InputError("unscale_ must not be called: it leaves the second gradient as it is")
        return bool(found) or not all(bool(gradient.isfinite().all()) for gradient in self.pending.values())


@component("dot")
class TwoMomentaSGD(TwoMomenta):
    r"""The distillation-oriented trainer (DOT): SGD whose second term has the longer momentum.

    .. math::
        v_1 \leftarrow (\mu - \Delta) v_1 + (1 - d)(g_1 + w p), \quad
        v_2 \leftarrow (\mu + \Delta) v_2 + (1 - d) g_2, \quad
        p \leftarrow p - \eta (v_1 + v_2)

    with the gradients g_1 and g_2 of the two terms; at first v_i is the gradient itself. Where a parameter gets only
    one gradient, its momentum is mu. With delta 0 and no weight decay it is SGD on the sum.

    In the long run a momentum m multiplies a gradient by 1 / (1 - m): with 0.9 and 0.075 the first term by 5.7 and the
    second by 40, where SGD has 10 for both. A gain over SGD may come from that alone: compare with SGD on terms weighed
    accordingly.

    Args:
        parameters: as of any optimiser; groups may have options of their own.
        lr: learning rate, eta.
        momentum: mu.
        delta: half the difference of the momenta; 0.075 on CIFAR-100 and 0.09 on ImageNet in the paper.
        weight_decay: w; it enters the first gradient alone. Where there is only a second one it enters that, but not
            in the first step, as in the authors' code.
        dampening: d.
        group: process group of a data-parallel run; the default group where one is initialised.

    Raises:
        InputError: options out of range: 0 <= delta <= momentum, momentum + delta < 1.

    Example:
        >>> from perdita.compound.two_momenta import TwoMomentaSGD
        >>> p = torch.nn.Parameter(torch.tensor(1.0))
        >>> optimizer = TwoMomentaSGD([p], lr=0.1, momentum=0.5, delta=0.25)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     optimizer.backward(1.0 * p, 2.0 * p)
        ...     optimizer.step()
        >>> round(p.item(), 4)  # 1 - 0.1 (1 + 2) - 0.1 (0.25 * 1 + 1 + 0.75 * 2 + 2)
        0.225

    Source:
        Zhao, Cui, Song, Liang, "DOT: A Distillation-Oriented Trainer", ICCV 2023, arXiv 2307.08436; the
        start, the weight decay and single gradients are those of the authors' code.
    """

    def __init__(
        self,
        parameters: ParamsT,
        lr: float,
        *,
        momentum: float = 0.9,
        delta: float = 0.075,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "delta": delta, "weight_decay": weight_decay}
        super().__init__(parameters, {**defaults, "dampening": dampening}, group)

    def _move(self, parameter: Tensor, first: Tensor | None, second: Tensor | None, group: dict[str, Any]) -> None:
        state, decay = self.state[parameter], group["weight_decay"]
        shift = group["delta"] if first is not None and second is not None else 0.0
        if decay and first is not None:
            first = first.add(parameter, alpha=decay)
        elif decay and second is not None and "second" in state:
            second = second.add(parameter, alpha=decay)
        for name, gradient, factor in (("first", first, -1.0), ("second", second, 1.0)):
            if gradient is None:
                continue
            if name in state:
                momentum = group["momentum"] + factor * shift
                state[name].mul_(momentum).add_(gradient, alpha=1 - group["dampening"])
            else:
                state[name] = gradient.clone()
            parameter.add_(state[name], alpha=-group["lr"])


@component("dot")
class TwoMomentaAdamW(TwoMomenta):
    r"""AdamW whose second term has the longer momentum.

    .. math::
        m_i \leftarrow \beta_i m_i + (1 - \beta) g_i, \quad
        v \leftarrow \beta' v + (1 - \beta') (g_1 + g_2)^2, \quad
        p \leftarrow (1 - \eta w) p - \eta \frac{\hat m_1 + \hat m_2}{\sqrt{\hat v} + \epsilon}

    with beta_1 = beta - delta and beta_2 = beta + delta, m_i hat = m_i over 1 minus the product of its factors so far,
    and v hat likewise. Both terms share v. A parameter that gets only one gradient has the factor beta. With delta 0 it
    is AdamW on the sum. As in `TwoMomentaSGD` the terms' gains differ, (1 - beta) / (1 - beta_i) in the long run.

    Args:
        parameters: as of any optimiser; groups may have options of their own.
        lr: learning rate, eta.
        betas: beta, of the momenta, and beta', of the squares.
        delta: half the difference of the momenta's factors.
        eps: epsilon.
        weight_decay: w, apart from the gradients.
        group: process group of a data-parallel run; the default group where one is initialised.

    Raises:
        InputError: options out of range: 0 <= delta <= beta, beta + delta < 1, 0 <= beta' < 1, eps > 0.

    Source:
        An extension of Zhao, Cui, Song, Liang, ICCV 2023, arXiv 2307.08436, whose trainer is SGD.
    """

    def __init__(
        self,
        parameters: ParamsT,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        delta: float = 0.075,
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        if not 0 <= betas[1] < 1 or not eps > 0:
            raise InputError(f"betas[1] must be in [0, 1) and eps above 0, not {betas[1]} and {eps}")
        defaults = {"lr": lr, "betas": betas, "delta": delta, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, defaults, group)

    def _move(self, parameter: Tensor, first: Tensor | None, second: Tensor | None, group: dict[str, Any]) -> None:
        state, (beta, squares) = self.state[parameter], group["betas"]
        if not state:
            state |= {name: torch.zeros_like(parameter) for name in ("first", "second", "square")}
            state |= dict.fromkeys(("first_left", "second_left", "square_left"), 1.0)  # products of the factors
        shift = group["delta"] if first is not None and second is not None else 0.0
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        total, update = torch.zeros_like(parameter), torch.zeros_like(parameter)
        for name, gradient, factor in (("first", first, beta - shift), ("second", second, beta + shift)):
            if gradient is not None:
                state[name].mul_(factor).add_(gradient, alpha=1 - beta)
                state[f"{name}_left"] *= factor
                total.add_(gradient)
                update.add_(state[name], alpha=1 / (1 - state[f"{name}_left"]))
        state["square"].mul_(squares).addcmul_(total, total, value=1 - squares)
        state["square_left"] *= squares
        size = (state["square"] / (1 - state["square_left"])).sqrt_().add_(group["eps"])
        parameter.addcdiv_(update, size, value=-group["lr"])


def _check(lr: float, momentum: float, delta: float, weight_decay: float) -> None:
    """Raise `InputError` for options out of range."""
    if not float(lr) >= 0 or not weight_decay >= 0:
        raise InputError(f"lr and weight_decay must be at least 0, not {lr} and {weight_decay}")
    if not 0 <= delta <= momentum or not momentum + delta < 1:
        raise InputError(f"0 <= delta <= momentum and momentum + delta < 1 must hold, not {delta} and {momentum}")
