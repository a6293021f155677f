"""Lovász extensions, by the definition: the Jaccard distance of sets of changed pixels that grow one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities
from tests.references.segmentation.overlap import seen


def jaccard_distance(truth: set[int], changed: set[int]) -> float:
    """Distance of a region from itself with some pixels changed: the share of the union that they are."""
    return len(changed) / len(truth | changed) if changed else 0.0


def extension(errors: list[float], truth: list[int]) -> float:
    region = {i for i, inside in enumerate(truth) if inside}
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    total, before, changed = 0.0, 0.0, set()
    for i in order:
        changed.add(i)
        after = jaccard_distance(region, changed)
        total += max(errors[i], 0.0) * (after - before)
        before = after
    return total


def lovasz_hinge(logits: Array, target: Array, *, mask: Array | None = None) -> Any:
    n = logits.shape[0]
    counted = seen(mask, logits.shape)
    values = np.zeros(n)
    for image in range(n):
        places = [(image, *p) for p in np.ndindex(logits.shape[1:]) if counted[(image, *p)]]
        errors = [1 - (2 * float(target[p]) - 1) * float(logits[p]) for p in places]
        values[image] = extension(errors, [int(target[p]) for p in places])
    return values if mask is None else (values, counted.reshape(n, -1).any(1))


def lovasz_softmax(logits: Array, target: Array, *, classes: str = "present", mask: Array | None = None) -> Any:
    n, c = logits.shape[:2]
    counted = seen(mask, (n, *logits.shape[2:]))
    values = np.zeros(n)
    for image in range(n):
        places = [p for p in np.ndindex(logits.shape[2:]) if counted[(image, *p)]]
        probs = [np.exp(log_probabilities(logits[(image, slice(None), *p)])) for p in places]
        labels = [int(target[(image, *p)]) for p in places]
        chosen = [k for k in range(c) if classes == "all" or k in labels]
        found = []
        for k in chosen:
            truth = [int(label == k) for label in labels]
            found.append(extension([abs(t - float(p[k])) for t, p in zip(truth, probs, strict=True)], truth))
        values[image] = np.mean(found) if found else 0.0
    return values if mask is None else (values, counted.reshape(n, -1).any(1))


REFERENCES = {"lovasz_hinge": lovasz_hinge, "lovasz_softmax": lovasz_softmax}
