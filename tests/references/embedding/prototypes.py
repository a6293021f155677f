"""The nearest foreign prototype, and neighbourhoods sorted item by item."""

from __future__ import annotations

import math

import numpy as np


def apart(x, y):
    return math.sqrt(math.fsum((x - y) ** 2) + 1e-6)


def proto_triplet(query, label, prototypes, margin=0.5):
    values = []
    for x, y in zip(query, label, strict=True):
        distances = [apart(x, prototype) for prototype in prototypes]
        rival = min(d for c, d in enumerate(distances) if c != y)
        values.append(max(0.0, distances[y] - rival + margin))
    return np.array(values)


def mean(values):
    return math.fsum(values) / (len(values) + 1e-7) if len(values) else 0.0


def neighborhood_quality(embedding, label, k=4, neighbors=None, mask=None):
    items = [i for i in range(len(label)) if mask is None or mask[i]]
    n = len(items)
    sizes = [sum(label[j] == label[i] for j in items) for i in items]
    sought = max(sizes, default=0) if neighbors is None else neighbors
    small = k + 2 >= n
    judged = max(n - 2, 0) if small else k
    same, different, purity = [], [], []
    for i in items:
        others = sorted((j for j in items if j != i), key=lambda j: apart(embedding[i], embedding[j]))
        found = [(apart(embedding[i], embedding[j]), label[i] == label[j]) for j in others[:sought]]
        rivals = [d for d, mate in found if not mate]
        near = found[:judged]
        ratios = [d / (rivals[0] + 1e-7) if rivals else 0.0 for d, _ in near]
        ratios = [ratio / max(1.0, *ratios) for ratio in ratios]
        same.append([ratio for ratio, (_, mate) in zip(ratios, near, strict=True) if mate])
        different.append([d for d, mate in near if not mate])
        purity.append(sum(mate for _, mate in near) / judged if judged else 0.0)
    widest = max((d for row in different for d in row), default=0.0)
    lambda_same = 1 - mean([mean(row) for row in same if row])
    scaled = [mean([d / (widest + 1e-7) for d in row]) for row in different if row]
    lambda_different = mean(scaled) if scaled else 1.0
    gamma = 1.0 if small else sum(purity) / n
    return np.float64(-math.log(((lambda_same + lambda_different) / 2 + gamma) / 2))


REFERENCES = {"proto_triplet": proto_triplet, "neighborhood_quality": neighborhood_quality}
