"""Losses that know the classes' counts, item by item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities
from tests.references.soft import expected


def over_rows(logits: Array, target: Array, item: Callable[[Array, int], float]) -> Array:
    """item(logits of the classes, label) for each item."""
    rows = np.moveaxis(logits, 1, -1)
    values = np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        values[place] = item(rows[place], int(target[place]))
    return values


@expected
def logit_adjusted_cross_entropy(
    logits: Array, target: Array, *, class_counts: Array | None = None, strength: float = 1.0
) -> Any:
    counts = np.ones(logits.shape[1]) if class_counts is None else class_counts
    prior = counts / counts.sum()
    return over_rows(logits, target, lambda row, y: -log_probabilities(row + strength * np.log(prior))[y])


@expected
def class_balanced_cross_entropy(
    logits: Array, target: Array, *, class_counts: Array | None = None, beta: float = 0.999
) -> Any:
    counts = np.ones(logits.shape[1]) if class_counts is None else class_counts
    weights = (1 - beta) / (1 - beta**counts)
    weights = weights / weights.sum() * len(counts)
    return over_rows(logits, target, lambda row, y: -weights[y] * log_probabilities(row)[y])


@expected
def ldam(
    logits: Array, target: Array, *, class_counts: Array | None = None, max_margin: float = 0.5, scale: float = 30.0
) -> Any:
    counts = np.ones(logits.shape[1]) if class_counts is None else class_counts
    margins = counts**-0.25
    margins = margins * max_margin / margins.max()

    def item(row: Array, y: int) -> float:
        moved = np.array([z - margins[k] if k == y else z for k, z in enumerate(row)])
        return -log_probabilities(scale * moved)[y]

    return over_rows(logits, target, item)


REFERENCES = {
    "logit_adjusted_cross_entropy": logit_adjusted_cross_entropy,
    "class_balanced_cross_entropy": class_balanced_cross_entropy,
    "ldam": ldam,
}
