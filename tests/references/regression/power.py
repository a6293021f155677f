"""Powers of the residual, one element at a time."""

from __future__ import annotations

import numpy as np


def mse(prediction, target):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = (prediction[at] - target[at]) ** 2
    return values


def l1(prediction, target):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = abs(prediction[at] - target[at])
    return values


def huber(prediction, target, delta=1.0):
    values = l1(prediction, target)
    for at in np.ndindex(values.shape):
        gap = values[at]
        values[at] = 0.5 * gap**2 if gap <= delta else delta * (gap - 0.5 * delta)
    return values


def smooth_l1(prediction, target, beta=1.0):
    values = l1(prediction, target)
    for at in np.ndindex(values.shape):
        gap = values[at]
        values[at] = 0.5 * gap**2 / beta if gap < beta else gap - 0.5 * beta
    return values


REFERENCES = {"mse": mse, "l1": l1, "huber": huber, "smooth_l1": smooth_l1}
