"""The comp-sum family item by item: sums of exponentials, as defined."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array
from tests.references.soft import expected


def transformed(u: float, tau: float) -> float:
    return float(np.log1p(u)) if tau == 1 else ((1 + u) ** (1 - tau) - 1) / (1 - tau)


def over_items(logits: Array, target: Array, item: Any, *others: Array) -> Array:
    """item(row, label, …) for each item, with the same row of every other array of logits."""
    rows = [np.moveaxis(array, 1, -1) for array in (logits, *others)]
    values = np.zeros(target.shape)
    for place in np.ndindex(values.shape):
        values[place] = item(rows[0][place], target[place], *[array[place] for array in rows[1:]])
    return values


@expected
def comp_sum(logits: Array, target: Array, *, tau: float = 1.0, class_weight: Array | None = None) -> Any:
    def item(row: Array, label: int) -> float:
        u = sum(np.exp(row[k] - row[label]) for k in range(len(row)) if k != label)
        return transformed(u, tau)

    values = over_items(logits, target, item)
    return values if class_weight is None else (values * class_weight[target], class_weight[target])


@expected
def constrained_margin(logits: Array, target: Array, *, transform: str = "squared_hinge") -> Array:
    penalties = {
        "squared_hinge": lambda t: max(0.0, 1 - t) ** 2,
        "exponential": lambda t: np.exp(-t),
        "hinge": lambda t: max(0.0, 1 - t),
    }

    def item(row: Array, label: int) -> float:
        scores = row - sum(row) / len(row)
        return sum(penalties[transform](-scores[k]) for k in range(len(row)) if k != label)

    return over_items(logits, target, item)


def smooth_adversarial_comp_sum(
    logits: Array,
    target: Array,
    adversarial_logits: Array,
    *,
    tau: float = 1.0,
    rho: float = 1.0,
    shift_weight: float | None = None,
) -> Array:
    def item(row: Array, label: int, attacked: Array) -> float:
        others = [k for k in range(len(row)) if k != label]
        weight = np.sqrt(len(others)) / rho if shift_weight is None else shift_weight
        u = sum(np.exp(-(row[label] - row[k]) / rho) for k in others)
        moved = sum(((attacked[label] - attacked[k]) - (row[label] - row[k])) ** 2 for k in others)
        return transformed(u, tau) + weight * np.sqrt(moved)

    return over_items(logits, target, item, adversarial_logits)


REFERENCES = {
    "comp_sum": comp_sum,
    "constrained_margin": constrained_margin,
    "smooth_adversarial_comp_sum": smooth_adversarial_comp_sum,
}
