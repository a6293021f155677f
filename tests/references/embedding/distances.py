"""Pairs and triplets, one item at a time."""

from __future__ import annotations

import math

import numpy as np


def cosine_embedding(first, second, target, margin=0.0):
    values = np.zeros(len(target))
    for i in range(len(target)):
        lengths = math.sqrt((sum(first[i] ** 2) + 1e-12) * (sum(second[i] ** 2) + 1e-12))
        cosine = sum(first[i] * second[i]) / lengths
        values[i] = 1 - cosine if target[i] == 1 else max(0.0, cosine - margin)
    return values


def margin_ranking(first, second, target, margin=0.0):
    values = np.zeros(first.shape)
    for at in np.ndindex(values.shape):
        values[at] = max(0.0, margin - target[at] * (first[at] - second[at]))
    return values


def triplet_margin(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False):
    def distance(x, y):
        gaps = [abs(a - b + eps) for a, b in zip(x, y, strict=True)]
        return max(gaps) if p == math.inf else sum(gap**p for gap in gaps) ** (1 / p)

    return triplets(distance, anchor, positive, negative, margin, swap)


def triplet_margin_with_distance(anchor, positive, negative, distance=None, margin=1.0, swap=False):
    if distance is None:
        flat = [np.reshape(x, (len(x), -1)) for x in (anchor, positive, negative)]
        return triplet_margin(*flat, margin=margin, swap=swap)
    return triplets(distance, anchor, positive, negative, margin, swap)


def triplets(distance, anchor, positive, negative, margin, swap):
    values = np.zeros(len(anchor))
    for i in range(len(anchor)):
        far = distance(anchor[i], negative[i])
        if swap:
            far = min(far, distance(positive[i], negative[i]))
        values[i] = max(0.0, distance(anchor[i], positive[i]) - far + margin)
    return values


REFERENCES = {
    "cosine_embedding": cosine_embedding,
    "margin_ranking": margin_ranking,
    "triplet_margin": triplet_margin,
    "triplet_margin_with_distance": triplet_margin_with_distance,
}
