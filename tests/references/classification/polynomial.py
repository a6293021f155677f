"""Polynomial losses item by item: power after power, coefficient after coefficient."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import (
    Array,
    balance,
    log_probabilities,
    missing,
    over_classes,
    over_elements,
)
from tests.references.soft import expected


def powers(rest: float, epsilon: Any, gamma: float = 0.0) -> float:
    return sum(e * rest ** (j + gamma) for j, e in enumerate(np.atleast_1d(epsilon), start=1))


def poly_cross_entropy(
    logits: Array,
    target: Array,
    *,
    epsilon: Any = 1.0,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
    smooth_polynomial: bool = True,
) -> Any:
    classes = logits.shape[1]
    rows = np.moveaxis(logits, 1, -1)
    soft = np.issubdtype(target.dtype, np.floating)
    weights = np.ones(classes) if class_weight is None else class_weight
    values, counts = np.zeros(rows.shape[:-1]), np.ones(rows.shape[:-1])
    for place in np.ndindex(values.shape):
        row = rows[place]
        truth = np.moveaxis(target, 1, -1)[place] if soft else np.eye(classes)[target[place]]
        smoothed = truth * (1 - label_smoothing) + label_smoothing / classes
        seen = smoothed if smooth_polynomial else truth
        rest = sum(seen[k] * missing(row, k) for k in range(classes))
        log_p = log_probabilities(row)
        entropy = -sum(weights[k] * smoothed[k] * log_p[k] for k in range(classes))
        counts[place] = sum(weights * truth)
        values[place] = entropy + counts[place] * powers(rest, epsilon)
    return values if soft or class_weight is None else (values, counts)


@expected
def poly_drop(logits: Array, target: Array, *, terms: int = 2) -> Any:
    return over_classes(logits, target, lambda _, rest: sum(rest**j / j for j in range(1, terms + 1)))


def poly_focal(
    logits: Array, target: Array, *, epsilon: Any = 1.0, gamma: float = 2.0, alpha: float | None = None
) -> Array:
    return over_elements(
        logits,
        target,
        lambda log_p, rest, label: -balance(label, alpha) * rest**gamma * log_p + powers(rest, epsilon, gamma),
    )


@expected
def poly_focal_multiclass(logits: Array, target: Array, *, epsilon: Any = 1.0, gamma: float = 2.0) -> Any:
    return over_classes(logits, target, lambda log_p, rest: -(rest**gamma) * log_p + powers(rest, epsilon, gamma))


REFERENCES = {
    "poly_cross_entropy": poly_cross_entropy,
    "poly_drop": poly_drop,
    "poly_focal": poly_focal,
    "poly_focal_multiclass": poly_focal_multiclass,
}
