"""Hard-mined triplets in large batches and few dimensions: whether the embedding collapses to a point."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.losses.embedding.rows import lowest

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

CLASSES, POINTS, STEPS, MARGIN = 10, 500, 150, 1.0
BATCHES, DIMENSIONS = (20, 60, 200), (2, 8, 32)
COLLAPSED = 0.05  # mean distance of two of the 500 points
RECIPE = Training(
    epochs=1, batch_size=1, optimizer="adam", learning_rate=1e-2, weight_decay=0.0, schedule="constant"
)  # an item is a whole batch


class OfBatches(nn.Module):
    """64-128-n without normalisation, of single items (n, 64) or of one batch of them (1, m, 64)."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.body = mlp((64,), dimension, (128,))

    def forward(self, rows: Float[Tensor, "*b 64"]) -> Float[Tensor, "n k"]:
        """The embeddings of all items."""
        return self.body(rows.reshape(-1, 64))


class OnBatch(nn.Module):
    """A pair loss of one batch's items."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Float[Tensor, "m k"], target: Int[Tensor, "1 m"]) -> Float[Tensor, ""]:
        """The loss."""
        return self.loss(outputs, target.flatten())


def next_in_line(
    similarity: Float[Tensor, "b b"], positive: Bool[Tensor, "b b"], negative: Bool[Tensor, "b b"]
) -> tuple[Bool[Tensor, "b b"], Bool[Tensor, "b b"]]:
    """The next positive and negative after each anchor: a random triplet, where the batch is in random order."""
    place = torch.arange(similarity.shape[1], device=similarity.device)
    ahead = ((place - place.unsqueeze(1)) % len(place)).to(similarity.dtype)
    return positive & (ahead == lowest(ahead, positive)), negative & (ahead == lowest(ahead, negative))


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the mean distance left at batch 20 in 32 dimensions over that at batch 200 in 2."""
    hard = perdita.Triplet(kind="hard", margin=MARGIN, similarity="euclidean")
    drawn = perdita.Triplet(kind="hard", margin=MARGIN, similarity="euclidean", select=next_in_line)
    arms = {"hard": OnBatch(hard), "random": OnBatch(drawn)}
    distances: dict[str, dict[tuple[int, int], list[float]]] = {arm: {} for arm in arms}
    for batch in BATCHES:
        folds = _batches(seeds, batch, 2 if short else STEPS, device)
        for dimension in DIMENSIONS:
            trained = train_together(arms, lambda k=dimension: OfBatches(k), folds, RECIPE, seeds)
            for arm, own in zip(arms, trained.outputs["test"], strict=True):
                distances[arm][batch, dimension] = [nn.functional.pdist(points).mean().item() for points in own]
    found = summary(distances["hard"], distances["random"])
    return paired(distances["hard"][200, 2], distances["hard"][20, 32], **found)


def summary(hard: dict[tuple[int, int], list[float]], control: dict[tuple[int, int], list[float]]) -> dict[str, Any]:
    """What the rule asks of the mean distances of every (batch size, dimension), a list over the seeds each."""
    collapses = {cell: sum(value < COLLAPSED for value in own) for cell, own in hard.items()}
    level = {cell: max(sum(own) / len(own), COLLAPSED) for cell, own in hard.items()}
    falls = all(level[a, n] >= level[b, n] for a, b in itertools.pairwise(BATCHES) for n in DIMENSIONS)
    rises = all(level[b, m] <= level[b, n] for m, n in itertools.pairwise(DIMENSIONS) for b in BATCHES)
    means = {cell: sum(own) / len(own) for cell, own in hard.items()}
    return {
        "safe_collapses": sum(count for (b, n), count in collapses.items() if b == 20 or n == 32),
        "expected_collapses": collapses[200, 2],
        "monotone": falls and rises,
        "control_collapses": sum(value < COLLAPSED for own in control.values() for value in own),
        "mean_distance": {f"batch {b}, dimension {n}": own for (b, n), own in hard.items()},
        "mean_distance_of_random_triplets": {f"batch {b}, dimension {n}": own for (b, n), own in control.items()},
        "remarks": [
            f"dimension {n}: mean distance {', '.join(f'{means[b, n]:.4g} at batch {b}' for b in BATCHES)}"
            for n in DIMENSIONS
        ],
    }


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    found = evidence.details
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if found["expected_collapses"] == 0 or evidence.effect <= 0:
        return "does not hold"
    as_stated = found["expected_collapses"] == evidence.n and found["safe_collapses"] == 0 and found["monotone"]
    return "holds" if as_stated and found["control_collapses"] == 0 else "inconclusive"


def _batches(seeds: Sequence[int], batch: int, steps: int, device: str) -> list[Fold]:
    """For each seed, batches with equally many of each digit in random order, and 500 digits to measure."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    features = torch.as_tensor(pixels / 16, dtype=torch.float32, device=device)
    target = torch.as_tensor(classes, device=device)
    members = [(target == digit).nonzero().squeeze(1) for digit in range(CLASSES)]
    folds = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        rows = []
        for _ in range(steps):
            drawn = [own[torch.randperm(len(own), generator=generator)[: batch // CLASSES]] for own in members]
            rows.append(torch.cat(drawn)[torch.randperm(batch, generator=generator)])
        chosen = torch.stack(rows)
        points = features[torch.randperm(len(features), generator=generator)[:POINTS]]
        folds.append(Fold(features[chosen], target[chosen], {"test": points}))
    return folds


CLAIM = Claim(
    slug="hard-negative-isometry",
    statement="Training with hard-mined triplets collapses when the batch is large or the dimension small.",
    source="Xu, Hsieh, Vundurthy, Cohen, Choset, Li, ICLR 2024, arXiv 2210.11173, abstract",
    rule=(
        "Holds: on digits, no seed's embedding collapses (mean distance below 0.05) at batch 20 or in 32 dimensions, "
        "every seed's does at batch 200 in 2 dimensions, the mean distance never rises with the batch size nor falls "
        "with the dimension (collapsed ones count as equal), and with random triplets none collapses. Does not hold: "
        "none collapses at batch 200 in 2 dimensions. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
