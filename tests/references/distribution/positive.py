"""Likelihoods of amounts and counts, one element at a time."""

from __future__ import annotations

import math

import numpy as np


def each(value, *arrays):
    values = np.zeros(arrays[0].shape)
    for at in np.ndindex(values.shape):
        values[at] = value(*(array[at] for array in arrays))
    return values


def gamma_nll(log_mean, target):
    return each(lambda x, t: math.log(math.exp(x)) + t / math.exp(x), log_mean, target)


def tweedie(log_mean, target, power=1.5):
    def value(x, t):
        mean = math.exp(x)
        return mean ** (2 - power) / (2 - power) - t * mean ** (1 - power) / (1 - power)

    return each(value, log_mean, target)


def negative_binomial_nll(log_mean, target, log_dispersion):
    def value(x, t, log_a):
        mean, size = math.exp(x), math.exp(-log_a)
        success = size / (size + mean)
        choose = math.lgamma(t + size) - math.lgamma(size) - math.lgamma(t + 1)
        return -(choose + size * math.log(success) + t * math.log(1 - success))

    return each(value, log_mean, target, log_dispersion)


def zero_inflated_poisson_nll(log_rate, target, zero_logit):
    def value(x, t, g):
        rate, own = math.exp(x), 1 / (1 + math.exp(-g))
        if t == 0:
            return -math.log(own + (1 - own) * math.exp(-rate))
        return -math.log(1 - own) + rate - t * x + math.lgamma(t + 1)

    return each(value, log_rate, target, zero_logit)


def counts(*names):
    """A sampler of whole counts, of which some are 0."""

    def draw(generator, n, dtype):
        import torch

        tensors = {name: torch.randn(n, 3, generator=generator, dtype=torch.float64).to(dtype) for name in names}
        drawn = torch.randint(0, 4, (n, 3), generator=generator).to(dtype)
        return {names[0]: tensors[names[0]], "target": drawn, names[1]: tensors[names[1]]}

    return draw


REFERENCES = {
    "gamma_nll": gamma_nll,
    "tweedie": tweedie,
    "negative_binomial_nll": negative_binomial_nll,
    "zero_inflated_poisson_nll": zero_inflated_poisson_nll,
}
SAMPLES = {
    "negative_binomial_nll": counts("log_mean", "log_dispersion"),
    "zero_inflated_poisson_nll": counts("log_rate", "zero_logit"),
}
