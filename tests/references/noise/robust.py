"""Losses for wrong labels item by item, from their definitions over probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities, missing, over_classes
from tests.references.soft import distribution, expected


@expected
def generalized_cross_entropy(logits: Array, target: Array, *, q: float = 0.7) -> Any:
    return over_classes(logits, target, lambda log_p, _: (1 - np.exp(log_p) ** q) / q)


def over_distributions(logits: Array, target: Array, item: Any, label_smoothing: float = 0.0) -> Array:
    """item(log p, target as a distribution, 1 - p of each class) for each item."""
    rows = np.moveaxis(logits, 1, -1)
    truth = np.moveaxis(distribution(target, logits.shape[1], label_smoothing), 1, -1)
    values = np.zeros(rows.shape[:-1])
    for place in np.ndindex(values.shape):
        row, classes = rows[place], logits.shape[1]
        values[place] = item(log_probabilities(row), truth[place], [missing(row, k) for k in range(classes)])
    return values


def reverse(log_p: list[float], truth: Array, log_zero: float) -> float:
    return -sum(np.exp(log_p[k]) * (max(np.log(t), log_zero) if t else log_zero) for k, t in enumerate(truth))


def symmetric_cross_entropy(
    logits: Array,
    target: Array,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    label_smoothing: float = 0.0,
) -> Array:
    def item(log_p: list[float], truth: Array, rest: list[float]) -> float:
        forward = -sum(t * log_p[k] for k, t in enumerate(truth))
        return alpha * forward + beta * reverse(log_p, truth, log_zero)

    return over_distributions(logits, target, item, label_smoothing)


def softmax_mae(logits: Array, target: Array, *, label_smoothing: float = 0.0) -> Array:
    def item(log_p: list[float], truth: Array, rest: list[float]) -> float:
        return sum(rest[k] if t == 1 else abs(np.exp(log_p[k]) - t) for k, t in enumerate(truth))

    return over_distributions(logits, target, item, label_smoothing)


REFERENCES = {
    "generalized_cross_entropy": generalized_cross_entropy,
    "symmetric_cross_entropy": symmetric_cross_entropy,
    "softmax_mae": softmax_mae,
}
