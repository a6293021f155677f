"""Normal likelihoods weighted by their variance, one element at a time."""

from __future__ import annotations

import math

import numpy as np


def beta_nll(mean, target, variance, beta=0.5, eps=1e-6):
    values = np.zeros(mean.shape)
    for at in np.ndindex(values.shape):
        v = max(variance[at], eps)
        values[at] = v**beta * 0.5 * (math.log(v) + (target[at] - mean[at]) ** 2 / v)
    return values


REFERENCES = {"beta_nll": beta_nll}
