"""Losses that grow slowly far from the target, one element at a time."""

from __future__ import annotations

import math

import numpy as np


def log_cosh(prediction, target):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = math.log(math.cosh(prediction[at] - target[at]))
    return values


def tukey(prediction, target, cutoff=4.685):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        share = ((prediction[at] - target[at]) / cutoff) ** 2
        values[at] = cutoff**2 / 6 * (1 - (1 - share) ** 3 if share < 1 else 1)
    return values


def barron(prediction, target, alpha=0.0, scale=1.0):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        square = ((prediction[at] - target[at]) / scale) ** 2
        if alpha == 0:
            values[at] = math.log(square / 2 + 1)
        else:
            gap = abs(alpha - 2)
            values[at] = gap / alpha * ((square / gap + 1) ** (alpha / 2) - 1)
    return values


REFERENCES = {"log_cosh": log_cosh, "tukey": tukey, "barron": barron}
