"""The settings and the training that claims about several tasks share.

`perdita.compare.train.engine` trains many arms on one target; weights that learn from each step need a loop of their
own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from perdita.compare.train.optimizer import ScheduledOptimizer
from perdita.compound import Weighted

if TYPE_CHECKING:
    from jaxtyping import Float

    from perdita.compare.spec import Training
    from perdita.compound import Compound, Weighting

Batch = dict[str, Tensor]
Term = Callable[[Tensor, Tensor], Tensor]
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


def fit_together(
    models: Sequence[nn.Module], terms: Mapping[str, Term], weighting: Weighting | Apart, data: Batch,
    training: Training, seeds: Sequence[int],
) -> None:  # fmt: skip
    """`fit` for small models of one shape and all seeds at once; each learns as it would alone.

    Args:
        models: one for each seed.
        terms: name of an output and of the batch's field → loss of both, with one value for each item.
        weighting: of the terms of every seed, (terms, seeds) in a row; none may depend on another, save in `Apart`.
        data: the training parts, stacked, (seeds, n, …).
        training: epochs, batch size, optimiser and schedule.
        seeds: of the order of the batches.
    """
    parameters, _ = stack_module_state(list(models))
    forward = vmap(lambda own, x: functional_call(models[0], own, (x,)))
    rows, orders = data["x"].shape[1], [torch.Generator().manual_seed(seed) for seed in seeds]
    batch, each, place = training.batch_size or rows, steps_per_epoch(rows, training), torch.arange(len(seeds))
    learned = [parameter for parameter in weighting.parameters() if parameter.requires_grad]
    groups = [list(parameters.values()), learned]
    optimizer = ScheduledOptimizer(
        training, groups, [training.learning_rate, FASTER * training.learning_rate], each * training.epochs
    )
    for epoch in range(training.epochs):
        shuffled = torch.stack([torch.randperm(rows, generator=order) for order in orders])
        for step, chosen in enumerate(shuffled.split(batch, 1), start=epoch * each):
            own = {name: field[place.unsqueeze(1), chosen] for name, field in data.items()}
            losses = stacked_losses(forward(parameters, own["x"]), own, terms).flatten()
            for group in range(2):
                optimizer.zero_grad(group)
            weighting(losses).terms.sum().backward()
            for group in range(2):
                optimizer.step(group, step)
            weighting.step(losses)
    for index, model in enumerate(models):
        model.load_state_dict({name: parameter.detach()[index] for name, parameter in parameters.items()})


class Apart(nn.Module):
    """A weighting for each seed, which sees the losses of its seed alone.

    Args:
        each: of as many losses as there are terms.
    """

    def __init__(self, each: Sequence[Weighting]) -> None:
        super().__init__()
        self.each = nn.ModuleList(each)

    def forward(self, losses: Float[Tensor, "ks"]) -> Weighted:
        """The terms (terms, seeds) of all, in a row."""
        found = [own(part) for own, part in self._parts(losses)]
        return Weighted(*(torch.stack(parts, 1).flatten() for parts in zip(*found, strict=True)))

    def step(self, losses: Float[Tensor, "ks"]) -> None:
        """Each learns from its own."""
        for own, part in self._parts(losses):
            own.step(part)

    def _parts(self, losses: Float[Tensor, "ks"]) -> Iterable[tuple[Weighting, Float[Tensor, "k"]]]:
        return zip(self.each, losses.view(-1, len(self.each)).unbind(1), strict=True)


def stacked(batches: Sequence[Batch], device: str) -> Batch:
    """Batches of one shape, each seed's, as one."""
    return {name: torch.stack([one[name] for one in batches]).to(device) for name in batches[0]}


def stacked_losses(outputs: Batch, data: Batch, terms: Mapping[str, Term]) -> Float[Tensor, "terms seeds"]:
    """Each seed's mean loss of each term."""
    return torch.stack([
        term(outputs[name].flatten(0, 1), data[name].flatten(0, 1)).unflatten(0, data[name].shape[:2]).mean(1)
        for name, term in terms.items()
    ])  # fmt: skip


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
