"""Regression with classification, item by item."""

from __future__ import annotations

import math

import numpy as np

from tests.references.value.histogram import cross_entropy


def regression_with_classification(prediction, target, logits, labels, regression_weight=100.0, regression="mse"):
    errors, surprises = [], []
    for x, t, z, y in zip(prediction, target, logits, labels, strict=True):
        errors.append((x - t) ** 2 if regression == "mse" else abs(x - t))
        if y >= 0:
            surprises.append(cross_entropy(np.eye(len(z))[y], z))
    first = math.fsum(errors) / len(errors)
    second = math.fsum(surprises) / len(surprises) if surprises else 0.0
    return np.float64(regression_weight * first + second)


REFERENCES = {"regression_with_classification": regression_with_classification}
