"""Logistic and hinge losses of single decisions, one element at a time."""

from __future__ import annotations

import math

import numpy as np


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def binary_cross_entropy(logits, target, positive_weight=None):
    weight = np.broadcast_to(1.0 if positive_weight is None else positive_weight, logits.shape)
    values = np.zeros(logits.shape)
    for at in np.ndindex(logits.shape):
        values[at] = weight[at] * target[at] * softplus(-logits[at]) + (1 - target[at]) * softplus(logits[at])
    return values


def binary_cross_entropy_from_probs(probs, target):
    def log(p):
        return max(math.log(p), -100.0) if p > 0 else -100.0

    values = np.zeros(probs.shape)
    for at in np.ndindex(probs.shape):
        values[at] = -target[at] * log(probs[at]) - (1 - target[at]) * log(1 - probs[at])
    return values


def soft_margin(logits, target):
    values = np.zeros(logits.shape)
    for at in np.ndindex(logits.shape):
        values[at] = softplus(-target[at] * logits[at])
    return values


def multilabel_soft_margin(logits, target, class_weight=None):
    items, classes = logits.shape
    weight = np.ones(classes) if class_weight is None else class_weight
    values = np.zeros(items)
    for i in range(items):
        for k in range(classes):
            yes, no = softplus(-logits[i, k]), softplus(logits[i, k])
            values[i] += weight[k] * (target[i, k] * yes + (1 - target[i, k]) * no) / classes
    return values


def hinge_embedding(distance, target, margin=1.0):
    values = np.zeros(distance.shape)
    for at in np.ndindex(distance.shape):
        values[at] = distance[at] if target[at] == 1 else max(0.0, margin - distance[at])
    return values


REFERENCES = {
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_from_probs": binary_cross_entropy_from_probs,
    "soft_margin": soft_margin,
    "multilabel_soft_margin": multilabel_soft_margin,
    "hinge_embedding": hinge_embedding,
}
