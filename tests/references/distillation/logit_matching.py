"""Logits compared class by class."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def kl(p: Array, q: Array) -> Array:
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def binary_kl(logits: Array, teacher_logits: Array, *, temperature: float = 2.0) -> Any:
    return temperature**2 * kl(sigmoid(teacher_logits / temperature), sigmoid(logits / temperature)).sum(1)


def binary_kl_norm(logits: Array, teacher_logits: Array, *, temperature: float = 2.0) -> Any:
    return temperature**2 * kl(np.array(0.5), sigmoid((logits - teacher_logits) / temperature)).sum(1)


def dual_head_distillation(
    logits: Array, auxiliary_logits: Array, teacher_logits: Array, target: Array, *, label_weight: float = 1.0,
    teacher_weight: float = 1.0, temperature: float = 2.0,
) -> Any:  # fmt: skip
    values = teacher_weight * binary_kl_norm(auxiliary_logits, teacher_logits, temperature=temperature)
    for place in np.ndindex(target.shape):
        row = logits[(place[0], slice(None), *place[1:])]
        values[place] -= label_weight * log_probabilities(row)[target[place]]
    return values


REFERENCES = {
    "binary_kl": binary_kl,
    "binary_kl_norm": binary_kl_norm,
    "dual_head_distillation": dual_head_distillation,
}
