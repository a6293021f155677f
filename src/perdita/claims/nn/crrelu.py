"""CRReLU against ReLU and its relatives in a deep narrow network, with the sigmoid as the worst case."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

import perdita
from perdita.claims.digits import accuracy
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.nn.activation import CRReLU

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

LAYERS, WIDTH = 4, 64
TRAIN = 400  # of 1,797 images
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "CRReLU": CRReLU,
    "PReLU": nn.PReLU,
    "SiLU": nn.SiLU,
    "Mish": nn.Mish,
    "GELU": nn.GELU,
    "ELU": nn.ELU,
    "sigmoid": nn.Sigmoid,
}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the accuracy of CRReLU minus that of ReLU on digits, in shares of 1; the details hold all."""
    training = Training(
        epochs=2 if short else 15, batch_size=32, optimizer="adam", learning_rate=1e-3, weight_decay=0.0,
        schedule="constant",
    )  # fmt: skip
    folds, labels = _folds(seeds, device)
    criteria = {"": perdita.CrossEntropy()}
    scores, epsilons = {}, []
    for name, make in ACTIVATIONS.items():
        trained = train_together(criteria, lambda make=make: _network(make).to(device), folds, training, seeds)
        scores[name] = accuracy(trained.outputs["test"], labels)[0].tolist()
        if name == "CRReLU":
            epsilons = [state.mean().item() for key, state in trained.states.items() if key.endswith("epsilon")]
    means = {name: sum(own) / len(own) for name, own in scores.items()}
    best = max(means, key=lambda name: means[name])
    return paired(
        scores["ReLU"],
        scores["CRReLU"],
        overlap=(1797 - TRAIN) / TRAIN,
        accuracy=scores,
        sigmoid_gap=means["ReLU"] - means["sigmoid"],
        epsilon_by_layer=epsilons,
        remarks=[
            "mean accuracy: " + ", ".join(f"{name} {mean:.4f}" for name, mean in means.items()),
            f"best of all: {best}",
            "learned epsilon by layer, from 0.01: " + ", ".join(f"{epsilon:.3f}" for epsilon in epsilons),
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    gap = evidence.details["sigmoid_gap"]
    if evidence.n < 5 or math.isnan(evidence.effect) or math.isnan(gap):
        return "inconclusive"
    if evidence.effect <= 0 or gap <= 0:
        return "does not hold"
    return "holds" if gap > 0.1 else "inconclusive"


def _network(make: Callable[[], nn.Module]) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(LAYERS):
        layers += [nn.Linear(WIDTH, WIDTH), make()]  # an image has 64 pixels
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10))


def _folds(seeds: Sequence[int], device: str) -> tuple[list[Fold], Int[Tensor, "seeds n"]]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, classes = load_digits(return_X_y=True)
    features = torch.as_tensor(pixels / 16, dtype=torch.float32, device=device)
    target = torch.as_tensor(classes, device=device)
    folds, labels = [], []
    for seed in seeds:
        train, test = train_test_split(range(len(classes)), train_size=TRAIN, stratify=classes, random_state=seed)
        folds.append(Fold(features[train], target[train], {"test": features[test]}))
        labels.append(target[test])
    return folds, torch.stack(labels)


CLAIM = Claim(
    slug="crrelu",
    statement=(
        "A learned correction around zero makes ReLU networks more accurate; activations that spread their inputs "
        "towards high entropy, such as the sigmoid, separate classes far worse."
    ),
    source="Sun et al., arXiv 2405.12954, abstract and the argument for the worst activation",
    rule=(
        "On 400 digits with four hidden layers of 64: Holds: the mean accuracy of CRReLU is above that of ReLU, and "
        "that of the sigmoid more than 0.1 below it. Does not hold: CRReLU is not above ReLU, or the sigmoid not below "
        "it. Inconclusive: between, or fewer than 5 seeds. That CRReLU is the best of all is no part of the rule."
    ),
    run=run,
    verdict=verdict,
)
