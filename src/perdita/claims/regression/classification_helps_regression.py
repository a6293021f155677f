"""Regression with and without a classification beside it, where targets are spread evenly and where they are not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.losses.regression.with_classification import bin_targets, equal_width_edges

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

CLASSES, WEIGHT = 16, 100.0
ITEMS, BINS, LEAST, WINDOW = 3000, 100, 2, 0.03


class _Regression(nn.Module):
    """The first output alone."""

    def forward(self, outputs: Float[Tensor, "b k"], target: Float[Tensor, "b 2"]) -> Float[Tensor, ""]:
        return WEIGHT * P.mse(outputs[:, 0], target[:, 0])


class _Both(nn.Module):
    """The first output, and the others as logits of the bins."""

    def forward(self, outputs: Float[Tensor, "b k"], target: Float[Tensor, "b 2"]) -> Float[Tensor, ""]:
        heads = (outputs[:, 0], target[:, 0], outputs[:, 1:], target[:, 1].long())
        return P.regression_with_classification(*heads, regression_weight=WEIGHT)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """Sums of two sines, one drawn for each seed: 3,000 training points with evenly spread targets, or nearly all of
    them in a window of targets; the test points are always evenly spread.

    A pair is a function: the share of the squared test error that the classification takes away under the narrow
    window against that under even targets.
    """
    training = Training(
        epochs=3 if short else 80, batch_size=256, optimizer="adam", learning_rate=1e-2, weight_decay=1e-3,
        schedule="constant",
    )  # fmt: skip
    criteria = {"regression": _Regression(), "both": _Both()}
    gain, errors = {}, {}
    for spread in ("even", "narrow"):
        drawn = [_points(seed, spread, device) for seed in seeds]
        trained = train_together(criteria, _network, [fold for fold, _ in drawn], training, seeds)
        target = torch.stack([own for _, own in drawn])
        found = (trained.outputs["test"][..., 0] - target).square().mean(-1)  # (arms, seeds)
        errors[spread] = dict(zip(criteria, found.tolist(), strict=True))
        gain[spread] = (1 - found[1] / found[0]).tolist()
    wins = {spread: sum(own > 0 for own in found) for spread, found in gain.items()}
    return paired(
        gain["even"],
        gain["narrow"],
        errors=errors,
        wins=wins,
        remarks=[
            f"{spread} targets: squared error {_mean(own['regression']):.4f} alone, {_mean(own['both']):.4f} with "
            f"classification, lower in {wins[spread]} of {len(seeds)} functions"
            for spread, own in errors.items()
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    share = evidence.details["wins"]["narrow"] / evidence.n
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0 or share < 0.5:
        return "does not hold"
    return "holds" if share >= 0.7 else "inconclusive"


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _network() -> nn.Module:
    """1-6-15-(1 + classes) with ReLU and Glorot's initial weights."""
    made = mlp((1,), 1 + CLASSES, (6, 15))
    for layer in made:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return made


def _points(seed: int, spread: str, device: str) -> tuple[Fold, Float[Tensor, "n"]]:
    """Training points of one function, with their bins, and the targets of its evenly spread test points."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand((), generator=generator).item()
    fast = int(torch.randint(9, 30, (), generator=generator))
    place = 2 * torch.rand(200_000, generator=generator) - 1
    value = share * torch.sin(fast * place) + (1.5 - share) * torch.sin(fast // 3 * place)
    member = bin_targets(value, equal_width_edges(value, BINS))
    test = _each_bin(member, ITEMS // BINS, generator)
    if spread == "even":
        train = _each_bin(member, ITEMS // BINS, generator)
    else:
        low, high = value.min(), value.max()
        middle = low + (high - low) * torch.rand((), generator=generator)
        near = ((value - middle).abs() < WINDOW * (high - low)).nonzero().squeeze(1)
        rest = ITEMS - LEAST * BINS
        window = near[torch.randint(len(near), (rest,), generator=generator)]
        train = torch.cat([_each_bin(member, LEAST, generator), window])
    labels = bin_targets(value[train], equal_width_edges(value[train], CLASSES))
    target = torch.stack([value[train], labels.to(value.dtype)], 1)
    inputs = place.unsqueeze(1).to(device)
    return Fold(inputs[train], target.to(device), {"test": inputs[test]}), value[test].to(device)


def _each_bin(member: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices of as many points of every bin, drawn with replacement."""
    found = []
    for index in range(BINS):
        own = (member == index).nonzero().squeeze(1)
        found.append(own[torch.randint(len(own), (count,), generator=generator)])
    return torch.cat(found)


CLAIM = Claim(
    slug="classification-helps-regression",
    statement=(
        "A classification of the binned target beside a regression lowers its error, and the more so where the "
        "training targets are unevenly spread."
    ),
    source="Pintea, Lin, Dijkstra, van Gemert, ICCV 2023, arXiv 2308.10603, abstract",
    rule=(
        "Holds: the mean share of the squared test error that it takes away is larger under severe imbalance than "
        "under even targets, and under severe imbalance the error is lower for at least 70 % of the functions. Does "
        "not hold: the share is not larger, or the error is lower for fewer than half of the functions. Inconclusive: "
        "between, or fewer than 5 functions."
    ),
    run=run,
    verdict=verdict,
    seeds=tuple(range(10)),
)
