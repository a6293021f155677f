"""One optimiser over the stacked parameters of all models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from perdita.compare.spec import Training


class StackedOptimizer:
    """A torch optimiser over stacked parameters, with a cosine or constant schedule, and a learning rate for each arm.

    Every update here is linear in the learning rate, so arms with rates of their own take a step at rate one and keep
    the share of it that their rate says.
    """

    def __init__(
        self, training: Training, model: dict[str, Tensor], own: list[Tensor], steps: int, rates: Sequence[float]
    ) -> None:
        self.model = list(model.values())
        self.rates = torch.tensor(rates) if len(set(rates)) > 1 else None
        rate = rates[0] if self.rates is None else 1.0
        groups: list[dict[str, Any]] = [{"params": self.model}]
        if own:  # the losses' own parameters
            groups.append({"params": own, "lr": training.learning_rate})
        shared = {"lr": rate, "weight_decay": training.weight_decay}
        if training.optimizer == "sgd":
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(
                groups, momentum=training.momentum, nesterov=training.nesterov, **shared
            )
        elif training.optimizer in ("adam", "adamw"):
            kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.Adam
            self.optimizer = kind(groups, fused=True, **shared)
        else:
            raise InputError(f"optimizer must be adamw, adam or sgd, not {training.optimizer!r}")
        if training.schedule not in ("cosine", "constant"):
            raise InputError(f"schedule must be cosine or constant, not {training.schedule!r}")
        cosine = training.schedule == "cosine"
        self.scale = [0.5 * (1 + math.cos(math.pi * step / steps)) if cosine else 1.0 for step in range(steps)]
        self.base = [group["lr"] for group in self.optimizer.param_groups]
        self.done = 0

    def zero_grad(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self) -> None:
        scale = self.scale[self.done]
        self.done += 1
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            group["lr"] = base * scale
        if self.rates is None:
            self.optimizer.step()
            return
        self.optimizer.param_groups[0]["lr"] = 1.0
        before = [parameter.clone() for parameter in self.model]
        self.optimizer.step()
        for parameter, old in zip(self.model, before, strict=True):
            share = (self.rates * scale).view((-1,) + (1,) * (parameter.ndim - 1))
            parameter.copy_(old + share * (parameter - old))
