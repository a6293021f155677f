"""Confusion-matrix losses, counted item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array


def rate(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def any_loss(
    logits: Array, target: Array, *, metric: str = "f_score", beta: float = 1.0, steepness: float = 73.0,
    weight: Array | None = None, mask: Array | None = None,
) -> Any:  # fmt: skip
    hits = false_alarms = misses = rejections = 0.0
    for place in np.ndindex(logits.shape):
        if mask is not None and not mask[place]:
            continue
        share = 1.0 if weight is None else float(weight[place])
        probability = 1 / (1 + np.exp(-float(logits[place])))
        amplified = 1 / (1 + np.exp(-steepness * (probability - 0.5)))
        if target[place]:
            hits, misses = hits + share * amplified, misses + share * (1 - amplified)
        else:
            false_alarms, rejections = false_alarms + share * amplified, rejections + share * (1 - amplified)
    positives, negatives = hits + misses, false_alarms + rejections
    if positives + negatives == 0:
        return np.array(0.0)
    rates = [right / those for right, those in ((hits, positives), (rejections, negatives)) if those]
    sides = np.sqrt((hits + false_alarms) * positives * negatives * (rejections + misses))
    precision, recall = rate(hits, hits + false_alarms), rate(hits, positives)
    found = {
        "f_score": rate((1 + beta**2) * precision * recall, beta**2 * precision + recall),
        "accuracy": (hits + rejections) / (positives + negatives),
        "balanced_accuracy": np.mean(rates),
        "g_mean": np.prod(rates) ** (1 / len(rates)),
        "jaccard": rate(hits, hits + false_alarms + misses),
        "matthews": rate(hits * rejections - false_alarms * misses, sides),
    }[metric]
    return np.array(1 - found)


REFERENCES = {"any_loss": any_loss}
