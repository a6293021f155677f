"""Multi-class hinge losses by loops over pairs of classes."""

from __future__ import annotations

import numpy as np
import torch


def multi_margin(logits, target, class_weight=None, p=1, margin=1.0):
    rows = np.moveaxis(logits, 1, -1)  # (n, *d, c)
    classes = rows.shape[-1]
    weight = np.ones(classes) if class_weight is None else class_weight
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        true = target[at]
        for k in range(classes):
            if k != true:
                values[at] += weight[true] * max(0.0, margin - rows[at][true] + rows[at][k]) ** p / classes
    return values


def multilabel_margin(logits, target):
    items, classes = logits.shape
    values = np.zeros(items)
    for i in range(items):
        listed = []
        for label in target[i]:
            if label < 0:
                break
            listed.append(int(label))
        for true in listed:
            for k in range(classes):
                if k not in listed:
                    values[i] += max(0.0, 1 - logits[i, true] + logits[i, k]) / classes
    return values


def sample_multilabel_margin(generator, n=5, dtype=torch.float64):
    """Lists of one or two of four classes, filled up with -1."""
    logits = torch.randn(n, 4, generator=generator, dtype=torch.float64).to(dtype)
    order = torch.rand(n, 4, generator=generator).argsort(1)
    listed = 1 + torch.randint(2, (n, 1), generator=generator)
    return {"logits": logits, "target": torch.where(torch.arange(4) < listed, order, -1)}


REFERENCES = {"multi_margin": multi_margin, "multilabel_margin": multilabel_margin}
SAMPLES = {"multilabel_margin": sample_multilabel_margin}
