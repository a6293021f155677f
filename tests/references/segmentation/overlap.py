"""Dice losses image by image, class by class, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def distance(pairs: list[tuple[float, float]], smooth: float) -> float:
    """1 - (2 overlap + smooth) / (sizes + smooth) over the (p, t) of the pixels of one region."""
    overlap = sum((p + t - abs(p - t)) / 2 for p, t in pairs)
    sizes = sum(p + t for p, t in pairs)
    return 0.0 if sizes + smooth == 0 else 1 - (2 * overlap + smooth) / (sizes + smooth)


def seen(mask: Array | None, shape: tuple[int, ...]) -> Array:
    full = np.ones(shape, dtype=bool) if mask is None else mask
    return np.broadcast_to(full.reshape(full.shape + (1,) * (len(shape) - full.ndim)), shape)


def dice(logits: Array, target: Array, *, smooth: float = 1.0, classes: str = "all", mask: Array | None = None) -> Any:
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
        values[image] = np.mean([distance(pairs, smooth) for pairs in chosen]) if chosen else 0.0
    return values if mask is None else (values, counted.reshape(n, -1).any(1))


def binary_dice(logits: Array, target: Array, *, smooth: float = 1.0, mask: Array | None = None) -> Any:
    n = logits.shape[0]
    counted = seen(mask, logits.shape)
    values = np.zeros(n)
    for image in range(n):
        pairs = [
            (1 / (1 + float(np.exp(-logits[(image, *place)]))), float(target[(image, *place)]))
            for place in np.ndindex(logits.shape[1:])
            if counted[(image, *place)]
        ]
        values[image] = distance(pairs, smooth)
    return values if mask is None else (values, counted.reshape(n, -1).any(1))


REFERENCES = {"dice": dice, "binary_dice": binary_dice}
