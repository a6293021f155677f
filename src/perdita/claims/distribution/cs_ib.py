"""The Cauchy-Schwarz information bottleneck against the squared error, on clean and on attacked inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.func import functional_call

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, Trained, train_together

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

FEATURES, BOTTLENECK, ATTACK = 10, 16, 0.2
ARMS = {  # beta, width of the kernel of the features; the squared error has none
    "mse": None,
    "divergence": (0.0, 1.0),
    "bottleneck": (0.01, 1.0),
    "bottleneck_wide": (0.01, math.sqrt(10)),
}


class _Network(nn.Module):
    """10-64-64-16-32-1 with ReLU; it gives the prediction, the 16 numbers in the middle, and its input again."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, BOTTLENECK)
        )
        self.decoder = nn.Sequential(nn.Linear(BOTTLENECK, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, features: Float[Tensor, "n f"]) -> Float[Tensor, "n k"]:
        middle = self.encoder(features)
        return torch.cat([self.decoder(middle), middle, features], 1)


class _Loss(nn.Module):
    """The arm's loss of those three."""

    def __init__(self, options: tuple[float, float] | None) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "n k"], target: Float[Tensor, "n 1"]) -> Float[Tensor, ""]:
        prediction, middle, features = outputs.split([1, BOTTLENECK, FEATURES], 1)
        if self.options is None:
            return P.mse(prediction, target)
        beta, width = self.options
        given = {"beta": beta, "sigma_features": width}
        return P.cs_information_bottleneck(prediction, target, features, middle, **given)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """Diabetes, standardised, 330 training rows of 442 for each seed.

    A pair is a seed: the root of the mean squared test error under the bottleneck against that under the squared error.
    The details hold the same under an attack of one signed gradient step of 0.2.
    """
    training = Training(
        epochs=3 if short else 60, batch_size=110, optimizer="adam", learning_rate=1e-3, weight_decay=0.0,
        schedule="constant",
    )  # fmt: skip
    folds, held = _folds(seeds, device)
    trained = train_together({name: _Loss(own) for name, own in ARMS.items()}, _Network, folds, training, seeds)
    clean = {
        name: [float(P.rmse(own[:, :1], target)) for own, target in zip(arm, held, strict=True)]
        for name, arm in zip(ARMS, trained.outputs["test"], strict=True)
    }
    attacked = {
        name: [
            _attacked(trained, index, place, fold.parts["test"], target)
            for place, (fold, target) in enumerate(zip(folds, held, strict=True))
        ]
        for index, name in enumerate(ARMS)
    }
    return paired(
        clean["mse"],
        clean["bottleneck"],
        overlap=112 / 330,  # all seeds split one data set
        clean=clean,
        attacked=attacked,
        margins={
            "clean": _margin(clean["mse"], clean["bottleneck"]),
            "attacked": _margin(attacked["mse"], attacked["bottleneck"]),
        },
        remarks=[
            "root mean squared error, clean and attacked: "
            + ", ".join(f"{name} {_mean(clean[name]):.3f} {_mean(attacked[name]):.3f}" for name in ARMS),
            "features' kernel widened to the root of 10: clean error changed by "
            f"{_mean(clean['bottleneck_wide']) - _mean(clean['bottleneck']):+.3f}",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    margins = evidence.details["margins"]
    if evidence.n < 5 or not all(math.isfinite(number) for pair in margins.values() for number in pair):
        return "inconclusive"
    return "holds" if all(mean <= error for mean, error in margins.values()) else "does not hold"


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _margin(baseline: Sequence[float], measured: Sequence[float]) -> tuple[float, float]:
    """Mean of the paired differences, and its standard error."""
    differences = [new - old for old, new in zip(baseline, measured, strict=True)]
    mean = _mean(differences)
    variance = sum((one - mean) ** 2 for one in differences) / (len(differences) - 1)
    return mean, math.sqrt(variance / len(differences))


def _attacked(trained: Trained, arm: int, place: int, features: Tensor, target: Tensor) -> float:
    """The error after one step of 0.2 along the sign of the squared error's gradient."""
    state = {name: tensor[arm, place] for name, tensor in trained.states.items()}
    network = _Network().to(features.device)

    def model(given: Tensor) -> Tensor:
        return functional_call(network, state, (given,))[:, :1]

    leaf = features.clone().requires_grad_()
    (slope,) = torch.autograd.grad(P.mse(model(leaf), target), leaf)
    with torch.no_grad():
        return float(P.rmse(model(features + ATTACK * slope.sign()), target))


def _folds(seeds: Sequence[int], device: str) -> tuple[list[Fold], list[Float[Tensor, "n 1"]]]:
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    raw, values = load_diabetes(return_X_y=True)
    folds, held = [], []
    for seed in seeds:
        train, test = train_test_split(range(len(values)), train_size=330, random_state=seed)
        parts = []
        for numbers in (raw, values[:, None]):
            level, scale = numbers[train].mean(0), numbers[train].std(0)
            whole = torch.as_tensor((numbers - level) / scale, dtype=torch.float32, device=device)
            parts.append((whole[train], whole[test]))
        folds.append(Fold(parts[0][0], parts[1][0], {"test": parts[0][1]}))
        held.append(parts[1][1])
    return folds, held


CLAIM = Claim(
    slug="cs-ib",
    statement=(
        "Trained by the Cauchy-Schwarz information bottleneck, a regression is as accurate as under the squared error, "
        "and as robust to attacks on its input."
    ),
    source="Yu et al., ICLR 2024, arXiv 2404.17951, abstract (of which this is the weaker half: no worse)",
    rule=(
        "Holds: the root mean squared error, clean and attacked, exceeds that of the squared error by no more than one "
        "standard error of the paired difference over the seeds. Does not hold: one of both does. Inconclusive: an "
        "error that is not finite, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
