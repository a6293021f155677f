"""Cross-entropies of tokens and likelihoods of sequences, place by place."""

from __future__ import annotations

import math

import numpy as np

from tests.references.classification.focal import log_probabilities
from tests.references.soft import expected


def places(logits, target):
    """(place, log-probabilities, label) of every label."""
    rows = np.moveaxis(logits, 1, -1)
    for place in np.ndindex(target.shape):
        yield place, np.array(log_probabilities(rows[place])), int(target[place])


def smoothed(log_p, label, smoothing):
    return -(1 - smoothing) * log_p[label] - smoothing * log_p.mean()


def sequence_nll(logits, target, label_smoothing=0.0, length_power=0.0, mask=None):
    values, counts = np.zeros(len(target)), np.zeros(len(target))
    for place, log_p, label in places(logits, target):
        if mask is None or mask[place]:
            values[place[0]] += smoothed(log_p, label, label_smoothing)
            counts[place[0]] += 1
    return values / np.maximum(counts, 1) ** length_power, counts > 0


@expected
def z_regularized(logits, target, coefficient=1e-4, label_smoothing=0.0):
    rows, values = np.moveaxis(logits, 1, -1), np.zeros(target.shape)
    for place, log_p, label in places(logits, target):
        log_normalizer = math.log(sum(math.exp(z) for z in rows[place]))
        values[place] = smoothed(log_p, label, label_smoothing) + coefficient * log_normalizer**2
    return values


@expected
def entropy_regularized(logits, target, entropy_weight=0.1, label_smoothing=0.0):
    values = np.zeros(target.shape)
    for place, log_p, label in places(logits, target):
        entropy = -sum(math.exp(x) * x for x in log_p)
        values[place] = smoothed(log_p, label, label_smoothing) - entropy_weight * entropy
    return values


REFERENCES = {
    "sequence_nll": sequence_nll,
    "z_regularized_cross_entropy": z_regularized,
    "entropy_regularized_cross_entropy": entropy_regularized,
}
