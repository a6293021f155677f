"""Overlaps of boxes, one pair after another."""

from __future__ import annotations

import math

import numpy as np
import torch


def overlap(box, other):
    width = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
    height = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
    union = area(box) + area(other) - width * height
    return width * height / union, union


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def hull(box, other):
    return [min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3])]


def box_iou(boxes, target):
    return np.array([1 - overlap(*pair)[0] for pair in zip(boxes, target, strict=True)])


def generalized_box_iou(boxes, target):
    found = []
    for pair in zip(boxes, target, strict=True):
        shared, union = overlap(*pair)
        found.append(1 - shared + (area(hull(*pair)) - union) / area(hull(*pair)))
    return np.array(found)


def distance_box_iou(boxes, target):
    found = []
    for box, other in zip(boxes, target, strict=True):
        around = hull(box, other)
        diagonal = (around[2] - around[0]) ** 2 + (around[3] - around[1]) ** 2
        centre = [((box[a] + box[a + 2]) - (other[a] + other[a + 2])) / 2 for a in (0, 1)]
        found.append(1 - overlap(box, other)[0] + (centre[0] ** 2 + centre[1] ** 2) / diagonal)
    return np.array(found)


def complete_box_iou(boxes, target):
    found = distance_box_iou(boxes, target)
    for i, (box, other) in enumerate(zip(boxes, target, strict=True)):
        angles = [math.atan((b[2] - b[0]) / (b[3] - b[1])) for b in (other, box)]
        v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
        found[i] += v * v / (1 - overlap(box, other)[0] + v)
    return found


def draw(generator, n, dtype):
    """Pairs of boxes that overlap in part."""

    def boxes():
        corner = 2 * torch.rand(n, 2, generator=generator, dtype=torch.float64)
        sides = 0.5 + 2 * torch.rand(n, 2, generator=generator, dtype=torch.float64)
        return torch.cat([corner, corner + sides], 1).to(dtype)

    return {"boxes": boxes(), "target": boxes()}


REFERENCES = {
    "box_iou": box_iou,
    "generalized_box_iou": generalized_box_iou,
    "distance_box_iou": distance_box_iou,
    "complete_box_iou": complete_box_iou,
}
SAMPLES = dict.fromkeys(REFERENCES, draw)
