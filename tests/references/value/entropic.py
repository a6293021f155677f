"""Exponential utilities, one element at a time; the integral of the softplus loss by quadrature."""

from __future__ import annotations

import math

import numpy as np

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)


def each(prediction, target, value):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = value(prediction[at], target[at])
    return values


def itakura_saito(prediction, target, risk_aversion=1.0, max_exponent=700.0):
    def value(x, t):
        u = risk_aversion * (x - t)
        if u > max_exponent:
            top = math.exp(max_exponent)
            return (top - max_exponent - 1 + (top - 1) * (u - max_exponent)) / risk_aversion**2
        if abs(u) > 1:
            return (math.exp(u) - u - 1) / risk_aversion**2
        return math.fsum(u**k / math.factorial(k) for k in range(2, 30)) / risk_aversion**2

    return each(prediction, target, value)


def entropic_mse(prediction, target, risk_aversion=1.0):
    a = risk_aversion
    return each(prediction, target, lambda x, t: (math.exp(-a * x) - math.exp(-a * t)) ** 2 / (2 * a**2))


def entropic_softplus(prediction, target, risk_aversion=1.0):
    def value(x, t):
        places = (x - t) * (NODES + 1) / 2
        slopes = 2 * places / (1 + np.exp(-risk_aversion * places))
        return (x - t) / 2 * np.sum(WEIGHTS * slopes)

    return each(prediction, target, value)


def entropic_policy(advantage, risk_aversion=1.0):
    values = np.zeros(advantage.shape)
    for at in np.ndindex(values.shape):
        values[at] = math.expm1(-risk_aversion * advantage[at]) / risk_aversion
    return values


REFERENCES = {
    "itakura_saito": itakura_saito,
    "entropic_mse": entropic_mse,
    "entropic_softplus": entropic_softplus,
    "entropic_policy": entropic_policy,
}
