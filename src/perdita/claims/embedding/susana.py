"""Prototype triplets and neighbourhood scores beside cross-entropy: few-shot accuracy on digits never seen."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.losses.embedding.similarity import squared_distance

if TYPE_CHECKING:
    from jaxtyping import Float, Int

WAYS, QUERIES, EPISODES = 5, 5, 200  # of training, on digits 0 to 5, one shot
SEEN, TEST_QUERIES, TEST_EPISODES = 6, 10, 100  # digits 6 to 9 are for the test, all four in every episode
DIMENSION = 16
RECIPE = Training(
    epochs=1, batch_size=1, optimizer="adam", learning_rate=1e-3, weight_decay=0.0, schedule="constant"
)  # an item is an episode
BASELINE, MEASURED = "cross-entropy", ("cross-entropy + proto-triplet", "cross-entropy + ICNN")
ARMS = {  # the losses that are averaged
    BASELINE: ("cross-entropy",),
    MEASURED[0]: ("cross-entropy", "proto-triplet"),
    "proto-triplet": ("proto-triplet",),
    MEASURED[1]: ("cross-entropy", "ICNN"),
    "ICNN": ("ICNN",),
    "cross-entropy at scale 10": ("cross-entropy at scale 10",),
}


class Embedder(nn.Module):
    """64-64-16, of single items (n, 64) or of one episode (1, m, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp((64,), DIMENSION, (64,))

    def forward(self, rows: Float[Tensor, "*b 64"]) -> Float[Tensor, "n 16"]:
        """The embeddings of all items."""
        return self.body(rows.reshape(-1, 64))


class OnEpisode(nn.Module):
    """The mean of some losses of an episode: one support of each class, then the queries."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, outputs: Float[Tensor, "m 16"], target: Int[Tensor, "1 m"]) -> Float[Tensor, ""]:
        """The loss."""
        label = target.flatten()
        prototypes, query, own = outputs[:WAYS], outputs[WAYS:], label[WAYS:]
        values = []
        for part in self.parts:
            if part.startswith("cross-entropy"):
                scale = 10.0 if part.endswith("10") else 1.0
                values.append(P.cross_entropy(-scale * squared_distance(query, prototypes), own))
            elif part == "proto-triplet":
                values.append(P.proto_triplet(query, own, prototypes))
            else:
                values.append(P.neighborhood_quality(outputs, label, neighbors=1 + QUERIES))
        return torch.stack(values).mean()


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the accuracy that the better of the two sums gains over cross-entropy on -d^2, 4-way, one shot."""
    folds, episodes = _drawn(seeds, 4 if short else EPISODES, 10 if short else TEST_EPISODES, device)
    criteria = {arm: OnEpisode(parts) for arm, parts in ARMS.items()}
    trained = train_together(criteria, Embedder, folds, RECIPE, seeds)
    found = {
        arm: [accuracy(own, rows) for own, rows in zip(outputs, episodes, strict=True)]
        for arm, outputs in zip(ARMS, trained.outputs["test"], strict=True)
    }
    means = {arm: statistics.fmean(own) for arm, own in found.items()}
    best = max(MEASURED, key=lambda arm: means[arm])
    error = math.sqrt((statistics.variance(found[BASELINE]) + statistics.variance(found[best])) / len(seeds))
    return paired(
        found[BASELINE],
        found[best],
        best=best,
        pooled_standard_error=error,
        wins={arm: sum(a > b for a, b in zip(own, found[BASELINE], strict=True)) for arm, own in found.items()},
        accuracy=found,
        remarks=[f"{arm}: accuracy {means[arm]:.3f}" for arm in ARMS],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    return "holds" if evidence.effect > evidence.details["pooled_standard_error"] else "inconclusive"


def accuracy(embedding: Float[Tensor, "n 16"], episodes: Int[Tensor, "e c m"]) -> float:
    """Share of queries whose nearest support is of their class; the first of an episode's m items is the support."""
    items = embedding[episodes]  # (e, c, m, 16)
    support, query = items[:, :, 0], items[:, :, 1:]
    nearest = torch.cdist(query.flatten(1, 2), support).argmin(2)  # (e, c * (m - 1))
    own = torch.arange(support.shape[1], device=nearest.device).repeat_interleave(query.shape[2])
    return (nearest == own).double().mean().item()


def _drawn(
    seeds: Sequence[int], training: int, testing: int, device: str
) -> tuple[list[Fold], list[Int[Tensor, "e c m"]]]:
    """A fold of episodes for each seed, and the rows of the test part that make up each test episode."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    features = torch.as_tensor(pixels / 16, dtype=torch.float32, device=device)
    target = torch.as_tensor(classes, device=device)
    unseen = features[target >= SEEN]
    members = [(target == digit).nonzero().squeeze(1) for digit in range(SEEN)]
    hidden = [(target[target >= SEEN] == digit).nonzero().squeeze(1) for digit in range(SEEN, 10)]
    label = torch.cat([torch.arange(WAYS), torch.arange(WAYS).repeat_interleave(QUERIES)]).to(device)
    folds, tests = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)

        def some(rows: Tensor, count: int, generator: torch.Generator = generator) -> Tensor:
            return rows[torch.randperm(len(rows), generator=generator)[:count]]

        episodes = []
        for _ in range(training):
            ways = torch.randperm(SEEN, generator=generator)[:WAYS].tolist()
            drawn = torch.stack([some(members[way], 1 + QUERIES) for way in ways])  # (5, 6)
            episodes.append(torch.cat([drawn[:, 0], drawn[:, 1:].flatten()]))
        chosen = torch.stack(episodes)
        folds.append(Fold(features[chosen], label.expand(training, -1), {"test": unseen}))
        tests.append(
            torch.stack([torch.stack([some(own, 1 + TEST_QUERIES) for own in hidden]) for _ in range(testing)])
        )
    return folds, tests


CLAIM = Claim(
    slug="susana",
    statement="Averaging a prototype triplet or the ICNN loss with cross-entropy raises few-shot accuracy.",
    source="Mendez-Ruiz et al., 2023, arXiv 2305.09062, abstract",
    rule=(
        "Holds: on digits (5-way one-shot episodes of 0 to 5; 4-way of 6 to 9 for the test), the better of "
        "cross-entropy with proto-triplet and cross-entropy with ICNN has a higher mean accuracy than cross-entropy on "
        "-d^2, by more than one pooled standard error. Does not hold: neither is higher. Inconclusive: between, or "
        "fewer than 5 seeds. Each loss alone and cross-entropy on -10 d^2 are reported beside."
    ),
    run=run,
    verdict=verdict,
)
