"""Answers to questions beside the label."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def multi_aspect_distillation(
    logits: Array, aspect_logits: Array, target: Array, aspect_target: Array, *, aspect_mask: Array | None = None,
    aspect_weight: float = 4.0, label_weight: float = 1.0,
) -> Any:  # fmt: skip
    values = np.zeros(len(logits))
    for row in range(len(logits)):
        asked = range(aspect_logits.shape[1])
        answered = [j for j in asked if aspect_mask is None or aspect_mask[row, j]]
        said = [
            aspect_target[row, j] * np.log1p(np.exp(-aspect_logits[row, j]))
            + (1 - aspect_target[row, j]) * np.log1p(np.exp(aspect_logits[row, j]))
            for j in answered
        ]
        values[row] = -label_weight * log_probabilities(logits[row])[target[row]]
        values[row] += aspect_weight * sum(said) / max(len(said), 1)
    return values


REFERENCES = {"multi_aspect_distillation": multi_aspect_distillation}
