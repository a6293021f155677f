"""The frame of every pair loss's reference: each anchor's similarities to its positives and to its negatives."""

from __future__ import annotations

import math

import numpy as np


def cosine(x, y):
    lengths = math.sqrt(sum(x**2)) * math.sqrt(sum(y**2))
    return sum(x * y) / lengths if lengths else 0.0


def unit(x):
    length = math.sqrt(sum(x**2))
    return x / length if length else x


SIMILARITIES = {
    "cosine": cosine,
    "dot": lambda x, y: sum(x * y),
    "euclidean": lambda x, y: -math.sqrt(sum((x - y) ** 2)),
    "squared_euclidean": lambda x, y: -sum((x - y) ** 2),
    "normalized_euclidean": lambda x, y: -math.sqrt(sum((unit(x) - unit(y)) ** 2)),
    "normalized_squared_euclidean": lambda x, y: -sum((unit(x) - unit(y)) ** 2),
}


def by_anchor(value, embedding, label, reference=None, reference_label=None, pair_mask=None, similarity="cosine"):
    """``value(positives, negatives)`` gives an anchor's value and count from two lists of similarities."""
    compare = SIMILARITIES[similarity]
    itself = reference is None
    columns, theirs = (embedding, label) if itself else (reference, reference_label)
    values, counts = np.zeros(len(embedding)), np.zeros(len(embedding))
    for i in range(len(embedding)):
        positives, negatives = [], []
        for j in range(len(columns)):
            if (itself and i == j) or (pair_mask is not None and not pair_mask[i, j]):
                continue
            (positives if label[i] == theirs[j] else negatives).append(compare(embedding[i], columns[j]))
        values[i], counts[i] = value(positives, negatives)
    return values, counts


def by_view(value, first, second, negative=None, label=None, symmetric=False, similarity="cosine"):
    """The same for two views: item i of the second belongs to anchor i; ``negative`` are further items."""
    compare = SIMILARITIES[similarity]

    def one_way(anchors, others, further):
        values, counts = np.zeros(len(anchors)), np.zeros(len(anchors))
        for i in range(len(anchors)):
            negatives = [
                compare(anchors[i], others[j])
                for j in range(len(others))
                if j != i and (label is None or label[i] != label[j])
            ] + [compare(anchors[i], other) for other in further]
            values[i], counts[i] = value([compare(anchors[i], others[i])], negatives)
        return values, counts

    values, counts = one_way(first, second, [] if negative is None else negative)
    if symmetric:
        back, again = one_way(second, first, [])
        values, counts = (values + back) / 2, (counts + again) / 2
    return values, counts
