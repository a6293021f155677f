"""Bag-level, instance-level and interpolated regression on the bags of a Gaussian simulation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from perdita.claims.harness import Claim, Evidence, paired
from perdita.losses.classification.bag_responses import bag_means, fit_linear_aggregate, privatize_bag_means

WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
SIZES, NOISES = (2, 4, 8), (0.3, 1.0)
ROWS, WIDTH = 400, 50


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the risk of the best interior weight minus that of the better end, averaged over bag sizes.

    Linear regression of 400 rows on 50 Gaussian features with coefficients of norm 1, where only means over random bags
    are known; the risk is the squared error of the coefficients. Noise has standard deviation 1, or 0.3 for
    comparison. Beside it: the shrinkage in the limit of many rows, and private means of bags of growing size.
    """
    rows = ROWS // 4 if short else ROWS
    risks = torch.tensor(
        [[[_risks(seed, rows, size, noise, device) for seed in seeds] for size in SIZES] for noise in NOISES],
        dtype=torch.float64,
    )  # (noises, sizes, seeds, weights)
    means = risks.mean(2)
    noisy = means[1]
    ends = torch.where(noisy[:, 0] < noisy[:, -1], 0, len(WEIGHTS) - 1)
    inner = noisy[:, 1:-1].argmin(1) + 1
    best = means.argmin(2)
    gains = [1 - (noisy[i, inner[i]] / noisy[i, ends[i]]).item() for i in range(len(SIZES))]
    chosen = torch.stack([risks[1, i][:, [ends[i], inner[i]]] for i in range(len(SIZES))]).mean(0)
    shrinkage = _shrinkage(seeds[0], 2_000 if short else 200_000, device)
    private = _private_risks(seeds, rows, device)
    return paired(
        chosen[:, 0].tolist(),
        chosen[:, 1].tolist(),
        gains=dict(zip(map(str, SIZES), gains, strict=True)),
        best_weight={f"noise {noise:g}": [WEIGHTS[index] for index in best[i]] for i, noise in enumerate(NOISES)},
        risks=means.tolist(),
        shrinkage=shrinkage,
        private=private,
        remarks=[
            *(
                f"bags of {size}: best interior weight {WEIGHTS[inner[i]]:g}, {gains[i]:.1%} below the better end; "
                f"best of all {WEIGHTS[best[0, i]]:g} with noise {NOISES[0]:g}, {WEIGHTS[best[1, i]]:g} with noise 1"
                for i, size in enumerate(SIZES)
            ),
            f"many rows: coefficients times 1 + w (k - 1) are off by at most {shrinkage:.2%}",
            f"private means: least risk at bags of {min(private, key=lambda size: private[size])}",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    gains = evidence.details["gains"].values()
    calm, noisy = evidence.details["best_weight"].values()
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if min(gains) <= 0 or evidence.effect >= 0:
        return "does not hold"
    grows = all(a <= b for a, b in zip(calm, noisy, strict=True)) and calm != noisy
    return "holds" if min(gains) > 0.05 and grows else "inconclusive"


def _draw(seed: int, rows: int, width: int, noise: float, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Features, responses and the true coefficients."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    theta = torch.randn(width, generator=generator, dtype=torch.float64)
    theta = theta / theta.norm()
    responses = features @ theta + noise * torch.randn(rows, generator=generator, dtype=torch.float64)
    return features.to(device), responses.to(device), theta.to(device)


def _bags(rows: int, size: int, device: str) -> Tensor:
    return torch.arange(rows // size, device=device).repeat_interleave(size)


def _risks(seed: int, rows: int, size: int, noise: float, device: str) -> list[float]:
    features, responses, theta = _draw(seed, rows, WIDTH, noise, device)
    index = _bags(rows, size, device)
    features, responses = features[: len(index)], responses[: len(index)]
    target = bag_means(responses, index, len(index) // size)
    fits = [fit_linear_aggregate(features, index, target, instance_weight=weight) for weight in WEIGHTS]
    return [(fit - theta).square().sum().item() for fit in fits]


def _shrinkage(seed: int, rows: int, device: str) -> float:
    """How far the fit times 1 + w (k - 1) is from the truth, relative to its norm, at worst over sizes and weights."""
    features, responses, theta = _draw(seed, rows, 5, 0.3, device)
    worst = 0.0
    for size in SIZES:
        index = _bags(rows, size, device)
        target = bag_means(responses, index, rows // size)
        for weight in (0.0, 0.2, 1.0):
            fit = fit_linear_aggregate(features, index, target, instance_weight=weight)
            worst = max(worst, (fit * (1 + weight * (size - 1)) - theta).norm().item())
    return worst


def _private_risks(seeds: Sequence[int], rows: int, device: str) -> dict[str, float]:
    """Mean risk of the bag level by size of the bags, on means released at epsilon = 1 of responses within [-2, 2]."""
    found = {}
    for size in (1, 2, 4, 5, 8):
        index = _bags(rows, size, device)
        total = 0.0
        for seed in seeds:
            features, responses, theta = _draw(seed, rows, 10, 0.5, device)
            features, responses = features[: len(index)], responses[: len(index)]
            noise = torch.Generator().manual_seed(seed)
            released = privatize_bag_means(responses, index, len(index) // size, clip=2.0, epsilon=1.0, generator=noise)
            fit = fit_linear_aggregate(features, index, released, instance_weight=0.0)
            total += (fit - theta).square().sum().item() / len(seeds)
        found[str(size)] = total
    return found


CLAIM = Claim(
    slug="aggregate-responses",
    statement=(
        "Between the bag-level and the instance-level loss lies one that is better than both, nearer to the instance "
        "level the noisier the responses are."
    ),
    source="Javanmard et al., ICLR 2024, arXiv 2401.11081, abstract",
    rule=(
        "Holds: with noise of standard deviation 1 and for bags of 2, 4 and 8, some weight strictly between has a mean "
        "risk more than 5 % below that of the better end, and the best weight with noise 1 is at least that with noise "
        "0.3 for each size and larger for some. Does not hold: for some size no weight between is better than both "
        "ends. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
    seeds=tuple(range(20)),
)
