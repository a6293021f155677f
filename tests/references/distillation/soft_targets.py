"""Softened predictions as targets, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def rows(values: Array) -> Array:
    """The same with the classes last."""
    return np.moveaxis(values, 1, -1)


def divergence(p: Array, q: Array) -> float:
    """sum p log(p / q) of two lists of log-probabilities, where 0 log 0 = 0."""
    return float(sum(np.exp(a) * (a - b) for a, b in zip(p, q, strict=True) if np.exp(a) > 0))


def knowledge_distillation(logits: Array, teacher_logits: Array, *, temperature: float = 4.0) -> Any:
    student, teacher = rows(logits) / temperature, rows(teacher_logits) / temperature
    values = np.zeros(student.shape[:-1])
    for place in np.ndindex(values.shape):
        p, q = log_probabilities(teacher[place]), log_probabilities(student[place])
        values[place] = temperature**2 * divergence(p, q)
    return values


def standardized_distillation(logits: Array, teacher_logits: Array, *, temperature: float = 2.0) -> Any:
    student, teacher = (
        (values - values.mean(1, keepdims=True)) / values.std(1, keepdims=True, ddof=1)
        for values in (logits, teacher_logits)
    )
    return knowledge_distillation(student, teacher, temperature=temperature)


def decoupled_distillation(
    logits: Array, teacher_logits: Array, target: Array, *, temperature: float = 4.0, target_weight: float = 1.0,
    rest_weight: float = 8.0,
) -> Any:  # fmt: skip
    student, teacher = rows(logits) / temperature, rows(teacher_logits) / temperature
    values = np.zeros(target.shape)
    for place in np.ndindex(values.shape):
        p, q = np.exp(log_probabilities(teacher[place])), np.exp(log_probabilities(student[place]))
        y = target[place]
        first = p[y] * np.log(p[y] / q[y]) + (1 - p[y]) * np.log((1 - p[y]) / (1 - q[y]))
        rest_p, rest_q = np.delete(p, y) / (1 - p[y]), np.delete(q, y) / (1 - q[y])
        second = sum(a * np.log(a / b) for a, b in zip(rest_p, rest_q, strict=True))
        values[place] = temperature**2 * (target_weight * first + rest_weight * second)
    return values


REFERENCES = {
    "knowledge_distillation": knowledge_distillation,
    "standardized_distillation": standardized_distillation,
    "decoupled_distillation": decoupled_distillation,
}
