"""Tversky and Jaccard losses image by image, class by class, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities
from tests.references.segmentation.overlap import seen


def distance(pairs: list[tuple[float, float]], false_alarms: float, misses: float, smooth: float) -> float:
    """1 - (TP + smooth) / (TP + a FP + b FN + smooth) over the (p, t) of the pixels of one region."""
    hits = sum(min(p, t) for p, t in pairs)
    whole = hits + sum(false_alarms * max(p - t, 0) + misses * max(t - p, 0) for p, t in pairs)
    return 0.0 if whole + smooth == 0 else 1 - (hits + smooth) / (whole + smooth)


def tversky(
    logits: Array, target: Array, *, false_alarms: float = 0.3, misses: float = 0.7, focus: float = 1.0,
    smooth: float = 1.0, classes: str = "all", mask: Array | None = None,
) -> Any:  # fmt: skip
    n, c = logits.shape[:2]
    soft = np.issubdtype(target.dtype, np.floating)
    counted = seen(mask, (n, *logits.shape[2:]))
    values = np.zeros(n)
    for image in range(n):
        regions: list[list[tuple[float, float]]] = [[] for _ in range(c)]
        for place in np.ndindex(logits.shape[2:]):
            if counted[(image, *place)]:
                log_p = log_probabilities(logits[(image, slice(None), *place)])
                truth = target[(image, slice(None), *place)] if soft else np.eye(c)[target[(image, *place)]]
                for k in range(c):
                    regions[k].append((float(np.exp(log_p[k])), float(truth[k])))
        chosen = [pairs for pairs in regions if classes == "all" or sum(t for _, t in pairs) > 0]
        found = [max(distance(pairs, false_alarms, misses, smooth), 0.0) ** focus for pairs in chosen]
        values[image] = np.mean(found) if chosen else 0.0
    return values if mask is None else (values, counted.reshape(n, -1).any(1))


def binary_tversky(
    logits: Array, target: Array, *, false_alarms: float = 0.3, misses: float = 0.7, focus: float = 1.0,
    smooth: float = 1.0, mask: Array | None = None,
) -> Any:  # fmt: skip
    n = logits.shape[0]
    counted = seen(mask, logits.shape)
    values = np.zeros(n)
    for image in range(n):
        pairs = [
            (1 / (1 + float(np.exp(-logits[(image, *place)]))), float(target[(image, *place)]))
            for place in np.ndindex(logits.shape[1:])
            if counted[(image, *place)]
        ]
        values[image] = max(distance(pairs, false_alarms, misses, smooth), 0.0) ** focus
    return values if mask is None else (values, counted.reshape(n, -1).any(1))


def jaccard(logits: Array, target: Array, **named: Any) -> Any:
    return tversky(logits, target, false_alarms=1.0, misses=1.0, **named)


def binary_jaccard(logits: Array, target: Array, **named: Any) -> Any:
    return binary_tversky(logits, target, false_alarms=1.0, misses=1.0, **named)


REFERENCES = {
    "tversky": tversky,
    "binary_tversky": binary_tversky,
    "jaccard": jaccard,
    "binary_jaccard": binary_jaccard,
}
