"""One optimiser for all models, a group of parameters for each arm.

The kernels behind torch's optimisers do the work: the classes load the compiler at the first step, and their functions
sort the parameters by device and type at every step, which would be a good part of a short comparison.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from perdita.compare.spec import Training

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class ScheduledOptimizer:
    """AdamW, Adam or SGD with a cosine or constant schedule, and a learning rate for each arm's parameters.

    What the arms' losses learn (``losses``) has its arm's learning rate too, but does not decay.
    """

    def __init__(
        self,
        training: Training,
        arms: Sequence[Sequence[Tensor]],
        rates: Sequence[float],
        steps: int,
        losses: Sequence[Sequence[Tensor]] = (),
    ) -> None:
        if training.optimizer not in ("adamw", "adam", "sgd"):
            raise InputError(f"optimizer must be adamw, adam or sgd, not {training.optimizer!r}")
        if training.schedule not in ("cosine", "constant"):
            raise InputError(f"schedule must be cosine or constant, not {training.schedule!r}")
        cosine = training.schedule == "cosine"
        scale = [0.5 * (1 + math.cos(math.pi * step / steps)) if cosine else 1.0 for step in range(steps)]
        self.training = training
        self.rates = [[rate * share for rate in rates] for share in scale]
        sgd_state = training.optimizer == "sgd"
        self.arms = [_Group(list(own), sgd_state, training.weight_decay) for own in arms]
        self.losses = [_Group(list(own), sgd_state, 0.0) for own in losses or [()] * len(arms)]

    def zero_grad(self, arm: int) -> None:
        """Forget the arm's gradients."""
        for parameter in (*self.arms[arm].parameters, *self.losses[arm].parameters):
            parameter.grad = None

    @torch.no_grad()
    def step(self, arm: int, step: int) -> None:
        """Move one arm, at the learning rate of this step of the schedule."""
        rate = self.rates[step][arm]
        self.arms[arm].step(self.training, rate)
        if self.losses[arm].parameters:
            self.losses[arm].step(self.training, rate)


class _Group:
    """Parameters with what the optimiser remembers of them."""

    def __init__(self, parameters: list[Tensor], momentum_only: bool, decay: float) -> None:
        self.parameters, self.decay = parameters, decay
        self.momenta: list[Tensor | None] = [None] * len(parameters)
        if not momentum_only:
            self.first = [torch.zeros_like(parameter) for parameter in parameters]
            self.second = [torch.zeros_like(parameter) for parameter in parameters]
            self.steps = [torch.zeros((), dtype=torch.float32) for _ in parameters]

    def step(self, training: Training, rate: float) -> None:
        held = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        if not held:
            return
        parameters = [self.parameters[i] for i in held]
        gradients = [parameter.grad for parameter in parameters]
        if training.optimizer == "sgd":
            momenta = [self.momenta[i] for i in held]
            sgd(
                parameters, gradients, momenta, foreach=False, weight_decay=self.decay,
                momentum=training.momentum, lr=rate, dampening=0.0, nesterov=training.nesterov, maximize=False,
            )  # fmt: skip
            for i, momentum in zip(held, momenta, strict=True):
                self.momenta[i] = momentum
            return
        first, second, steps = ([values[i] for i in held] for values in (self.first, self.second, self.steps))
        for step in steps:
            step += 1
        move = torch._fused_adamw_ if training.optimizer == "adamw" else torch._fused_adam_
        move(
            parameters, gradients, first, second, [], steps, lr=rate, beta1=BETAS[0], beta2=BETAS[1],
            weight_decay=self.decay, eps=EPSILON, amsgrad=False, maximize=False,
        )  # fmt: skip
