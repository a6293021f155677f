"""A momentum for each of two losses: does a longer one for distillation bring both of them lower than SGD?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import stack_module_state

import perdita.functional as P
from perdita.claims.digits import accuracy
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.taught import CLASSES, taught_digits
from perdita.compare.train.dense import layers_of, stacked_dense
from perdita.compare.train.models import mlp
from perdita.compound.two_momenta import TwoMomentaSGD

if TYPE_CHECKING:
    from jaxtyping import Float

    from perdita.claims.digits import Digits

ITEMS, BATCH, EPOCHS, DECAYS = 300, 32, 40, (25, 35)
RATE, DECAY, TEMPERATURE = 0.02, 5e-4, 4.0
MOMENTUM, DELTA = 0.9, 0.075
TASK, TAUGHT = 0.1, 0.9  # weights of the two losses


@dataclass(frozen=True)
class Arm:
    """How a student is trained."""

    delta: float = 0.0
    rate: float = 1.0  # times the learning rate
    gains: tuple[float, float] = (1.0, 1.0)  # times the losses' weights


def gain(momentum: float) -> float:
    """What a momentum multiplies a constant gradient by in the long run, in units of that of SGD."""
    return (1 - MOMENTUM) / (1 - momentum)


ARMS = {
    "SGD": Arm(),
    "delta 0.05": Arm(0.05),
    "delta 0.075": Arm(DELTA),
    "SGD, 4 times the rate": Arm(rate=4.0),
    "SGD, weights of equal gain": Arm(gains=(gain(MOMENTUM - DELTA), gain(MOMENTUM + DELTA))),
}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the cross-entropy on the training items after training, with delta 0.075 minus that of SGD.

    Students 64-16-16-10 learn 300 digits, 0.1 cross-entropy and 0.9 distillation at temperature 4. Both losses and the
    accuracy of every arm are in the details, with two controls that have SGD's one momentum.
    """
    data = taught_digits(seeds, device, short)
    found = {name: _train(arm, data, seeds, 4 if short else EPOCHS) for name, arm in ARMS.items()}
    base, ours = found["SGD"], found["delta 0.075"]
    means = {name: {what: sum(own) / len(own) for what, own in arm.items()} for name, arm in found.items()}
    return paired(
        base["cross-entropy"],
        ours["cross-entropy"],
        overlap=1.0,  # halves of one data set
        arms=found,
        means=means,
        both_lower=sum(
            all(ours[what][at] < base[what][at] for what in ("cross-entropy", "distillation"))
            for at in range(len(seeds))
        ),
        remarks=[
            f"{name}: cross-entropy {own['cross-entropy']:.3f}, distillation {own['distillation']:.3f}, "
            f"accuracy {own['accuracy']:.4f}"
            for name, own in means.items()
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    ours, base = (evidence.details["means"][arm] for arm in ("delta 0.075", "SGD"))
    if evidence.n < 5 or not all(math.isfinite(value) for value in (*ours.values(), *base.values())):
        return "inconclusive"
    lower = all(ours[what] < base[what] for what in ("cross-entropy", "distillation"))
    if not lower or ours["accuracy"] < base["accuracy"]:
        return "does not hold"
    return "holds" if evidence.details["both_lower"] >= 0.8 * evidence.n else "inconclusive"


def _train(arm: Arm, data: Digits, seeds: Sequence[int], epochs: int) -> dict[str, list[float]]:
    """Both losses on the training items and the accuracy on the others, for each seed.

    The shared engine has one loss for each arm; this loop has a gradient for each of two.
    """
    models = []
    with torch.random.fork_rng(devices=[]):
        for seed in seeds:
            torch.manual_seed(seed)
            models.append(mlp((64,), CLASSES, (16, 16)))
    stacked, _ = stack_module_state(models)
    features = torch.stack([fold.features[:ITEMS] for fold in data.folds])
    target = torch.stack([fold.target[:ITEMS] for fold in data.folds])
    parameters = {name: own.detach().to(features.device).requires_grad_() for name, own in stacked.items()}
    rate = arm.rate * RATE
    optimizer = TwoMomentaSGD(parameters.values(), rate, momentum=MOMENTUM, delta=arm.delta, weight_decay=DECAY)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(DECAYS))
    order = [torch.Generator().manual_seed(seed) for seed in seeds]
    rows = torch.arange(len(seeds)).unsqueeze(1)
    for _ in range(epochs):
        shuffled = torch.stack([torch.randperm(ITEMS, generator=generator) for generator in order])
        for chosen in shuffled.split(BATCH, 1):
            task, taught = _losses(models[0], parameters, features[rows, chosen], target[rows, chosen])
            optimizer.zero_grad()
            optimizer.backward((arm.gains[0] * TASK * task).sum(), (arm.gains[1] * TAUGHT * taught).sum())
            optimizer.step()
        scheduler.step()
    with torch.no_grad():
        task, taught = _losses(models[0], parameters, features, target)
        held_out = torch.stack([fold.parts["test"] for fold in data.folds])
        found, _ = stacked_dense(layers_of(models[0]), parameters, held_out)
        right = accuracy(found.unsqueeze(0), data.labels["test"])[0]
    return {"cross-entropy": task.tolist(), "distillation": taught.tolist(), "accuracy": right.tolist()}


def _losses(
    model: torch.nn.Sequential, parameters: Mapping[str, Tensor], pixels: Float[Tensor, "s n f"], target: Tensor
) -> tuple[Float[Tensor, "s"], Float[Tensor, "s"]]:
    """Mean cross-entropy and distillation loss of each student; targets are labels, then the teacher's logits."""
    logits, _ = stacked_dense(layers_of(model), parameters, pixels)
    label, teacher = target[..., 0].long(), target[..., 1:]
    task = P.cross_entropy(logits.flatten(0, 1), label.flatten(), reduction="none")
    taught = P.knowledge_distillation(
        logits.flatten(0, 1), teacher.flatten(0, 1), temperature=TEMPERATURE, reduction="none"
    )
    return task.view_as(label).mean(1), taught.view_as(label).mean(1)


CLAIM = Claim(
    slug="dot",
    statement=(
        "With a longer momentum for the distillation loss and a shorter one for the task's, a student ends lower in "
        "both losses than with one momentum for their sum."
    ),
    source="Zhao, Cui, Song, Liang, ICCV 2023, arXiv 2307.08436, abstract",
    rule=(
        "Momenta 0.9 -+ 0.075 against 0.9. Holds: the mean final training cross-entropy and the mean final training "
        "distillation loss are both lower, and both are in at least 4 of 5 seeds; mean test accuracy does not fall. "
        "Does not hold: either mean is not lower, or mean accuracy falls. Inconclusive: both lower in fewer seeds, or "
        "fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
