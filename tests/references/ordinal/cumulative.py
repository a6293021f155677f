"""Ordered classes threshold by threshold."""

from __future__ import annotations

import math

import numpy as np

from tests.references.soft import expected


def surprise(z, answer):
    """-log of the probability of a yes-or-no answer whose log-odds of yes are z."""
    z = z if answer else -z
    return max(-z, 0.0) + math.log1p(math.exp(-abs(z)))


@expected
def ordinal_cross_entropy(logits, target, importance_weight=None):
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        for k in range(logits.shape[1]):
            weight = 1.0 if importance_weight is None else importance_weight[k]
            values[at] += weight * surprise(logits[(at[0], k, *at[1:])], target[at] > k)
    return values


def corn(logits, target):
    if np.issubdtype(target.dtype, np.floating):
        each = [corn(logits, np.full(target[:, 0].shape, k)) for k in range(target.shape[1])]
        values, asked = (sum(target[:, k] * found[i] for k, found in enumerate(each)) for i in (0, 1))
        return values, asked
    values, asked = np.zeros(target.shape), np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        for k in range(logits.shape[1]):
            if target[at] >= k:
                values[at] += surprise(logits[(at[0], k, *at[1:])], target[at] > k)
                asked[at] += 1
    return values, asked


REFERENCES = {"ordinal_cross_entropy": ordinal_cross_entropy, "corn": corn}
