"""Every weighting and every balancer on tasks of real data with a shared trunk: each is learnt, none is given up."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn

import perdita
from perdita.compound import Compound, Term, gramian
from perdita.compound.balancing import METHODS
from perdita.compound.weighting import WEIGHTINGS

STEPS, EACH = 60, 10  # optimiser steps, and those that count as an epoch
OPTIONS = {
    "dynamic_average": {"steps_per_epoch": EACH},
    "igb_v1": {"steps_per_epoch": EACH},
    "igb_v2": {"steps_per_epoch": EACH, "start_epoch": 2, "update_after": 2, "update_every": 10},
}
BALANCERS = sorted(set(METHODS) - {"torchjd"})


def turned_digits(seed: int) -> tuple[dict[str, Tensor], dict[str, float], dict[str, int]]:
    """Digits, each turned by a quarter or more: which one, whether it is odd, and how far it was turned."""
    images, kind = load_digits(return_X_y=True)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(images), generator=generator)[:400]
    turns = torch.randint(4, (400,), generator=generator)
    x = torch.as_tensor(images[rows] / 16, dtype=torch.float32).view(-1, 8, 8)
    x = torch.stack([torch.rot90(image, int(turn)) for image, turn in zip(x, turns, strict=True)]).flatten(1)
    kind = torch.as_tensor(kind[rows])
    batch = {"x": x, "kind": kind, "parity": kind % 2, "turn": turns}
    return (
        batch,
        {"kind": math.log(10), "parity": math.log(2), "turn": math.log(4)},
        {"kind": 10, "parity": 2, "turn": 4},
    )


def binned_diabetes(seed: int) -> tuple[dict[str, Tensor], dict[str, float], dict[str, int]]:
    """How far a diabetes went in a year, in standard deviations, and the third of the patients that it falls into."""
    features, value = load_diabetes(return_X_y=True)
    x, y = (torch.as_tensor(array, dtype=torch.float32) for array in (features, value))
    y = (y - y.mean()) / y.std()
    third = torch.bucketize(y, torch.quantile(y, torch.tensor([1 / 3, 2 / 3])))
    return {"x": 20 * x, "value": y, "third": third}, {"value": 1.0, "third": math.log(3)}, {"value": 1, "third": 3}


SETS = {"turned digits": turned_digits, "binned diabetes": binned_diabetes}


def learn(name: str, **options: object) -> dict[str, float]:
    """The losses of the tasks after a short training, in units of what a constant would have."""
    batch, constant, outputs = SETS[name](0)
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Linear(batch["x"].shape[1], 64), nn.ReLU())
    heads = nn.ModuleDict({task: nn.Linear(64, count) for task, count in outputs.items()})
    criteria = {task: perdita.Mse() if task == "value" else perdita.CrossEntropy() for task in outputs}
    compound = Compound({task: Term(criterion, task, task) for task, criterion in criteria.items()}, **options)
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters(), *compound.parameters()], lr=0.01)
    for _ in range(STEPS):
        hidden = trunk(batch["x"])
        scored = compound.score({task: head(hidden).squeeze(-1) for task, head in heads.items()}, batch)
        gram = gramian(scored.losses, [trunk[0].weight]) if compound.weighting.reads_gradients else None
        optimizer.zero_grad()
        compound.backward(scored, features=hidden)
        optimizer.step()
        record = compound.step(scored, gram=gram)
    assert all(weight.isfinite() for weight in record.weights.values())
    return {task: record.parts[task].item() / constant[task] for task in outputs}


@pytest.mark.parametrize("name", list(SETS))
@pytest.mark.parametrize("method", list(WEIGHTINGS))
def test_every_weighting_learns_every_task(method: str, name: str) -> None:
    left = learn(name, weights={"method": method, **OPTIONS.get(method, {})})
    assert max(left.values()) < 0.75, left


@pytest.mark.parametrize("name", list(SETS))
@pytest.mark.parametrize("method", BALANCERS)
def test_every_balancer_learns_every_task(method: str, name: str) -> None:
    left = learn(name, balance=method)
    assert max(left.values()) < 0.75, left


@pytest.mark.parametrize("weights", ["igb_v1", "igb_v2"])
@pytest.mark.parametrize("balance", ["pcgrad", "cagrad"])
def test_gaps_and_gradients_are_balanced_together(weights: str, balance: str) -> None:
    left = learn("turned digits", weights={"method": weights, **OPTIONS[weights]}, balance=balance)
    assert max(left.values()) < 0.75, left
