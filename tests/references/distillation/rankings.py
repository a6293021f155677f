"""Rankings of a teacher, choice by choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def plackett_luce_distillation(
    logits: Array, teacher_logits: Array, target: Array, *, weights: str = "teacher", temperature: float = 1.0,
    step_weights: Array | None = None,
) -> Any:  # fmt: skip
    values = np.zeros(target.shape)
    for place in np.ndindex(values.shape):
        at = (place[0], slice(None), *place[1:])
        student, teacher, label = logits[at], teacher_logits[at], int(target[place])
        order = [label, *sorted((k for k in range(len(student)) if k != label), key=lambda k: -teacher[k])]
        share = np.exp(log_probabilities(teacher / temperature))
        for rank, chosen in enumerate(order):
            weight = {"teacher": share[chosen], "uniform": 1 / len(order), "first": float(rank == 0)}[weights]
            weight = weight if step_weights is None else step_weights[rank]
            values[place] -= weight * log_probabilities(student[order[rank:]])[0]
    return values


def partial_ranking_distillation(
    scores: Array, teacher_scores: Array, valid: Array | None = None, *, valid_threshold: float = 0.5,
    temperature: float = 0.07, ties: str = "stable",
) -> Any:  # fmt: skip
    values = []
    for row, (student, teacher) in enumerate(zip(scores / temperature, teacher_scores, strict=True)):
        order = sorted(range(len(student)), key=lambda k: -teacher[k])  # Python's sort is stable
        count = sum(teacher > valid_threshold) if valid is None else valid[row]
        value = 0.0
        for rank, chosen in enumerate(order[:count]):
            left = order[rank + 1 :]
            if ties == "joint":
                left = [k for k in order if teacher[k] < teacher[chosen]]
            value -= log_probabilities(student[[chosen, *left]])[0]
        values.append(value)
    return np.array(values)


REFERENCES = {
    "plackett_luce_distillation": plackett_luce_distillation,
    "partial_ranking_distillation": partial_ranking_distillation,
}
