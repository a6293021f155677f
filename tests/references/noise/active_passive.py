"""Active and passive losses, item by item."""

from __future__ import annotations

from typing import Any

from tests.references.classification.focal import Array, log_probabilities
from tests.references.imbalance.priors import over_rows
from tests.references.noise.robust import over_distributions, reverse
from tests.references.soft import expected


def normalized(row: Array, label: int) -> float:
    log_p = log_probabilities(row)
    return log_p[label] / sum(log_p)


@expected
def normalized_cross_entropy(logits: Array, target: Array) -> Any:
    return over_rows(logits, target, normalized)


def active_passive(
    logits: Array,
    target: Array,
    *,
    active_weight: float = 1.0,
    passive_weight: float = 1.0,
    log_zero: float = -4.0,
    label_smoothing: float = 0.0,
) -> Any:
    def item(log_p: list[float], truth: Array, rest: list[float]) -> float:
        active = sum(t * log_p[k] for k, t in enumerate(truth)) / sum(log_p)
        return float(active_weight * active + passive_weight * reverse(log_p, truth, log_zero))

    return over_distributions(logits, target, item, label_smoothing)


REFERENCES = {"normalized_cross_entropy": normalized_cross_entropy, "active_passive": active_passive}
