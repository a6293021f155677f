"""Cross-entropy by loops: a softmax over the classes that are left, then a sum over classes."""

from __future__ import annotations

import numpy as np


def log_softmax(row, allowed):
    top = max(z for z, keep in zip(row, allowed, strict=True) if keep)
    total = sum(np.exp(z - top) for z, keep in zip(row, allowed, strict=True) if keep)
    return [z - top - np.log(total) if keep else None for z, keep in zip(row, allowed, strict=True)]


def cross_entropy(logits, target, class_weight=None, class_mask=None, label_smoothing=0.0):
    rows = np.moveaxis(np.asarray(logits, np.float64), 1, -1)  # (n, *d, c)
    soft = np.issubdtype(target.dtype, np.floating)
    classes = rows.shape[-1]
    weight = np.ones(classes) if class_weight is None else class_weight
    allowed = np.ones(rows.shape, bool)
    if class_mask is not None:
        allowed[:] = class_mask if class_mask.ndim == 1 else np.moveaxis(class_mask, 1, -1)
    if soft:
        target = np.moveaxis(target, 1, -1)
    values, counts = np.zeros(rows.shape[:-1]), np.ones(rows.shape[:-1])
    for place in np.ndindex(rows.shape[:-1]):
        scores = log_softmax(rows[place], allowed[place])
        for k in range(classes):
            share = target[place][k] if soft else float(target[place] == k)
            share = (1 - label_smoothing) * share + label_smoothing * allowed[place][k] / allowed[place].sum()
            if share:
                values[place] -= weight[k] * share * scores[k]
        if not soft:
            counts[place] = weight[target[place]]
    return values if soft or class_weight is None else (values, counts)


REFERENCES = {"cross_entropy": cross_entropy}
