"""Roots of mean squares of a batch, by sums in plain Python."""

from __future__ import annotations

import math

import numpy as np

from tests.references.forecasting.pointwise import msle


def mean(values):
    return math.fsum(values) / len(values)


def rmse(prediction, target):
    return np.float64(math.sqrt(mean([(x - t) ** 2 for x, t in zip(prediction.flat, target.flat, strict=True)])))


def rmsle(prediction, target):
    return np.float64(math.sqrt(mean(list(msle(prediction, target).flat))))


def deviation(values):
    middle = mean(values)
    return math.sqrt(mean([(value - middle) ** 2 for value in values]))


def normalized_rmse(prediction, target, scale="mean"):
    predictions, targets = list(prediction.flat), list(target.flat)
    size = {
        "mean": lambda: abs(mean(targets)),
        "range": lambda: max(targets) - min(targets),
        "std": lambda: deviation(targets),
        "prediction_std": lambda: deviation(predictions),
    }[scale]()
    return rmse(prediction, target) / size


def relative_rmse(prediction, target, averaged=True):
    error = math.fsum((x - t) ** 2 for x, t in zip(prediction.flat, target.flat, strict=True))
    error = error / prediction.size if averaged else error
    return np.float64(math.sqrt(error / math.fsum(x**2 for x in prediction.flat)))


REFERENCES = {
    "rmse": rmse,
    "rmsle": rmsle,
    "normalized_rmse": normalized_rmse,
    "relative_rmse": relative_rmse,
}
