"""Cross-entropy of normalised logits, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def logit_norm_cross_entropy(
    logits: Array,
    target: Array,
    *,
    temperature: float = 0.04,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    classes = logits.shape[1]
    rows = np.moveaxis(logits, 1, -1)
    soft = np.issubdtype(target.dtype, np.floating)
    weights = np.ones(classes) if class_weight is None else class_weight
    values, counts = np.zeros(rows.shape[:-1]), np.ones(rows.shape[:-1])
    for place in np.ndindex(values.shape):
        row = rows[place]
        norm = np.sqrt(sum(number**2 for number in row))
        log_p = log_probabilities(row / (temperature * norm) if norm else row)
        truth = np.moveaxis(target, 1, -1)[place] if soft else np.eye(classes)[target[place]]
        smoothed = truth * (1 - label_smoothing) + label_smoothing / classes
        values[place] = -sum(weights[k] * smoothed[k] * log_p[k] for k in range(classes))
        counts[place] = sum(weights * truth)
    return values if soft or class_weight is None else (values, counts)


REFERENCES = {"logit_norm_cross_entropy": logit_norm_cross_entropy}
