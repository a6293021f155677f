"""Distributions with one peak, class by class."""

from __future__ import annotations

import math

import numpy as np

from tests.references.classification.focal import log_probabilities
from tests.references.soft import expected


@expected
def unimodal_cross_entropy(logits, target, penalty=1.0, margin=0.05):
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        log_p = log_probabilities(logits[(at[0], slice(None), *at[1:])])
        p, y = np.exp(log_p), target[at]
        values[at] = -log_p[y]
        for k in range(len(p) - 1):
            rise = p[k + 1] - p[k] if k >= y else p[k] - p[k + 1]
            values[at] += penalty * max(0.0, margin + rise)
    return values


def binomial_cross_entropy(logits, target, classes):
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        p, y, m = 1 / (1 + math.exp(-logits[at])), int(target[at]), classes - 1
        values[at] = -math.log(math.comb(m, y) * p**y * (1 - p) ** (m - y))
    return values


REFERENCES = {"unimodal_cross_entropy": unimodal_cross_entropy, "binomial_cross_entropy": binomial_cross_entropy}
