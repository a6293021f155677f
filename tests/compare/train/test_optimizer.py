"""The optimiser of the engine against torch's classes, step by step."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from perdita import InputError
from perdita.compare.spec import Training
from perdita.compare.train.optimizer import ScheduledOptimizer

CHOICES = {
    "adamw": (lambda own: torch.optim.AdamW(own, lr=0.1, weight_decay=0.01), Training(optimizer="adamw")),
    "adam": (lambda own: torch.optim.Adam(own, lr=0.1, weight_decay=0.01), Training(optimizer="adam")),
    "sgd": (lambda own: torch.optim.SGD(own, lr=0.1, weight_decay=0.01), Training(optimizer="sgd")),
    "nesterov": (
        lambda own: torch.optim.SGD(own, lr=0.1, weight_decay=0.01, momentum=0.9, nesterov=True),
        Training(optimizer="sgd", momentum=0.9, nesterov=True),
    ),
}


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("choice", CHOICES)
def test_steps_are_those_of_torch(choice: str, schedule: str) -> None:
    make, training = CHOICES[choice]
    training = replace(training, weight_decay=0.01, schedule=schedule)
    ours = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    unused = torch.ones(2, requires_grad=True)  # gets no gradient and stays
    theirs = ours.detach().clone().requires_grad_()
    peer = make([theirs])
    course = torch.optim.lr_scheduler.CosineAnnealingLR(peer, T_max=6) if schedule == "cosine" else None
    optimizer = ScheduledOptimizer(training, [[ours, unused]], [0.1], steps=6)
    for step in range(6):
        optimizer.zero_grad(0)
        peer.zero_grad()
        for parameter in (ours, theirs):
            F.mse_loss(parameter.sin(), torch.tensor([0.3, 0.1, -0.2])).backward()
        optimizer.step(0, step)
        peer.step()
        if course is not None:
            course.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    assert unused.tolist() == [1.0, 1.0]


def test_each_arm_has_its_rate() -> None:
    slow, fast = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = ScheduledOptimizer(
        Training(optimizer="sgd", weight_decay=0.0, schedule="constant"), [[slow], [fast]], [0.1, 0.5], 1
    )
    (slow + fast).sum().backward()
    for arm in (0, 1):
        optimizer.step(arm, 0)
    assert (slow.item(), fast.item()) == pytest.approx((0.9, 0.5))


@pytest.mark.parametrize(("name", "value"), [("optimizer", "lion"), ("schedule", "step")])
def test_unknown_choices_are_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"{name} must be .* '{value}'"):
        ScheduledOptimizer(replace(Training(), **{name: value}), [[torch.ones(1)]], [0.1], 1)


def test_training_does_not_load_the_compiler() -> None:
    """Its import takes longer than training a small model."""
    code = """
import sys, torch
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import factory
import perdita
x, y = torch.randn(32, 4), torch.randint(3, (32,))
make = factory("mlp", (8,))
arms = {"ce": perdita.CrossEntropy(), "gce": perdita.GeneralizedCrossEntropy()}
train_together(arms, lambda: make((4,), 3), [Fold(x, y)], Training(epochs=1), [0])
print("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
