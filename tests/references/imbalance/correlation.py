"""Correlation and weighted squared error by sums in plain Python."""

from __future__ import annotations

import math

import numpy as np


def correlation(prediction, target, importance=None):
    n = len(target)
    v = [1.0] * n if importance is None else list(importance)
    level, middle = math.fsum(prediction) / n, math.fsum(target) / n
    a, b = [t - middle for t in target], [x - level for x in prediction]
    both = math.fsum(v[i] * a[i] * b[i] for i in range(n))
    apart = math.fsum(v[i] * a[i] ** 2 for i in range(n)) * math.fsum(v[i] * b[i] ** 2 for i in range(n))
    return np.float64(1 - both / (math.sqrt(apart) + 1e-7))


def cisir(prediction, target, importance=None, correlation_importance=None, correlation_weight=0.5):
    u = np.ones(len(target)) if importance is None else importance
    error = math.fsum(w * (x - t) ** 2 for w, x, t in zip(u, prediction, target, strict=True)) / len(target)
    return error + correlation_weight * correlation(prediction, target, correlation_importance)


REFERENCES = {"correlation": correlation, "cisir": cisir}
