"""Losses of bags, member by member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def over_bags(outputs: Array, pointwise: Callable[[int, Any], float], weight: float, members: Array | None) -> Any:
    """pointwise(bag, prediction) of the mean prediction and of each member's; outputs are (n, k, …) predictions."""
    values, some = np.zeros(len(outputs)), np.zeros(len(outputs), dtype=bool)
    for bag, row in enumerate(outputs):
        own = [one for place, one in enumerate(row) if members is None or members[bag, place]]
        some[bag] = bool(own)
        if own:
            level = pointwise(bag, np.mean(own, axis=0))
            values[bag] = (1 - weight) * level + weight * np.mean([pointwise(bag, one) for one in own])
    return values if members is None else (values, some)


def bag_squared_error(
    predictions: Array, bag_target: Array, *, instance_weight: float = 0.0, members: Array | None = None
) -> Any:
    return over_bags(predictions, lambda bag, f: (bag_target[bag] - f) ** 2, instance_weight, members)


def bag_binary_cross_entropy(
    logits: Array, bag_target: Array, *, instance_weight: float = 0.0, members: Array | None = None
) -> Any:
    def entropy(bag: int, p: float) -> float:
        return float(-bag_target[bag] * np.log(p) - (1 - bag_target[bag]) * np.log(1 - p))

    return over_bags(1 / (1 + np.exp(-logits)), entropy, instance_weight, members)


def bag_cross_entropy(
    logits: Array, bag_target: Array, *, instance_weight: float = 0.0, members: Array | None = None
) -> Any:
    def entropy(bag: int, p: Array) -> float:
        return float(-sum(t * np.log(one) for t, one in zip(bag_target[bag], p, strict=True)))

    n, c, k = logits.shape
    probs = np.zeros((n, k, c))
    for bag, place in np.ndindex(n, k):
        probs[bag, place] = np.exp(log_probabilities(logits[bag, :, place]))
    return over_bags(probs, entropy, instance_weight, members)


REFERENCES = {
    "bag_squared_error": bag_squared_error,
    "bag_binary_cross_entropy": bag_binary_cross_entropy,
    "bag_cross_entropy": bag_cross_entropy,
}
