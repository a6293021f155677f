"""Fenchel-Young losses with thresholds found by bisection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.references.classification.focal import Array
from tests.references.imbalance.priors import over_rows


def threshold(mass: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function passes 1."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if mass(middle) > 1 else (low, middle)
    return low


def sparsemax(logits: Array, target: Array) -> Any:
    def item(row: Array, label: int) -> float:
        tau = threshold(lambda cut: sum(max(0.0, z - cut) for z in row), max(row) - 1, max(row))
        p = [max(0.0, z - tau) for z in row]
        return float(sum(q * z for q, z in zip(p, row, strict=True)) - row[label] + (1 - sum(q**2 for q in p)) / 2)

    return over_rows(logits, target, item)


def entmax15(logits: Array, target: Array) -> Any:
    def item(row: Array, label: int) -> float:
        tau = threshold(lambda cut: sum(max(0.0, z / 2 - cut) ** 2 for z in row), max(row) / 2 - 1, max(row) / 2)
        p = [max(0.0, z / 2 - tau) ** 2 for z in row]
        entropy = 4 / 3 * (1 - sum(q**1.5 for q in p))
        return float(sum(q * z for q, z in zip(p, row, strict=True)) - row[label] + entropy)

    return over_rows(logits, target, item)


REFERENCES = {"sparsemax": sparsemax, "entmax15": entmax15}
