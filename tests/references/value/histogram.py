"""Histograms of a target, bin by bin."""

from __future__ import annotations

import math

import numpy as np


def cross_entropy(probs, logits):
    top = logits.max()
    total = top + math.log(math.fsum(math.exp(z - top) for z in logits))
    return math.fsum(p * (total - z) for p, z in zip(probs, logits, strict=True))


def upper(z):
    return 0.5 * math.erfc(z / math.sqrt(2))


def gaussian(target, bins, low, high, sigma_ratio, clamp=True):
    width = (high - low) / bins
    sigma, t = sigma_ratio * width, min(max(target, low), high) if clamp else target
    mass = []
    for k in range(bins):
        left, right = (low + k * width - t) / sigma, (low + (k + 1) * width - t) / sigma
        mass.append(upper(left) - upper(right) if left > 0 else upper(-right) - upper(-left))
    if not math.fsum(mass):  # nothing is left of it within the support
        return [float(k == (bins - 1 if t > high else 0)) for k in range(bins)]
    return [p / math.fsum(mass) for p in mass]


def beside(target, bins, low, high):
    spacing, t = (high - low) / (bins - 1), min(max(target, low), high)
    below = min(int((t - low) / spacing), bins - 2)
    share = (t - low) / spacing - below
    probs = [0.0] * bins
    probs[below], probs[below + 1] = 1 - share, share
    return probs


def hl_gauss(logits, target, low=-10.0, high=10.0, sigma_ratio=0.75, clamp=True):
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        own = logits[(at[0], slice(None), *at[1:])]
        values[at] = cross_entropy(gaussian(target[at], len(own), low, high, sigma_ratio, clamp), own)
    return values


def two_hot(logits, target, low=-10.0, high=10.0):
    values = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        own = logits[(at[0], slice(None), *at[1:])]
        values[at] = cross_entropy(beside(target[at], len(own), low, high), own)
    return values


def categorical_projection(logits, target_probs, target_atoms, low=-10.0, high=10.0):
    values = np.zeros(len(logits))
    for i in range(len(logits)):
        probs = np.zeros(logits.shape[1])
        for mass, atom in zip(target_probs[i], target_atoms[i], strict=True):
            probs += mass * np.array(beside(atom, len(probs), low, high))
        values[i] = cross_entropy(probs, logits[i])
    return values


REFERENCES = {"hl_gauss": hl_gauss, "two_hot": two_hot, "categorical_projection": categorical_projection}
