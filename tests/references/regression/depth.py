"""Losses of depth maps, image by image."""

from __future__ import annotations

import math

import numpy as np

from tests.references.segmentation.overlap import seen


def chosen(prediction, target, mask):
    counted = seen(mask, prediction.shape).reshape(len(prediction), -1)
    flat = [field.reshape(len(field), -1) for field in (prediction, target)]
    return [(x[own], t[own]) for x, t, own in zip(*flat, counted, strict=True)], counted.any(1)


def each_image(function):
    def reference(prediction, target, mask=None, **named):
        images, any_pixel = chosen(prediction, target, mask)
        values = np.array([function(x, t, **named) if len(x) else 0.0 for x, t in images])
        return values if mask is None else (values, any_pixel)

    return reference


@each_image
def scale_invariant_depth(x, t, variance_share=0.5):
    errors = [math.log(a) - math.log(b) for a, b in zip(x, t, strict=True)]
    mean = math.fsum(errors) / len(errors)
    return math.fsum(e * e for e in errors) / len(errors) - variance_share * mean**2


@each_image
def scale_shift_invariant_depth(x, t):
    design = np.stack([x, np.ones_like(x)], 1)
    found = np.linalg.lstsq(design, t, rcond=None)[0]
    return 0.5 * float(np.mean((design @ found - t) ** 2))


@each_image
def median_aligned_depth(x, t, kept=0.8):
    def standard(field):
        distances = [float(value) - float(np.median(field)) for value in field]
        size = math.fsum(map(abs, distances)) / len(distances)
        return [distance / size if size else 0.0 for distance in distances]

    errors = sorted(abs(a - b) for a, b in zip(standard(x), standard(t), strict=True))
    return math.fsum(errors[: math.floor(kept * len(errors) + 1e-6)]) / (2 * len(errors))


def berhu(prediction, target, share=0.2, threshold=None, mask=None):
    counted = seen(mask, prediction.shape)
    sizes = np.abs(prediction - target)
    largest = max((size for size, own in zip(sizes.flat, counted.flat, strict=True) if own), default=0.0)
    edge = share * largest if threshold is None else threshold
    values = np.zeros(sizes.shape)
    for at in np.ndindex(sizes.shape):
        if counted[at]:
            values[at] = sizes[at] if sizes[at] <= edge else (sizes[at] ** 2 + edge**2) / (2 * edge)
    return values


REFERENCES = {
    "scale_invariant_depth": scale_invariant_depth,
    "scale_shift_invariant_depth": scale_shift_invariant_depth,
    "median_aligned_depth": median_aligned_depth,
    "berhu": berhu,
}
