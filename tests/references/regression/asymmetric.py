"""Quantiles and expectiles, one element at a time."""

from __future__ import annotations

import numpy as np


def quantile(prediction, target, level=0.5):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        short = target[at] - prediction[at]
        values[at] = max(level * short, (level - 1) * short)
    return values


def expectile(prediction, target, level=0.5):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        high = prediction[at] > target[at]
        values[at] = abs(level - high) * (prediction[at] - target[at]) ** 2
    return values


REFERENCES = {"quantile": quantile, "expectile": expectile}
