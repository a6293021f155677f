"""Relations among the items of a batch, pair by pair and triple by triple."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def pearson(a: Array, b: Array, share: Array) -> float:
    a, b = a - share @ a, b - share @ b
    lengths = np.sqrt((share @ a**2) * (share @ b**2))
    return float(share @ (a * b) / lengths)


def correlation_distillation(
    logits: Array, teacher_logits: Array, *, inter_weight: float = 1.0, intra_weight: float = 1.0,
    temperature: float = 1.0, weight: Array | None = None, mask: Array | None = None,
) -> Any:  # fmt: skip
    kept = np.arange(len(logits)) if mask is None else np.flatnonzero(mask)
    share = np.ones(len(kept)) if weight is None else weight[kept]
    share = share / share.sum()
    q, p = (
        np.array([np.exp(log_probabilities(row / temperature)) for row in scores[kept]])
        for scores in (logits, teacher_logits)
    )
    classes = q.shape[1]
    lengths = [(a - a.mean(), b - b.mean()) for a, b in zip(q, p, strict=True)]
    inter = sum(w * (1 - a @ b / np.sqrt((a @ a) * (b @ b))) for w, (a, b) in zip(share, lengths, strict=True))
    intra = np.mean([1 - pearson(q[:, k], p[:, k], share) for k in range(classes)])
    return np.array(temperature**2 * (inter_weight * inter + intra_weight * intra))


def huber(x: float) -> float:
    return x * x / 2 if abs(x) < 1 else abs(x) - 0.5


def relational_distance(features: Array, teacher_features: Array, *, mask: Array | None = None) -> Any:
    kept = [i for i in range(len(features)) if mask is None or mask[i]]
    means = [
        np.mean([np.sqrt(np.sum((x[i] - x[j]) ** 2)) for i in kept for j in kept if i != j])
        for x in (features, teacher_features)
    ]
    values = np.zeros(len(features))
    for i in kept:
        for j in kept:
            if i != j:
                first, second = (
                    np.sqrt(np.sum((x[i] - x[j]) ** 2)) / mean
                    for x, mean in zip((features, teacher_features), means, strict=True)
                )
                values[i] += huber(first - second) / (len(kept) - 1)
    return values


def angle(x: Array, i: int, j: int, k: int) -> float:
    a, b = x[j] - x[i], x[k] - x[i]
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def relational_angle(features: Array, teacher_features: Array, *, mask: Array | None = None) -> Any:
    kept = [i for i in range(len(features)) if mask is None or mask[i]]
    values = np.zeros(len(features))
    for i in kept:
        triples = [(j, k) for j in kept for k in kept if len({i, j, k}) == 3]
        for j, k in triples:
            values[i] += huber(angle(features, i, j, k) - angle(teacher_features, i, j, k)) / len(triples)
    return values


REFERENCES = {
    "correlation_distillation": correlation_distillation,
    "relational_distance": relational_distance,
    "relational_angle": relational_angle,
}
