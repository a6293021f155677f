"""Active and passive losses, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities, missing
from tests.references.imbalance.priors import over_rows


def normalized(row: Array, label: int) -> float:
    log_p = log_probabilities(row)
    return log_p[label] / sum(log_p)


def normalized_cross_entropy(logits: Array, target: Array) -> Any:
    return over_rows(logits, target, normalized)


def active_passive(
    logits: Array, target: Array, *, active_weight: float = 1.0, passive_weight: float = 1.0, log_zero: float = -4.0
) -> Any:
    def item(row: Array, label: int) -> float:
        truth = np.eye(len(row))[label]
        reverse = -sum(
            (missing(row, k) if k == label else np.exp(log_p)) * (0.0 if k == label else log_zero)
            for k, log_p in enumerate(log_probabilities(row))
            if not truth[k]
        )
        return float(active_weight * normalized(row, label) + passive_weight * reverse)

    return over_rows(logits, target, item)


REFERENCES = {"normalized_cross_entropy": normalized_cross_entropy, "active_passive": active_passive}
