"""Features against features, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array


def feature_hint(features: Array, teacher_features: Array) -> Any:
    return np.array([0.5 * np.sum((f - g) ** 2) for f, g in zip(features, teacher_features, strict=True)])


def attention_map(features: Array, power: float) -> Array:
    spread = sum(np.abs(channel) ** power for channel in features).ravel()
    return spread / np.sqrt(np.sum(spread**2))


def attention_transfer(features: Array, teacher_features: Array, *, power: float = 2.0) -> Any:
    return np.array([
        np.sum((attention_map(f, power) - attention_map(g, power)) ** 2)
        for f, g in zip(features, teacher_features, strict=True)
    ])  # fmt: skip


def cosine(a: Array, b: Array) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def contrastive_distillation(
    features: Array, teacher_features: Array, negatives: Array, *, temperature: float = 0.07,
    dataset_size: int = 50_000,
) -> Any:  # fmt: skip
    values = []
    for f, g, others in zip(features, teacher_features, negatives, strict=True):

        def h(one: Array, f: Array = f, count: int = len(others)) -> float:
            odds = np.exp(cosine(f, one) / temperature)
            return odds / (odds + count / dataset_size)

        value = -np.log(h(g))
        for other in others:
            odds = np.exp(cosine(f, other) / temperature)
            value -= np.log(len(others) / dataset_size / (odds + len(others) / dataset_size))
        values.append(value)
    return np.array(values)


REFERENCES = {
    "feature_hint": feature_hint,
    "attention_transfer": attention_transfer,
    "contrastive_distillation": contrastive_distillation,
}
