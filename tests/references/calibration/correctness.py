"""Correctness-aware losses, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def correctness_aware(logits: Array, target: Array, *, temperature: Array | None = None) -> Any:
    values = np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        row = logits[(place[0], slice(None), *place[1:])]
        heat = 1.0 if temperature is None else temperature[place]
        confidence = max(np.exp(log_p) for log_p in log_probabilities(row / heat))
        values[place] = (confidence - float(np.argmax(row) == target[place])) ** 2
    return values


def balanced_correctness_aware(
    logits: Array, target: Array, *, temperature: Array | None = None, mask: Array | None = None
) -> Any:
    values = correctness_aware(logits, target, temperature=temperature)
    seen = np.ones(len(target), dtype=bool) if mask is None else mask
    right = np.array([np.argmax(row) == label for row, label in zip(logits, target, strict=True)])
    share = right[seen].mean()
    weights = np.where(right, 1 - share, share) if 0 < share < 1 else np.ones(len(target))
    return weights * values, weights


REFERENCES = {"correctness_aware": correctness_aware, "balanced_correctness_aware": balanced_correctness_aware}
