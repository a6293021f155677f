"""Divergences between two predictions, item by item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities
from tests.references.distillation.soft_targets import rows


def over_places(logits: Array, teacher: Array, temperature: float, one: Callable[[Array, Array], float]) -> Any:
    """T² one(p, q) at every place."""
    student, teacher = rows(logits) / temperature, rows(teacher) / temperature
    values = np.zeros(student.shape[:-1])
    for place in np.ndindex(values.shape):
        p, q = np.exp(log_probabilities(teacher[place])), np.exp(log_probabilities(student[place]))
        values[place] = temperature**2 * one(p, q)
    return values


def kl(p: Array, q: Array) -> float:
    return float(np.sum(p * np.log(p / q)))


def reverse_kl_distillation(logits: Array, teacher_logits: Array, *, temperature: float = 1.0) -> Any:
    return over_places(logits, teacher_logits, temperature, lambda p, q: kl(q, p))


def jensen_shannon_distillation(
    logits: Array, teacher_logits: Array, *, teacher_share: float = 0.5, temperature: float = 1.0
) -> Any:
    def one(p: Array, q: Array) -> float:
        m = teacher_share * p + (1 - teacher_share) * q
        return teacher_share * kl(p, m) + (1 - teacher_share) * kl(q, m)

    return over_places(logits, teacher_logits, temperature, one)


def skewed_kl_distillation(
    logits: Array, teacher_logits: Array, *, skew: float = 0.1, reverse: bool = False, temperature: float = 1.0
) -> Any:
    def one(p: Array, q: Array) -> float:
        return kl(q, (1 - skew) * p + skew * q) if reverse else kl(p, skew * p + (1 - skew) * q)

    return over_places(logits, teacher_logits, temperature, one)


def alpha_beta_distillation(
    logits: Array, teacher_logits: Array, *, alpha: float = 0.2, beta: float = 0.7, temperature: float = 1.0
) -> Any:
    def one(p: Array, q: Array) -> float:
        both = alpha + beta
        inner = p**alpha * q**beta - alpha / both * p**both - beta / both * q**both
        return float(-np.sum(inner) / (alpha * beta))

    return over_places(logits, teacher_logits, temperature, one)


REFERENCES = {
    "reverse_kl_distillation": reverse_kl_distillation,
    "jensen_shannon_distillation": jensen_shannon_distillation,
    "skewed_kl_distillation": skewed_kl_distillation,
    "alpha_beta_distillation": alpha_beta_distillation,
}
