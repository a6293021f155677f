"""What one process, and each rank of two, train with balanced gradients and with two momenta."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from perdita.compound.balancing import GradientBalancer
from perdita.compound.two_momenta import TwoMomentaSGD

STEPS, ROWS = 4, 16
WAYS = ("features", "shared", "two momenta")


class Tasks(nn.Module):
    """A trunk and two heads; the loss is part of the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk, self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 1), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features and losses."""
        hidden = torch.tanh(self.trunk(x))
        up, down = x.sum(1), x[:, 0] - 3 * x.sum(1)
        heads = ((self.first, up), (self.second, down))
        return hidden, [F.mse_loss(head(hidden).squeeze(1), target) for head, target in heads]


def train(way: str, rank: int = 0, ranks: int = 1) -> list[Tensor]:
    """The parameters in the end; a rank sees its half of each batch."""
    model = Tasks().double()
    wrapped = DistributedDataParallel(model) if ranks > 1 and way == "features" else model
    momenta = TwoMomentaSGD(model.parameters(), 0.1, delta=0.05)
    plain = torch.optim.SGD(model.parameters(), 0.1)
    balancer = GradientBalancer("upgrad")
    largest: list[Tensor] = []
    for step in range(STEPS):
        x = torch.randn(ROWS, 5, generator=torch.Generator().manual_seed(step)).double()
        optimizer = momenta if way == "two momenta" else plain
        optimizer.zero_grad()
        hidden, losses = wrapped(x.chunk(ranks)[rank])
        if way == "features":
            largest.append(balancer.backward(losses, features=hidden).weights.max())
        elif way == "shared":
            largest.append(balancer.backward(losses, shared=model.trunk.parameters()).weights.max())
        else:
            momenta.backward(*losses)
        optimizer.step()
    assert way == "two momenta" or max(largest) > 1.1  # the tasks do conflict
    return [parameter.detach().clone() for parameter in model.parameters()]


def train_rank(rank: int, folder: str) -> None:
    """Train in every way as one of two ranks, and save what it gave."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        torch.save({way: train(way, rank, 2) for way in WAYS}, f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()
