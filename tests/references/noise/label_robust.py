"""Label-robust losses item by item, from their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.comp_sum import over_items
from tests.references.classification.focal import Array


def scaled(row: Array, normalize: str | None) -> Array:
    if normalize is None:
        return row
    scores = np.logaddexp(0, row) if normalize == "softplus" else row
    return scores / (sum(abs(number) for number in scores) / len(scores))


def short(row: Array, label: int, margin: float) -> list[float]:
    return [0.0 if k == label else row[k] - row[label] + margin for k in range(len(row))]


def worst(values: list[float], temperature: float) -> float:
    weights = [np.exp((value - max(values)) / temperature) for value in values]
    p = [weight / sum(weights) for weight in weights]  # the maximiser, put into what it maximises
    divergence = sum(one * np.log(one * len(p)) for one in p if one > 0)
    return sum(one * value for one, value in zip(p, values, strict=True)) - temperature * divergence


def ldr_kl(
    logits: Array, target: Array, *, temperature: float = 1.0, margin: float = 0.1, normalize: str | None = None
) -> Array:
    return over_items(
        logits, target, lambda row, label: worst(short(scaled(row, normalize), label, margin), temperature)
    )


def ldr_k(logits: Array, target: Array, *, k: int = 2, margin: float = 0.1) -> Array:
    def item(row: Array, label: int) -> float:
        largest = sorted(short(row, label, margin), reverse=True)[:k]
        return sum(largest) / len(largest)

    return over_items(logits, target, item)


def aldr_kl(logits: Array, target: Array, index: Any = None, **arguments: Any) -> Array:
    """From the first temperature, which is also what a fresh module remembers of every example."""
    start, alpha = arguments.get("temperature", 10.0), arguments.get("alpha", 2.0)

    def item(row: Array, label: int) -> float:
        scores = scaled(row, arguments.get("normalize", "l1"))
        share = np.exp(scores / start) / sum(np.exp(scores / start)) + 1e-5
        share = share / sum(share)
        divergence = sum(one * np.log(one * len(row)) for one in share)
        temperature = start * (1 - divergence / (alpha * np.log(len(row))))
        price = alpha * np.log(len(row)) / (2 * start) * (temperature - start) ** 2
        return worst(short(scores, label, arguments.get("margin", 0.1)), temperature) - price

    return over_items(logits, target, item)


REFERENCES = {"ldr_kl": ldr_kl, "ldr_k": ldr_k, "aldr_kl": aldr_kl}
ARGUMENTS = {"aldr_kl": {"examples": 64, "temperature": 1.0}}
