"""Errors of a forecast, one point at a time."""

from __future__ import annotations

import math

import numpy as np


def mean_bias_error(prediction, target):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = target[at] - prediction[at]
    return values


def mape(prediction, target, eps=1e-7):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = 100 * abs((prediction[at] - target[at]) / max(abs(target[at]), eps))
    return values


def msle(prediction, target):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = (math.log(max(1 + prediction[at], 1e-6)) - math.log(1 + target[at])) ** 2
    return values


REFERENCES = {"mean_bias_error": mean_bias_error, "mape": mape, "msle": msle}
