"""Spherical losses item by item, from their definitions."""

from __future__ import annotations

import numpy as np

from tests.references.classification.comp_sum import over_items
from tests.references.classification.fenchel_young import over_truths
from tests.references.classification.focal import Array
from tests.references.soft import expected


@expected
def z_loss(logits: Array, target: Array, *, sharpness: float = 1.0, threshold: float = 0.0) -> Array:
    def item(row: Array, label: int) -> float:
        mean = sum(row) / len(row)
        deviation = np.sqrt(sum((number - mean) ** 2 for number in row) / len(row))
        short = sharpness * (threshold - (row[label] - mean) / deviation)
        return np.logaddexp(0, short) / sharpness

    return over_items(logits, target, item)


@expected
def taylor_softmax(logits: Array, target: Array) -> Array:
    def item(row: Array, label: int) -> float:
        odds = [1 + number + number**2 / 2 for number in row]
        return -np.log(odds[label] / sum(odds))

    return over_items(logits, target, item)


@expected
def spherical_softmax(logits: Array, target: Array, *, epsilon: float = 1e-2) -> Array:
    def item(row: Array, label: int) -> float:
        odds = [number**2 + epsilon for number in row]
        return -np.log(odds[label] / sum(odds))

    return over_items(logits, target, item)


def one_hot_square(logits: Array, target: Array, *, label_smoothing: float = 0.0) -> Array:
    return over_truths(logits, target, label_smoothing, lambda row, truth: float(sum((row - truth) ** 2)))


REFERENCES = {
    "z_loss": z_loss,
    "taylor_softmax": taylor_softmax,
    "spherical_softmax": spherical_softmax,
    "one_hot_square": one_hot_square,
}
