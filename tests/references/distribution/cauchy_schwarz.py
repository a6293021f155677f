"""Cauchy-Schwarz divergences by sums over pairs of items."""

from __future__ import annotations

import math

import numpy as np


def kernel(a, b, sigma):
    return math.exp(-math.fsum((a - b) ** 2) / (2 * sigma**2))


def mean(a, b, sigma):
    return math.fsum(kernel(x, y, sigma) for x in a for y in b) / (len(a) * len(b))


def cs_divergence(samples, target, sigma=1.0):
    own = math.log(mean(samples, samples, sigma)) + math.log(mean(target, target, sigma))
    return np.float64(own - 2 * math.log(mean(samples, target, sigma)))


def conditional_cs_divergence(prediction, target, features, sigma_features=1.0, sigma=1.0, denominator="kde"):
    n = len(target)

    def term(a, b):
        total = 0.0
        for j in range(n):
            near = [kernel(features[j], features[i], sigma_features) for i in range(n)]
            c = math.fsum(near) ** 2 if denominator == "kde" else math.fsum(k**2 for k in near)
            total += math.fsum(near[i] * kernel(a[j], b[i], sigma) for i in range(n)) / c
        return math.log(total)

    return np.float64(term(target, target) + term(prediction, prediction) - 2 * term(prediction, target))


REFERENCES = {"cs_divergence": cs_divergence, "conditional_cs_divergence": conditional_cs_divergence}
