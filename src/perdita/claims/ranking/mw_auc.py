"""The Mann-Whitney loss against the contrastive one, where a query may add any number to all of its scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.core.numerics import normalize
from perdita.judge.ranking_metrics import mean_reciprocal_rank, pooled_auc
from perdita.losses.ranking.mann_whitney import split_in_batch

if TYPE_CHECKING:
    from jaxtyping import Float

PAIRS, LATENT, DIMENSION = 800, 16, 16
RECIPE = Training(
    epochs=10, batch_size=32, optimizer="adam", learning_rate=3e-3, weight_decay=0.0, schedule="constant"
)  # 25 steps in an epoch, 250 in all
FREE, COSINES = 0.5, (0.05, 0.1)  # temperatures of the scores with a free number, and of cosines
CONTRASTIVE, MEASURED = "contrastive", "Mann-Whitney"


class Encoders(nn.Module):
    """Of pairs (b, 32), side by side: the query's 16 numbers and its free one, and the passage's 16."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.passage = mlp((LATENT,), DIMENSION + 1, (64,)), mlp((LATENT,), DIMENSION, (64,))

    def forward(self, pairs: Float[Tensor, "b 32"]) -> Float[Tensor, "b 33"]:
        """Outputs of both, as `scores_of` reads them."""
        return torch.cat([self.query(pairs[:, :LATENT]), self.passage(pairs[:, LATENT:])], 1)


def scores_of(outputs: Float[Tensor, "b 33"], free: bool) -> Float[Tensor, "b b"]:
    """Scores of every query and every passage: a(q) b(p) + g(q) where a number is free, else their cosine."""
    query, own, passage = outputs.split([DIMENSION, 1, DIMENSION], dim=1)
    return query @ passage.T + own if free else normalize(query) @ normalize(passage).T


class InBatch(nn.Module):
    """A loss of each query's passage against the others of the batch."""

    def __init__(self, name: str, temperature: float, free: bool) -> None:
        super().__init__()
        self.loss = P.mann_whitney if name == MEASURED else P.sampled_softmax
        self.temperature, self.free = temperature, free

    def forward(self, outputs: Float[Tensor, "b 33"], target: Tensor) -> Float[Tensor, ""]:
        """The loss; the target says nothing."""
        return self.loss(*split_in_batch(scores_of(outputs, self.free)), temperature=self.temperature)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the pooled AUC gained on 800 new pairs, with scores to which the query adds a number of its own."""
    arms = [(name, FREE, True) for name in (CONTRASTIVE, MEASURED)]
    arms += [(name, temperature, False) for temperature in COSINES for name in (CONTRASTIVE, MEASURED)]
    titles = [
        f"{name}, {'free number' if free else 'cosines'}, T = {temperature:g}" for name, temperature, free in arms
    ]
    criteria = {title: InBatch(*arm) for title, arm in zip(titles, arms, strict=True)}
    folds = [_simulated(seed, device, 128 if short else PAIRS) for seed in seeds]
    trained = train_together(criteria, Encoders, folds, replace(RECIPE, epochs=1) if short else RECIPE, seeds)
    found = [
        [_measures(scores_of(one, free)) for one in trained.outputs["test"][index]]
        for index, (_, _, free) in enumerate(arms)
    ]
    auc = {title: [one[0] for one in own] for title, own in zip(titles, found, strict=True)}
    mrr = {title: [one[1] for one in own] for title, own in zip(titles, found, strict=True)}
    baseline, measured = auc[titles[0]], auc[titles[1]]
    return paired(
        baseline,
        measured,
        wins=sum(own > other for own, other in zip(measured, baseline, strict=True)),
        auc=auc,
        reciprocal_rank=mrr,
        remarks=[
            *(f"{title}: pooled AUC {_mean(auc[title]):.4f}, mean reciprocal rank {_mean(mrr[title]):.4f}"
              for title in titles),
        ],
    )  # fmt: skip


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    return "holds" if evidence.details["wins"] == evidence.n else "inconclusive"


def _measures(scores: Float[Tensor, "n n"]) -> tuple[float, float]:
    """Pooled AUC and mean reciprocal rank, where the passage of query i is passage i."""
    own = torch.eye(len(scores), device=scores.device)
    return pooled_auc(*split_in_batch(scores)).item(), mean_reciprocal_rank(scores, own).item()


def _simulated(seed: int, device: str, count: int) -> Fold:
    """Pairs of a query and a passage, each what both are about and noise: as many to train on as to test."""
    generator = torch.Generator().manual_seed(seed)
    about = torch.randn(2, count, LATENT, generator=generator)
    query, passage = (about + 0.5 * torch.randn(about.shape, generator=generator) for _ in range(2))
    pairs = torch.cat([query, passage], 2).to(device)
    return Fold(pairs[0], torch.zeros(count, device=device), {"test": pairs[1]})


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


CLAIM = Claim(
    slug="mw-auc",
    statement="The Mann-Whitney loss separates positives from negatives of all queries better than a contrastive loss.",
    source="Sheikholeslami et al., 2025, arXiv 2510.00137, lemma 1 and table 1",
    rule=(
        "Holds: on simulated pairs, with scores to which the query adds a number of its own, the pooled AUC on new "
        "pairs is higher than with the contrastive loss in each of at least 5 seeds. Does not hold: the mean gain is "
        "not above 0. Inconclusive: between, or fewer than 5 seeds. Reciprocal ranks, and cosines without such a "
        "number, are reported beside."
    ),
    run=run,
    verdict=verdict,
)
