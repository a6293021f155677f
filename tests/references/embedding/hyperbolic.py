"""Losses in the Poincaré ball, one point at a time, with the steps of the ball's arithmetic written out."""

from __future__ import annotations

import math

import numpy as np


def length(x):
    return math.sqrt(sum(a * a for a in x))


def add(x, y, c, eps):
    xy, xx, yy = float(np.dot(x, y)), float(np.dot(x, x)), float(np.dot(y, y))
    above = (1 + 2 * c * xy + c * yy) * x + (1 - c * xx) * y
    return above / (1 + 2 * c * xy + c * c * xx * yy + eps)


def inside(x, c):
    radius = (1 - 1e-3) / math.sqrt(c)
    return x * (radius / length(x)) if length(x) > radius else x


def exp0(u, c):
    size = math.sqrt(c) * length(u)
    return math.tanh(size) * u / size


def pairwise_confusion(first, second, curvature=0.1, inverse="artanh", eps=1e-5):
    undo = {"artanh": math.atanh, "arctan": math.atan}[inverse]
    root = math.sqrt(curvature)
    values = np.zeros(len(first))
    for i in range(len(first)):
        way = add(-inside(first[i], curvature), inside(second[i], curvature), curvature, eps)
        values[i] = undo(min(root * length(way), 1 - 1e-5)) / root
    return values


def hyperbolic_cross_entropy(points, target, normals, offsets, curvature=0.1, eps=1e-5):
    root = math.sqrt(curvature)
    values = np.zeros(len(points))
    for i, y in enumerate(target):
        logits = []
        for a, p in zip(normals, offsets, strict=True):
            anchor = inside(exp0(p, curvature), curvature)
            normal = a * (1 - curvature * length(anchor) ** 2)
            m = add(-anchor, inside(points[i], curvature), curvature, eps)
            factor = 2 / (1 - curvature * length(anchor) ** 2)
            sine = 2 * root * float(np.dot(m, normal)) / (length(normal) * (1 - curvature * length(m) ** 2))
            logits.append(factor * length(normal) / root * math.asinh(sine))
        top = max(logits)
        values[i] = top + math.log(sum(math.exp(z - top) for z in logits)) - logits[y]
    return values


REFERENCES = {"pairwise_confusion": pairwise_confusion, "hyperbolic_cross_entropy": hyperbolic_cross_entropy}
