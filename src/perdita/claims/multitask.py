"""The settings and the training that claims about several tasks share.

`perdita.compare.train.engine` trains many arms on one target; weights that learn from each step need a loop of their
own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.compare.train.optimizer import ScheduledOptimizer

if TYPE_CHECKING:
    from jaxtyping import Float

    from perdita.compare.spec import Training
    from perdita.compound import Compound

Batch = dict[str, Tensor]
TRAIN, TEST = 600, 400  # of 1,797 digits
OVERLAP = TEST / TRAIN
FASTER = 10.0  # learning rate of learned weights over that of the model


class Heads(nn.Module):
    """A shared trunk with a linear head for each task; a head of one number loses its last axis.

    Args:
        trunk: from the batch's ``x`` to features.
        features: their number.
        outputs: task → numbers of its head.
    """

    def __init__(self, trunk: nn.Module, features: int, outputs: Mapping[str, int]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleDict({name: nn.Linear(features, count) for name, count in outputs.items()})

    def forward(self, x: Float[Tensor, "n *f"]) -> Batch:
        """The tasks' outputs by name."""
        hidden = self.trunk(x)
        return {name: head(hidden).squeeze(-1) for name, head in self.heads.items()}


@dataclass(frozen=True)
class Tasks:
    """Training and held-out batches: ``x``, and one field for each task."""

    train: Batch
    test: Batch


def digit_tasks(seed: int, device: str = "cpu") -> Tasks:
    """Digits with three tasks: ``kind`` of ten, mean ``intensity`` times 30, and ``contrast`` of the halves.

    The contrast is the mean of the upper half less that of the lower; pixels are divided by 16. 600 for training and
    400 held out are drawn anew for each seed.
    """
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    x = torch.as_tensor(pixels / 16, dtype=torch.float32)
    upper, lower = x[:, :32].mean(1), x[:, 32:].mean(1)
    fields = {"x": x, "kind": torch.as_tensor(classes), "intensity": 30 * x.mean(1), "contrast": upper - lower}
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    rows = {"train": order[:TRAIN], "test": order[TRAIN : TRAIN + TEST]}
    return Tasks(**{part: {name: all_[own].to(device) for name, all_ in fields.items()} for part, own in rows.items()})


def digit_network() -> Heads:
    """64-64 with ReLU, and the heads of `digit_tasks`."""
    trunk = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
    return Heads(trunk, 64, {"kind": 10, "intensity": 1, "contrast": 1})


def started(make_model: Callable[[], nn.Module], seed: int, device: str) -> nn.Module:
    """A model whose initial weights follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_model().to(device)


def fit(model: nn.Module, compound: Compound, data: Batch, training: Training, seed: int) -> None:
    """Train a model on a compound; learned weights have a learning rate ten times that of the model.

    Args:
        model: from ``x`` to what the compound reads.
        compound: its terms read the fields of ``data``.
        data: the training part.
        training: epochs, batch size, optimiser and schedule.
        seed: of the order of the batches.
    """
    rows, order = len(data["x"]), torch.Generator().manual_seed(seed)
    batch = training.batch_size or rows
    learned = [parameter for parameter in compound.parameters() if parameter.requires_grad]
    groups = [list(model.parameters()), *([learned] if learned else [])]
    rates = [training.learning_rate, FASTER * training.learning_rate][: len(groups)]
    each = steps_per_epoch(rows, training)
    optimizer = ScheduledOptimizer(training, groups, rates, each * training.epochs)
    for epoch in range(training.epochs):
        for step, chosen in enumerate(torch.randperm(rows, generator=order).split(batch), start=epoch * each):
            own = {name: field[chosen] for name, field in data.items()}
            for group in range(len(groups)):
                optimizer.zero_grad(group)
            scored = compound.score(model(own["x"]), own)
            scored.total.backward()
            for group in range(len(groups)):
                optimizer.step(group, step)
            compound.step(scored)


def steps_per_epoch(rows: int, training: Training) -> int:
    """Optimiser steps in an epoch."""
    return math.ceil(rows / (training.batch_size or rows))


@torch.no_grad()
def digit_errors(model: nn.Module, test: Batch) -> dict[str, float]:
    """Held-out errors: share of wrong classes, and each regression's squared error over the variance of its target."""
    found = model(test["x"])
    errors = {"kind": (found["kind"].argmax(1) != test["kind"]).double().mean().item()}
    for name in ("intensity", "contrast"):
        errors[name] = ((found[name] - test[name]).square().mean() / test[name].var(correction=0)).item()
    return errors
