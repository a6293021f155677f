"""Negative pairs of the batch in CosFace's denominator: verification of identities that were never seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.judge.verification import pair_scores, true_accept_rate
from perdita.losses.embedding.angular.margins import start

if TYPE_CHECKING:
    from jaxtyping import Int

IDENTITIES, ITEMS, FEATURES, DIMENSION = 150, 10, 48, 24
TRAINED = IDENTITIES // 2
HEAD = {"classes": TRAINED, "dimension": DIMENSION, "margin": 0.2, "scale": 16.0}
RECIPE = Training(
    epochs=11, batch_size=64, optimizer="adam", learning_rate=2e-3, weight_decay=0.0, schedule="constant"
)  # 750 items: 12 steps in an epoch, 252 in all
RATES = (1e-3, 1e-2)
APART = 1_000_000  # class vectors are drawn apart from the data of a seed


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the share of genuine pairs gained at a false accept rate of 1e-3, over CosFace alone.

    150 simulated identities of 10 items: an identity's own 12 numbers and 24 others, mixed into 48 by two layers of
    tanh. Half of them are trained on; all pairs of the other half's items are verified by cosine.
    """
    heads: dict[str, Callable[[], nn.Module]] = {
        "CosFace": lambda: perdita.CosFace(**HEAD),
        "all negatives": lambda: perdita.Unpg(**HEAD, head="cos_face", filtered=False),
        "filtered negatives": lambda: perdita.Unpg(**HEAD, head="cos_face"),
    }
    arms = {arm: [_started(head(), seed).to(device) for seed in seeds] for arm, head in heads.items()}
    folds, labels = _simulated(seeds, device)
    training = replace(RECIPE, epochs=1) if short else RECIPE
    trained = train_together(arms, lambda: mlp((FEATURES,), DIMENSION, (128,)), folds, training, seeds)
    rates: dict[str, list[list[float]]] = {}
    for arm, outputs in zip(arms, trained.outputs["test"], strict=True):
        scores = [pair_scores(one, labels) for one in outputs]
        rates[arm] = [[true_accept_rate(*pairs, rate).item() for pairs in scores] for rate in RATES]
    head, measured = rates["CosFace"][0], rates["filtered negatives"][0]
    means = {arm: [sum(one) / len(one) for one in found] for arm, found in rates.items()}
    return paired(
        head,
        measured,
        wins=sum(b > a for a, b in zip(head, measured, strict=True)),
        true_accept_rates=rates,
        remarks=[f"{arm}: TAR {low:.4f} at FAR 1e-3, {high:.4f} at 1e-2" for arm, (low, high) in means.items()],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 4 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    return "holds" if evidence.details["wins"] >= 0.75 * evidence.n else "inconclusive"


def _started(criterion: nn.Module, seed: int) -> nn.Module:
    """With class vectors of the seed, the same for all arms."""
    first = start(TRAINED, DIMENSION, torch.Generator().manual_seed(APART + seed))
    criterion.load_state_dict({"class_vectors": first})
    return criterion


def _simulated(seeds: Sequence[int], device: str) -> tuple[list[Fold], Int[Tensor, "n"]]:
    """One simulation for each seed: the items of 75 identities to train on, those of 75 others to verify."""
    folds = []
    label = torch.arange(TRAINED, device=device).repeat_interleave(ITEMS)
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int, generator: torch.Generator = generator) -> Tensor:
            return torch.randn(*shape, generator=generator)

        own = normal(IDENTITIES, 1, 12) + 0.3 * normal(IDENTITIES, ITEMS, 12)
        mixed = (own @ normal(12, FEATURES)).tanh() + (normal(IDENTITIES, ITEMS, 24) @ normal(24, FEATURES)).tanh()
        x = (mixed + 0.05 * normal(IDENTITIES, ITEMS, FEATURES)).to(device)
        folds.append(Fold(x[:TRAINED].flatten(0, 1), label, {"test": x[TRAINED:].flatten(0, 1)}))
    return folds, label


CLAIM = Claim(
    slug="unpg",
    statement="Filtered negative pairs of the batch in an angular head's denominator verify unseen faces better.",
    source="Jung, Lee, Oh, Park, Park, Noh, BMVC 2022, tables of the authors' repository",
    rule=(
        "Holds: on simulated identities, CosFace with filtered negatives has a higher mean true accept rate at a false "
        "accept rate of 1e-3 on unseen identities than CosFace alone, and a higher one in at least 3 of 4 (4 of 5) "
        "seeds. Does not hold: its mean is not higher. Inconclusive: between, or fewer than 4 seeds. All negatives "
        "without the filter are reported beside."
    ),
    run=run,
    verdict=verdict,
)
