"""A positive against its negatives, one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities
from tests.references.ranking.lists import softplus


def bayesian_personalized_ranking(positive: Array, negative: Array) -> Any:
    return [np.mean([softplus(-(p - s)) for s in row]) for p, row in zip(positive, negative, strict=True)]


def sampled_hinge(positive: Array, negative: Array, *, margin: float = 1.0) -> Any:
    return [np.mean([max(0, margin - (p - s)) for s in row]) for p, row in zip(positive, negative, strict=True)]


def sampled_softmax(positive: Array, negative: Array, *, temperature: float = 1.0) -> Any:
    rows = np.column_stack([positive, negative]) / temperature
    return [-log_probabilities(row)[0] for row in rows]


def sampled_cross_entropy(positive: Array, negative: Array, *, negative_weight: float = 1.0) -> Any:
    rows = zip(positive, negative, strict=True)
    return [softplus(-p) + negative_weight * np.mean([softplus(s) for s in row]) for p, row in rows]


def sampled_square(positive: Array, negative: Array, *, negative_weight: float = 1.0) -> Any:
    rows = zip(positive, negative, strict=True)
    return [(1 - p) ** 2 + negative_weight * np.mean(row**2) for p, row in rows]


def cosine_contrastive(
    positive: Array, negative: Array, *, margin: float = 0.9, negative_weight: float = 150.0, negatives: str = "mean"
) -> Any:
    values = []
    for p, row in zip(positive, negative, strict=True):
        excess = sum(max(0, s - margin) for s in row)
        values.append(max(0, 1 - p) + negative_weight * (excess / len(row) if negatives == "mean" else excess))
    return values


def mann_whitney(positive: Array, negative: Array, *, temperature: float = 0.01, negatives: str = "mean") -> Any:
    pooled = negative.flatten()
    sums = np.array([sum(softplus(-(p - s) / temperature) for s in pooled) for p in positive])
    return sums / len(pooled) if negatives == "mean" else sums


REFERENCES = {
    "bayesian_personalized_ranking": bayesian_personalized_ranking,
    "sampled_hinge": sampled_hinge,
    "sampled_softmax": sampled_softmax,
    "sampled_cross_entropy": sampled_cross_entropy,
    "sampled_square": sampled_square,
    "cosine_contrastive": cosine_contrastive,
    "mann_whitney": mann_whitney,
}
