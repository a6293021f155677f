"""Hinge losses by loops over classes."""

from __future__ import annotations

import numpy as np

from tests.references.soft import expected


@expected
def one_versus_all_hinge(logits, target, power=2, class_weight=None):
    rows = np.moveaxis(logits, 1, -1)  # (n, *d, c)
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        for k, score in enumerate(rows[at]):
            sign = 1.0 if k == target[at] else -1.0
            values[at] += max(0.0, 1.0 - sign * score) ** power
    return values if class_weight is None else (values * class_weight[target], class_weight[target])


def binary_hinge(logits, target, power=2):
    values = np.zeros(logits.shape)
    for at in np.ndindex(logits.shape):
        values[at] = max(0.0, 1.0 - float(target[at]) * logits[at]) ** power
    return values


REFERENCES = {"one_versus_all_hinge": one_versus_all_hinge, "binary_hinge": binary_hinge}
