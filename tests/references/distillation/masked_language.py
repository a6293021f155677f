"""The terms of a distilled masked language model, token by token."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities
from tests.references.distillation.soft_targets import divergence


def masked_language_distillation(
    logits: Array, teacher_logits: Array, labels: Array, hidden: Array, teacher_hidden: Array, *,
    teacher_weight: float = 5.0, label_weight: float = 2.0, cosine_weight: float = 1.0, square_weight: float = 0.0,
    next_weight: float = 0.0, temperature: float = 2.0, labelled_only: bool = False, mask: Array | None = None,
) -> Any:  # fmt: skip
    found: dict[str, list[float]] = {name: [] for name in ("teacher", "label", "next", "square", "cosine")}
    for i, t in np.ndindex(labels.shape):
        if mask is not None and not mask[i, t]:
            continue
        student, teacher, label = logits[i, t], teacher_logits[i, t], labels[i, t]
        g, h = hidden[i, t], teacher_hidden[i, t]
        found["cosine"].append(1 - g @ h / np.sqrt((g @ g) * (h @ h)))
        if label >= 0:
            found["label"].append(-log_probabilities(student)[label])
        if label >= 0 and t > 0:
            found["next"].append(-log_probabilities(logits[i, t - 1])[label])
        if label >= 0 or not labelled_only:
            p, q = log_probabilities(teacher / temperature), log_probabilities(student / temperature)
            found["teacher"].append(temperature**2 * divergence(p, q))
            found["square"].append(np.sum((student - teacher) ** 2))
    means = {name: np.mean(values) if values else 0.0 for name, values in found.items()}
    return np.array(
        teacher_weight * means["teacher"] + label_weight * means["label"] + cosine_weight * means["cosine"]
        + square_weight * means["square"] + next_weight * means["next"]
    )  # fmt: skip


REFERENCES = {"masked_language_distillation": masked_language_distillation}
