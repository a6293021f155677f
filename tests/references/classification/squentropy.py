"""Squentropy by loops over items and classes."""

from __future__ import annotations

import numpy as np

from tests.references.classification.cross_entropy import cross_entropy
from tests.references.soft import expected


@expected
def squentropy(logits, target, square_weight=1.0):
    values = cross_entropy(logits, target)
    rows = np.moveaxis(np.asarray(logits, np.float64), 1, -1)
    classes = rows.shape[-1]
    for place in np.ndindex(values.shape):
        wrong = [rows[place][k] ** 2 for k in range(classes) if k != target[place]]
        if wrong:
            values[place] += square_weight * sum(wrong) / (classes - 1)
    return values


def binary_squentropy(logits, target, square_weight=1.0):
    """Of two classes with the scores -z / 2 and z / 2, over the target's two shares."""
    scores = np.stack([-logits / 2, logits / 2], 1)
    truth = np.asarray(target, np.float64)
    return squentropy(scores, np.stack([1 - truth, truth], 1), square_weight=square_weight)


REFERENCES = {"squentropy": squentropy, "binary_squentropy": binary_squentropy}
