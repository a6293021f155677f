"""Losses between images, pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import torch

STEADY = (1e-4, 9e-4)


def mirrored(i, size):
    """The pixel that stands for one beyond the border, which is not repeated."""
    return -i if i < 0 else 2 * (size - 1) - i if i >= size else i


def similarity(x, t, row, column, size, sigma):
    """Structural similarity of two channels around one pixel."""
    weights, pairs = [], []
    for a in range(-(size // 2), size // 2 + 1):
        for b in range(-(size // 2), size // 2 + 1):
            weights.append(1.0 if sigma is None else math.exp(-(a * a + b * b) / (2 * sigma**2)))
            at = mirrored(row + a, x.shape[0]), mirrored(column + b, x.shape[1])
            pairs.append((x[at], t[at]))
    w = np.array(weights) / math.fsum(weights)
    first, second = np.array(pairs).T
    m1, m2 = math.fsum(w * first), math.fsum(w * second)
    v1, v2 = math.fsum(w * (first - m1) ** 2), math.fsum(w * (second - m2) ** 2)
    covariance = math.fsum(w * (first - m1) * (second - m2))
    part = (2 * m1 * m2 + STEADY[0]) * (2 * covariance + STEADY[1])
    return part / ((m1**2 + m2**2 + STEADY[0]) * (v1 + v2 + STEADY[1]))


def structural_similarity(prediction, target, sigma=1.5):
    n, k, h, w = prediction.shape
    values = np.zeros(n)
    for i in range(n):
        found = [
            similarity(prediction[i, c], target[i, c], a, b, 11, sigma)
            for c in range(k)
            for a in range(h)
            for b in range(w)
        ]
        values[i] = 1 - math.fsum(found) / len(found)
    return values


def photometric_errors(prediction, target, share):
    k, h, w = prediction.shape
    found = np.zeros((h, w))
    for a, b in np.ndindex(h, w):
        own = [
            share * (1 - similarity(prediction[c], target[c], a, b, 3, None)) / 2
            + (1 - share) * abs(prediction[c, a, b] - target[c, a, b])
            for c in range(k)
        ]
        found[a, b] = math.fsum(own) / k
    return found


def photometric(prediction, target, structure_share=0.85):
    pairs = zip(prediction, target, strict=True)
    return np.array([photometric_errors(x, t, structure_share).mean() for x, t in pairs])


def minimum_photometric(views, target, structure_share=0.85):
    values = []
    for own, t in zip(views, target, strict=True):
        values.append(np.minimum.reduce([photometric_errors(x, t, structure_share) for x in own]).mean())
    return np.array(values)


def depth_smoothness(depth, image):
    n, h, w = depth.shape
    values = np.zeros(n)
    for i in range(n):
        for down, right in ((0, 1), (1, 0)):
            steps = []
            for a in range(h - down):
                for b in range(w - right):
                    edge = np.mean([abs(c[a + down, b + right] - c[a, b]) for c in image[i]])
                    steps.append(abs(depth[i, a + down, b + right] - depth[i, a, b]) * math.exp(-edge))
            values[i] += math.fsum(steps) / len(steps)
    return values


def gradient_matching(prediction, target, scales=1):
    values = np.zeros(len(prediction))
    for i, difference in enumerate(prediction - target):
        for scale in range(scales):
            part = difference[:: 2**scale, :: 2**scale]
            h, w = part.shape
            values[i] += math.fsum(abs(part[a, b + 1] - part[a, b]) for a in range(h) for b in range(w - 1))
            values[i] += math.fsum(abs(part[a + 1, b] - part[a, b]) for a in range(h - 1) for b in range(w))
        values[i] /= difference.size
    return values


def left_right_consistency(left, right):
    n, _, w = left.shape
    errors = np.zeros(left.shape)
    for at in np.ndindex(left.shape):
        place = min(max(at[2] + left[at], 0.0), w - 1.0)
        errors[at] = abs(left[at] - np.interp(place, np.arange(w), right[at[0], at[1]]))
    return errors.reshape(n, -1).mean(1)


def images(*names):
    def draw(generator, n, dtype):
        shapes = {name: (n, *([2] if name == "views" else []), 2, 6, 7) for name in names}
        unit = {name: torch.rand(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
        return {name: (0.1 + 0.8 * tensor).to(dtype) for name, tensor in unit.items()}

    return draw


REFERENCES = {
    "structural_similarity": structural_similarity,
    "photometric": photometric,
    "minimum_photometric": minimum_photometric,
    "depth_smoothness": depth_smoothness,
    "gradient_matching": gradient_matching,
    "left_right_consistency": left_right_consistency,
}
SAMPLES = {
    "structural_similarity": images("prediction", "target"),
    "photometric": images("prediction", "target"),
    "minimum_photometric": images("views", "target"),
}
