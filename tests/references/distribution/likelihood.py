"""Likelihoods and the Kullback-Leibler terms, one element at a time."""

from __future__ import annotations

import math

import numpy as np
import torch


def poisson_nll(prediction, target, log_input=True, full=False, eps=1e-8):
    values = np.zeros(prediction.shape)
    for at in np.ndindex(values.shape):
        x, t = float(prediction[at]), float(target[at])
        values[at] = math.exp(x) - t * x if log_input else x - t * math.log(x + eps)
        if full and t > 1:
            values[at] += t * math.log(t) - t + 0.5 * math.log(2 * math.pi * t)
    return values


def gaussian_nll(mean, target, variance, full=False, eps=1e-6):
    values = np.zeros(mean.shape)
    for at in np.ndindex(values.shape):
        v = max(float(variance[at]), eps)
        values[at] = 0.5 * (math.log(v) + (mean[at] - target[at]) ** 2 / v)
        if full:
            values[at] += 0.5 * math.log(2 * math.pi)
    return values


def kl_div(log_probs, target, log_target=False):
    values = np.zeros(log_probs.shape)
    for at in np.ndindex(values.shape):
        t = math.exp(target[at]) if log_target else float(target[at])
        values[at] = t * (math.log(t) - log_probs[at]) if t > 0 else 0.0
    return values


def sample_kl_div(generator, n=5, dtype=torch.float64):
    """Log-probabilities and probabilities of four classes."""
    log_probs = torch.randn(n, 4, generator=generator, dtype=torch.float64).log_softmax(1)
    target = torch.randn(n, 4, generator=generator, dtype=torch.float64).softmax(1)
    return {"log_probs": log_probs.to(dtype), "target": target.to(dtype)}


REFERENCES = {"poisson_nll": poisson_nll, "gaussian_nll": gaussian_nll, "kl_div": kl_div}
SAMPLES = {"kl_div": sample_kl_div}
