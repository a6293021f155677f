"""Normal likelihoods weighted by their variance, one element at a time."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import t as student


def beta_nll(mean, target, variance, beta=0.5, eps=1e-6):
    values = np.zeros(mean.shape)
    for at in np.ndindex(values.shape):
        v = max(variance[at], eps)
        values[at] = v**beta * 0.5 * (math.log(v) + (target[at] - mean[at]) ** 2 / v)
    return values


def evidential(mean, target, evidence, shape, rate, penalty=0.01):
    """The density is Student's with 2 a degrees of freedom and squared scale b (1 + v) / (v a)."""
    values = np.zeros(mean.shape)
    for at in np.ndindex(values.shape):
        v, a, b, gap = evidence[at], shape[at], rate[at], abs(target[at] - mean[at])
        scale = math.sqrt(b * (1 + v) / (v * a))
        values[at] = -student.logpdf(gap / scale, 2 * a) + math.log(scale) + penalty * gap * (2 * v + a)
    return values


REFERENCES = {"beta_nll": beta_nll, "evidential": evidential}
