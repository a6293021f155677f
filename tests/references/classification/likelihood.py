"""Negative log-likelihood, one place at a time."""

from __future__ import annotations

import numpy as np


def nll(log_probs, target, class_weight=None):
    rows = np.moveaxis(log_probs, 1, -1)  # (n, *d, c)
    weight = np.ones(rows.shape[-1]) if class_weight is None else class_weight
    values, counts = np.zeros(target.shape), np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        counts[at] = weight[target[at]]
        values[at] = -counts[at] * rows[at][target[at]]
    return values if class_weight is None else (values, counts)


REFERENCES = {"nll": nll}
