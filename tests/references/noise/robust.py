"""Losses for wrong labels item by item, from their definitions over probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities, missing, over_classes


def generalized_cross_entropy(logits: Array, target: Array, *, q: float = 0.7) -> Any:
    return over_classes(logits, target, lambda log_p, _: (1 - np.exp(log_p) ** q) / q)


def over_distributions(logits: Array, target: Array, item: Any) -> Array:
    """item(log p, indicator of the label, 1 - p of each class) for each item."""
    rows = np.moveaxis(logits, 1, -1)
    values = np.zeros(rows.shape[:-1])
    for place in np.ndindex(values.shape):
        row, classes = rows[place], logits.shape[1]
        values[place] = item(
            log_probabilities(row), np.eye(classes)[target[place]], [missing(row, k) for k in range(classes)]
        )
    return values


def symmetric_cross_entropy(
    logits: Array, target: Array, *, alpha: float = 0.1, beta: float = 1.0, log_zero: float = -4.0
) -> Array:
    def item(log_p: list[float], truth: Array, rest: list[float]) -> float:
        forward = -sum(t * log_p[k] for k, t in enumerate(truth))
        reverse = -sum(np.exp(log_p[k]) * (np.log(t) if t else log_zero) for k, t in enumerate(truth))
        return alpha * forward + beta * reverse

    return over_distributions(logits, target, item)


def softmax_mae(logits: Array, target: Array) -> Array:
    def item(log_p: list[float], truth: Array, rest: list[float]) -> float:
        return sum(rest[k] if t else np.exp(log_p[k]) for k, t in enumerate(truth))

    return over_distributions(logits, target, item)


REFERENCES = {
    "generalized_cross_entropy": generalized_cross_entropy,
    "symmetric_cross_entropy": symmetric_cross_entropy,
    "softmax_mae": softmax_mae,
}
