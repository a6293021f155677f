"""Fenchel-Young losses with thresholds found by bisection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.references.classification.focal import Array
from tests.references.soft import distribution


def threshold(mass: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function passes 1."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if mass(middle) > 1 else (low, middle)
    return low


def over_truths(logits: Array, target: Array, label_smoothing: float, item: Callable[[Array, Array], float]) -> Array:
    """item(logits of the classes, target as a distribution) for each item."""
    rows = np.moveaxis(logits, 1, -1)
    truth = np.moveaxis(distribution(target, logits.shape[1], label_smoothing), 1, -1)
    values = np.zeros(rows.shape[:-1])
    for place in np.ndindex(values.shape):
        values[place] = item(rows[place], truth[place])
    return values


def sparsemax(logits: Array, target: Array, *, label_smoothing: float = 0.0) -> Any:
    def item(row: Array, truth: Array) -> float:
        tau = threshold(lambda cut: sum(max(0.0, z - cut) for z in row), max(row) - 1, max(row))
        p = [max(0.0, z - tau) for z in row]
        gained = sum((q - t) * z for q, t, z in zip(p, truth, row, strict=True))
        return float(gained + sum(t**2 - q**2 for q, t in zip(p, truth, strict=True)) / 2)

    return over_truths(logits, target, label_smoothing, item)


def entmax15(logits: Array, target: Array, *, label_smoothing: float = 0.0) -> Any:
    def item(row: Array, truth: Array) -> float:
        tau = threshold(lambda cut: sum(max(0.0, z / 2 - cut) ** 2 for z in row), max(row) / 2 - 1, max(row) / 2)
        p = [max(0.0, z / 2 - tau) ** 2 for z in row]
        gained = sum((q - t) * z for q, t, z in zip(p, truth, row, strict=True))
        return float(gained + 4 / 3 * sum(t**1.5 - q**1.5 for q, t in zip(p, truth, strict=True)))

    return over_truths(logits, target, label_smoothing, item)


REFERENCES = {"sparsemax": sparsemax, "entmax15": entmax15}
