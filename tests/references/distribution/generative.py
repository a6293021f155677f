"""Losses of generators, item by item."""

from __future__ import annotations

import math

import numpy as np


def items(array):
    return [list(row) for row in array.reshape(len(array), -1)]


def standard_normal_kl(mean, log_variance):
    pairs = zip(items(mean), items(log_variance), strict=True)
    return np.array([-0.5 * math.fsum(1 + v - m * m - math.exp(v) for m, v in zip(*own, strict=True)) for own in pairs])


def flow_nll(latent, log_determinant):
    codes = zip(items(latent), log_determinant, strict=True)
    return np.array(
        [-math.fsum(math.log(math.exp(-z * z / 2) / math.sqrt(2 * math.pi)) for z in code) - ld for code, ld in codes]
    )


def wasserstein_critic(scores, generated):
    return -(scores - generated)


def gradient_penalty(gradients, norm=1.0):
    return np.array([(math.hypot(*own) - norm) ** 2 for own in items(gradients)])


def contrastive_divergence(energy, sampled):
    return energy - sampled


REFERENCES = {
    "standard_normal_kl": standard_normal_kl,
    "flow_nll": flow_nll,
    "wasserstein_critic": wasserstein_critic,
    "gradient_penalty": gradient_penalty,
    "contrastive_divergence": contrastive_divergence,
}
