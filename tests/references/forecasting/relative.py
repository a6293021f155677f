"""Errors of a batch over those of its mean, by sums in plain Python."""

from __future__ import annotations

import math

import numpy as np

from tests.references.forecasting.roots import mean


def relative_absolute_error(prediction, target):
    middle = mean(list(target.flat))
    error = math.fsum(abs(x - t) for x, t in zip(prediction.flat, target.flat, strict=True))
    return np.float64(error / math.fsum(abs(t - middle) for t in target.flat))


def relative_squared_error(prediction, target):
    middle = mean(list(target.flat))
    error = math.fsum((x - t) ** 2 for x, t in zip(prediction.flat, target.flat, strict=True))
    return np.float64(error / math.fsum((t - middle) ** 2 for t in target.flat))


def quantile_risk(prediction, target, level=0.5):
    risk = 0.0
    for x, t in zip(prediction.flat, target.flat, strict=True):
        risk += level * max(t - x, 0) + (1 - level) * max(x - t, 0)
    return np.float64(2 * risk / math.fsum(abs(t) for t in target.flat))


REFERENCES = {
    "relative_absolute_error": relative_absolute_error,
    "relative_squared_error": relative_squared_error,
    "quantile_risk": quantile_risk,
}
