"""The adaptive robust loss, its density normalised by adaptive quadrature."""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import quad


def rho(x, alpha):
    gap = 2 - alpha
    return gap / alpha * ((x**2 / gap + 1) ** (alpha / 2) - 1)


def adaptive_robust(prediction, target, *, state, **start):
    alpha = 0.001 + 1.998 / (1 + math.exp(-state["alpha_logit"]))
    scale = math.exp(state["log_scale"])
    z = 2 * quad(lambda x: math.exp(-rho(x, alpha)), 0, math.inf, epsabs=1e-14, epsrel=1e-13, limit=500)[0]
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        values[at] = rho((prediction[at] - target[at]) / scale, alpha) + math.log(scale * z)
    return values


REFERENCES = {"adaptive_robust": adaptive_robust}
ARGUMENTS = {"adaptive_robust": {"alpha": 0.8, "scale": 1.7}}
