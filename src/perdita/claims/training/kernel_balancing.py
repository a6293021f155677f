"""Balanced kernel functions against balanced moments: the mean error of predictions, from few of the ratings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.training.causal_balancing import (
    Balancing,
    effective_sample_size,
    fit_balancing_weights,
    snips_estimate,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

USERS, ITEMS, RANK, NOISE = 120, 120, 4, 0.1
# The claim is judged at the first slack that was run, the largest of the paper's range. The kernels' means are small,
# so that it asks for nearly nothing; the smallest was tried after that was seen, and is told without being judged.
BALANCING = Balancing(gamma=0.5, slack=1e-2, coefficient=20.0, anchors=16, rounds=4)
TIGHT = 1e-4
RECIPE = Training(
    epochs=15, batch_size=512, optimizer="adam", learning_rate=3e-3, weight_decay=0.0, schedule="constant"
)
ARMS = (
    "unweighted",
    "balanced moments",
    "balanced kernels",
    "tight kernels",
    "cross-entropy propensity",
    "true propensity",
)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the relative error that balanced kernels change against balanced moments.

    120 users rate 120 items; what is liked more is observed more often. The mean loss of six fixed predictions over
    all ratings is estimated from the observed ones; an arm's error is |estimate / truth - 1|, averaged over them.
    """
    worlds = [_world(seed, device) for seed in seeds]
    folds = [Fold(features, observed.to(features), {"all": features}) for features, observed, _, _ in worlds]
    recipe = replace(RECIPE, epochs=1) if short else RECIPE
    criteria = {"propensity": perdita.BinaryCrossEntropy()}
    logits = train_together(criteria, lambda: _Propensity(), folds, recipe, seeds).outputs["all"][0]
    how = replace(BALANCING, steps=5) if short else BALANCING
    errors: dict[str, list[float]] = {arm: [] for arm in ARMS}
    sizes = []
    for seed, (features, observed, propensity, losses), learnt in zip(seeds, worlds, logits, strict=True):
        seen, truth = losses[:, observed], losses.mean(1)
        weights = {
            "unweighted": torch.ones_like(propensity[observed]),
            "cross-entropy propensity": 1 / learnt[observed].sigmoid(),
            "true propensity": 1 / propensity[observed],
        }
        for arm, own in (
            ("balanced moments", replace(how, kernel="linear")),
            ("balanced kernels", replace(how, kernel="gaussian")),
            ("tight kernels", replace(how, kernel="gaussian", slack=TIGHT)),
        ):
            generator = torch.Generator().manual_seed(seed)
            weights[arm] = fit_balancing_weights(features[observed], features, own, generator=generator)
        for arm in ARMS:
            estimates = torch.stack([snips_estimate(own, weights[arm]) for own in seen])
            errors[arm].append((estimates / truth - 1).abs().mean().item())
        sizes.append((effective_sample_size(weights["balanced kernels"]) / len(seen[0])).item())
    means = {arm: sum(own) / len(own) for arm, own in errors.items()}
    return paired(
        errors["balanced moments"],
        errors["balanced kernels"],
        errors=errors,
        means=means,
        effective_share=sizes,
        remarks=[
            *(f"{arm}: relative error {mean:.4f}" for arm, mean in means.items()),
            f"effective share of the observed ratings: {sum(sizes) / len(sizes):.2f}",
            f"tight kernels, with a slack of {TIGHT:g} instead of {BALANCING.slack:g}, were added after the first run; "
            "they are not judged",
            "here a propensity fitted by cross-entropy is well specified; the claim's rule does not ask to beat it",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    errors = evidence.details["errors"]
    kernels = errors["balanced kernels"]
    if evidence.n < 3 or math.isnan(evidence.effect):
        return "inconclusive"
    others = [errors["unweighted"], errors["balanced moments"]]
    if all(own < other for arm in others for own, other in zip(kernels, arm, strict=True)):
        return "holds"
    return "does not hold" if any(sum(kernels) >= sum(arm) for arm in others) else "inconclusive"


class _Propensity(torch.nn.Module):
    """The logit of being observed, (n,), from the features."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp((2 * RANK,), 1, (32,))

    def forward(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        """The logits."""
        return self.body(features).squeeze(-1)


def _world(
    seed: int, device: str
) -> tuple[Float[Tensor, "m d"], Bool[Tensor, "m"], Float[Tensor, "m"], Float[Tensor, "6 m"]]:
    """Features, what is observed, its propensity, and the losses of six predictions, for every pair."""
    generator = torch.Generator().manual_seed(seed)
    users, items = (torch.randn(count, RANK, generator=generator) for count in (USERS, ITEMS))
    scores = (users @ items.T / 2).flatten()
    logits = 1.5 * scores
    rating = torch.bernoulli(logits.sigmoid(), generator=generator)
    propensity = (1.6 * scores - 2.2).sigmoid().clamp(min=0.01)
    observed = torch.bernoulli(propensity, generator=generator).bool()
    known = [side + NOISE * torch.randn(side.shape, generator=generator) for side in (users, items)]
    features = torch.cat([known[0].repeat_interleave(ITEMS, 0), known[1].repeat(USERS, 1)], 1)
    noise = torch.randn(logits.shape, generator=generator)
    predictions = torch.stack([logits, logits / 2, 2 * logits, logits + 1, logits + noise, torch.zeros_like(logits)])
    losses = F.binary_cross_entropy_with_logits(predictions, rating.expand(6, -1), reduction="none")
    return features.to(device), observed.to(device), propensity.to(device), losses.to(device)


CLAIM = Claim(
    slug="kernel-balancing",
    statement=(
        "Weights that balance functions of a kernel estimate the mean error over all ratings better than no weights, "
        "and better than weights that balance the features' means alone."
    ),
    source="Li, Xiao, Zheng, Wu, Geng, Chen, Cui, ICLR 2024, arXiv 2404.19596, abstract and section 4",
    rule=(
        "On simulated ratings, relative error of six predictions' mean loss: Holds: balanced kernels err less than no "
        "weights and less than balanced moments at every seed. Does not hold: they err as much as one of the two, or "
        "more, on average. Inconclusive: between, or fewer than 3 seeds."
    ),
    run=run,
    verdict=verdict,
)
