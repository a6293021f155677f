"""Focal losses item by item, from the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.references.soft import expected

Array = np.ndarray[Any, Any]
Class = Callable[[float, float], float]  # (log p, 1 - p) of a class → its term


def log_probabilities(row: Array) -> list[float]:
    """log softmax of one row."""
    shifted = [float(number - max(row)) for number in row]
    total = np.log(sum(np.exp(number) for number in shifted))
    return [number - total for number in shifted]


def missing(row: Array, label: int) -> float:
    """1 - p of a class, as the sum of all other probabilities."""
    return float(sum(np.exp(log_p) for other, log_p in enumerate(log_probabilities(row)) if other != label))


def over_classes(
    logits: Array, target: Array, term: Class, class_weight: Array | None = None
) -> Array | tuple[Array, Array]:
    """The sum of w_k t_k term_k for each item; with class indices and weights, the counts w[target] too."""
    classes = logits.shape[1]
    rows = np.moveaxis(logits, 1, -1)  # (n, *d, c)
    values, counts = np.zeros(rows.shape[:-1]), np.ones(rows.shape[:-1])
    soft = np.issubdtype(target.dtype, np.floating)
    for place in np.ndindex(values.shape):
        row = rows[place]
        for k in range(classes):
            share = np.moveaxis(target, 1, -1)[place][k] if soft else float(target[place] == k)
            weight = 1.0 if class_weight is None else class_weight[k]
            if share:
                values[place] += weight * share * term(log_probabilities(row)[k], missing(row, k))
            if not soft and share:
                counts[place] = weight
    return values if soft or class_weight is None else (values, counts)


def over_elements(logits: Array, target: Array, term: Callable[[float, float, float], float]) -> Array:
    """term(log p, 1 - p, label) of each binary element, p being the probability of its label."""
    values = np.zeros(logits.shape)
    for place in np.ndindex(logits.shape):
        z = logits[place] if target[place] == 1 else -logits[place]
        row = np.array([z, 0.0])  # the sigmoid of z is the softmax of (z, 0)
        values[place] = term(log_probabilities(row)[0], missing(row, 0), float(target[place]))
    return values


@expected
def focal(logits: Array, target: Array, *, gamma: float = 2.0, class_weight: Array | None = None) -> Any:
    return over_classes(logits, target, lambda log_p, rest: -(rest**gamma) * log_p, class_weight)


def balance(label: float, alpha: float | None) -> float:
    return 1.0 if alpha is None else alpha if label == 1 else 1 - alpha


def binary_focal(logits: Array, target: Array, *, gamma: float = 2.0, alpha: float | None = None) -> Array:
    return over_elements(logits, target, lambda log_p, rest, label: -balance(label, alpha) * rest**gamma * log_p)


REFERENCES = {"focal": focal, "binary_focal": binary_focal}
