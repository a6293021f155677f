"""Losses that grow with the distance between classes, class by class."""

from __future__ import annotations

import math

import numpy as np

from tests.references.classification.focal import log_probabilities
from tests.references.soft import expected


def distribution(target, at, classes):
    if target.ndim == len(at):
        return [float(k == target[at]) for k in range(classes)]
    return [float(target[(at[0], k, *at[1:])]) for k in range(classes)]


@expected
def ordinal_log_loss(logits, target, alpha=1.0):
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        log_p = log_probabilities(logits[(at[0], slice(None), *at[1:])])
        for k in range(len(log_p)):
            others = math.fsum(math.exp(one) for j, one in enumerate(log_p) if j != k)
            values[at] -= abs(k - target[at]) ** alpha * math.log(others)
    return values


def travelled(logits, target, power):
    shape = (len(logits), *logits.shape[2:])
    values = np.zeros(shape)
    for at in np.ndindex(shape):
        p = np.exp(log_probabilities(logits[(at[0], slice(None), *at[1:])]))
        t = distribution(target, at, len(p))
        for last in range(len(p) - 1):
            gap = math.fsum(p[k] - t[k] for k in range(last + 1))
            values[at] += abs(gap) ** power
    return values


def earth_mover(logits, target):
    return travelled(logits, target, 1)


def squared_earth_mover(logits, target):
    return travelled(logits, target, 2)


REFERENCES = {
    "ordinal_log_loss": ordinal_log_loss,
    "earth_mover": earth_mover,
    "squared_earth_mover": squared_earth_mover,
}
