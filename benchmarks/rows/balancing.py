"""Backward passes of eight tasks whose gradients are weighed against one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmarks.race import Measured, agree, race
from benchmarks.registry import row
from perdita.compound.balancing import GradientBalancer

TASKS, WIDTH, ROWS = 8, 256, 512
SHAPE = f"{TASKS} tasks on one multi-layer perceptron {WIDTH} wide, batch {ROWS}, forward and backward"


class Tasks:
    """A shared trunk, a head for each task, and one batch."""

    def __init__(self, count: int = TASKS) -> None:
        torch.manual_seed(0)
        hidden = [layer for _ in range(2) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
        self.trunk = nn.Sequential(*hidden)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(count))
        self.x = torch.randn(ROWS, WIDTH)
        self.targets = torch.randn(count, ROWS, 1)
        self.parameters = [*self.trunk.parameters(), *self.heads.parameters()]

    def losses(self) -> tuple[Tensor, list[Tensor]]:
        """The features and each task's loss; gradients are cleared."""
        for parameter in self.parameters:
            parameter.grad = None
        hidden = self.trunk(self.x)
        return hidden, [
            (head(hidden) - own).square().mean() for head, own in zip(self.heads, self.targets, strict=True)
        ]

    def gradients(self) -> list[Tensor]:
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]


def through_parameters(tasks: Tasks, method: str) -> Callable[[], Sequence[Tensor]]:
    balancer = GradientBalancer(method)

    def ours() -> Sequence[Tensor]:
        _, losses = tasks.losses()
        balancer.backward(losses, shared=tasks.trunk.parameters())
        return tasks.gradients()

    return ours


def through_torchjd(tasks: Tasks, aggregator: nn.Module) -> Callable[[], Sequence[Tensor]]:
    from torchjd.autojac import jac_to_grad, mtl_backward

    def theirs() -> Sequence[Tensor]:
        hidden, losses = tasks.losses()
        mtl_backward(losses, features=hidden)
        jac_to_grad(tasks.trunk.parameters(), aggregator)
        return tasks.gradients()

    return theirs


def against_torchjd(method: str, aggregator: str) -> Measured:
    from torchjd import aggregation

    tasks = Tasks()
    theirs = through_torchjd(tasks, getattr(aggregation, aggregator)())
    return race(through_parameters(tasks, method), theirs, unit="ms", repeats=81)


@row(
    "balance-pcgrad",
    peer="TorchJD: mtl_backward and jac_to_grad with PCGrad",
    shape=SHAPE,
    unit="ms",
    target="ours / theirs <= 0.8",
)
def pcgrad() -> Measured:
    return against_torchjd("pcgrad", "PCGrad")  # each draws orders of its own; the tests hold them to equal ones


@row(
    "balance-upgrad",
    peer="TorchJD: mtl_backward and jac_to_grad with UPGrad",
    shape=SHAPE,
    unit="ms",
    target="ours / theirs <= 0.8",
)
def upgrad() -> Measured:
    from torchjd.aggregation import UPGrad

    tasks = Tasks()
    trunk = len(list(tasks.trunk.parameters()))
    ours = [
        gradient / TASKS for gradient in through_parameters(tasks, "upgrad")()[:trunk]
    ]  # of a sum; theirs of a mean
    agree(ours, through_torchjd(tasks, UPGrad())()[:trunk], rtol=1e-2, atol=1e-4)  # theirs adds 1e-4 to the Gramian
    return against_torchjd("upgrad", "UPGrad")


@row(
    "balance-features",
    peer="the same balancer on gradients to the parameters",
    shape=f"{TASKS // 2} tasks, else as above",
    unit="ms",
    target="ours / theirs <= 0.5",
)
def features() -> Measured:
    return through_features(TASKS // 2)


@row(
    "balance-features-8",
    peer="the same balancer on gradients to the parameters",
    shape=SHAPE,
    unit="ms",
    target="ours / theirs <= 0.5",
)
def more_features() -> Measured:
    return through_features(TASKS)


def through_features(count: int) -> Measured:
    tasks = Tasks(count)
    balancer = GradientBalancer("upgrad")

    def ours() -> None:
        hidden, losses = tasks.losses()
        balancer.backward(losses, features=hidden)

    return race(ours, through_parameters(tasks, "upgrad"), unit="ms", repeats=81)
