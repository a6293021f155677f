"""The continuous ranked probability score: closed forms by the error function, sums over pairs, and their integral."""

from __future__ import annotations

import math

import numpy as np


def expected_gap(gap, variance):
    scale = math.sqrt(variance)
    z = gap / scale
    return gap * math.erf(z / math.sqrt(2)) + scale * math.sqrt(2 / math.pi) * math.exp(-(z**2) / 2)


def crps_gaussian(mean, target, scale):
    values = np.zeros(mean.shape)
    for at in np.ndindex(values.shape):
        z = (target[at] - mean[at]) / scale[at]
        density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        values[at] = scale[at] * (z * math.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))
    return values


def crps_mixture(means, target, scales, logits):
    values = np.zeros(target.shape)
    for i in range(len(target)):
        probs = np.exp(logits[i] - logits[i].max())
        probs /= probs.sum()
        for a, p in enumerate(probs):
            values[i] += p * expected_gap(target[i] - means[i, a], scales[i, a] ** 2)
            for b, q in enumerate(probs):
                spread = scales[i, a] ** 2 + scales[i, b] ** 2
                values[i] -= 0.5 * p * q * expected_gap(means[i, a] - means[i, b], spread)
    return values


def ensemble(points, t, fair, size):
    m = len(points)
    pairs = math.fsum(size(x - y) for x in points for y in points)
    return math.fsum(size(x - t) for x in points) / m - pairs / (2 * (m * max(m - 1, 1) if fair else m * m))


def crps_histogram(logits, target, low=-10.0, high=10.0):
    """As of any distribution: the mean distance to the target, less half that between two draws."""
    rows, values = np.moveaxis(logits, 1, -1), np.zeros(target.shape)
    points = np.linspace(low, high, logits.shape[1])
    for at in np.ndindex(values.shape):
        probs = np.exp(rows[at] - rows[at].max())
        probs /= probs.sum()
        atoms = list(zip(probs, points, strict=True))
        pairs = math.fsum(p * q * abs(x - y) for p, x in atoms for q, y in atoms)
        values[at] = math.fsum(p * abs(x - target[at]) for p, x in atoms) - 0.5 * pairs
    return values


def crps_ensemble(members, target, fair=False):
    values = np.zeros(target.shape)
    for at in np.ndindex(values.shape):
        values[at] = ensemble(members[(at[0], slice(None), *at[1:])], target[at], fair, abs)
    return values


def energy_score(members, target, fair=False):
    def size(x):
        return math.sqrt(math.fsum(x**2))

    return np.array([ensemble(own, t, fair, size) for own, t in zip(members, target, strict=True)])


REFERENCES = {
    "crps_histogram": crps_histogram,
    "crps_gaussian": crps_gaussian,
    "crps_mixture": crps_mixture,
    "crps_ensemble": crps_ensemble,
    "energy_score": energy_score,
}
