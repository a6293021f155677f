"""What the survey says of losses for numbers: those that grow more slowly than the square resist outliers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

TRAIN = 221  # of 442 patients
OUTLIERS, FACTOR = 0.1, 10.0  # share of the training targets, and what they are multiplied by
LOSSES = ("mse", "l1", "huber", "log_cosh")


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the mean absolute error on clean test targets of the worst of the three losses, less that of the
    squared error, in the target's unit: below 0 where all three resist the outliers."""
    training = Training(
        epochs=5 if short else 200, batch_size=32, optimizer="adam", learning_rate=1e-2, weight_decay=0.0,
        schedule="cosine",
    )  # fmt: skip
    errors, clean = (_errors(seeds, device, training, share) for share in (OUTLIERS, 0.0))
    robust = errors[1:]
    means = {name: own.mean().item() for name, own in zip(LOSSES, errors, strict=True)}
    return paired(
        errors[0].tolist(),
        robust[robust.mean(1).argmax()].tolist(),
        overlap=1.0,  # halves of one data set
        error={name: own.tolist() for name, own in zip(LOSSES, errors, strict=True)},
        without_outliers={name: own.tolist() for name, own in zip(LOSSES, clean, strict=True)},
        remarks=[
            f"mean absolute error with {OUTLIERS:.0%} outliers: "
            + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items()),
            "without: " + ", ".join(f"{name} {own.mean():.2f}" for name, own in zip(LOSSES, clean, strict=True)),
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect >= 0:
        return "does not hold"
    return "holds" if evidence.interval[1] < 0 else "inconclusive"


def _errors(seeds: Sequence[int], device: str, training: Training, share: float) -> Float[Tensor, "losses seeds"]:
    """Test errors of a linear model. Targets are centred at their median and scaled by their interquartile range."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    features, target = (torch.as_tensor(part) for part in load_diabetes(return_X_y=True))
    folds, held, units = [], [], []
    for seed in seeds:
        train, test = train_test_split(range(len(target)), train_size=TRAIN, random_state=seed)
        x = (features - features[train].mean(0)) / features[train].std(0)
        y = target[train].clone()
        y[: round(share * TRAIN)] *= FACTOR  # the split has shuffled the rows
        low, middle, high = y.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=y.dtype))
        unit = (high - low) / 1.349  # a standard deviation, where targets are normal
        x = x.to(device, torch.float32)
        folds.append(Fold(x[train], ((y - middle) / unit).to(device, torch.float32), {"test": x[test]}))
        held.append((target[test] - middle) / unit)
        units.append(unit)
    criteria = {name: perdita.build(name) for name in LOSSES}
    trained = train_together(criteria, lambda: _Line(features.shape[1]).to(device), folds, training, seeds)
    found = (trained.outputs["test"].cpu().double() - torch.stack(held)).abs().mean(2)
    return found * torch.stack(units)


class _Line(nn.Linear):
    """A linear model of one number."""

    def __init__(self, features: int) -> None:
        super().__init__(features, 1)

    def forward(self, input: Float[Tensor, "n f"]) -> Float[Tensor, "n"]:
        return super().forward(input).squeeze(1)


CLAIM = Claim(
    slug="loss-metric-survey",
    statement="Absolute error, Huber and log-cosh resist outliers among the targets that mislead the squared error.",
    source="Terven et al., Artificial Intelligence Review 2025, arXiv 2307.02694, table of losses for regression",
    rule=(
        "A linear model on half of the diabetes data, a tenth of whose targets are multiplied by 10: Holds: each of "
        "the three has a smaller mean absolute error on clean test targets than the squared error has, and the 95 % "
        "interval of the worst one's difference is below 0. Does not hold: one of them has no smaller error. "
        "Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
