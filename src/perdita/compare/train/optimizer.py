"""One optimiser for all models, a group of parameters for each arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from perdita.compare.spec import Training


class ScheduledOptimizer:
    """A torch optimiser with a cosine or constant schedule, and a learning rate for each arm's parameters."""

    def __init__(
        self, training: Training, arms: Sequence[Sequence[Tensor]], rates: Sequence[float], steps: int
    ) -> None:
        groups = [{"params": list(own), "lr": rate} for own, rate in zip(arms, rates, strict=True)]
        if training.optimizer == "sgd":
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(
                groups, momentum=training.momentum, nesterov=training.nesterov, weight_decay=training.weight_decay
            )
        elif training.optimizer in ("adam", "adamw"):
            kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.Adam
            self.optimizer = kind(groups, fused=True, weight_decay=training.weight_decay)
        else:
            raise InputError(f"optimizer must be adamw, adam or sgd, not {training.optimizer!r}")
        if training.schedule not in ("cosine", "constant"):
            raise InputError(f"schedule must be cosine or constant, not {training.schedule!r}")
        cosine = training.schedule == "cosine"
        scale = [0.5 * (1 + math.cos(math.pi * step / steps)) if cosine else 1.0 for step in range(steps)]
        self.rates = [[rate * share for rate in rates] for share in scale]
        self.done = 0

    def zero_grad(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates[self.done], strict=True):
            group["lr"] = rate
        self.optimizer.step()
        self.done += 1
