"""Agreement of two views, by cosines and correlations one by one."""

from __future__ import annotations

import math

import numpy as np


def cosine(x, y):
    return math.fsum(x * y) / math.sqrt(math.fsum(x * x) * math.fsum(y * y))


def simsiam(prediction_1, prediction_2, projection_1, projection_2):
    rows = zip(prediction_1, prediction_2, projection_1, projection_2, strict=True)
    return np.array([-(cosine(p1, z2) + cosine(p2, z1)) / 2 for p1, p2, z1, z2 in rows])


def barlow_twins(view_1, view_2, redundancy=5e-3, weight=None, mask=None):
    shares, total = shares_of(view_1, weight, mask), 0.0
    for i, x in enumerate(view_1.T):
        for j, y in enumerate(view_2.T):
            found = correlation(x, y, shares)
            total += (1 - found) ** 2 if i == j else redundancy * found**2
    return np.float64(total)


def shares_of(view, weight, mask):
    shares = np.ones(len(view)) if weight is None else np.asarray(weight, float)
    return shares if mask is None else shares * mask


def correlation(x, y, shares):
    x, y = (v - math.fsum(shares * v) / math.fsum(shares) for v in (x, y))
    return math.fsum(shares * x * y) / math.sqrt(math.fsum(shares * x * x) * math.fsum(shares * y * y))


def multi_head_barlow_twins(
    view_1, view_2, temperature, redundancy=5e-3, beta=0.1, dimension=128, weight=None, mask=None
):
    shares, total = shares_of(view_1, weight, mask), 0.0
    for head, own in enumerate(temperature):
        for i, x in enumerate(view_1[:, head].T):
            for j, y in enumerate(view_2[:, head].T):
                found, t = correlation(x, y, shares), own[i, j]
                cost = beta * (dimension / 2 * math.log(t) + 1 / t)
                total += (1 - found / t) ** 2 + cost if i == j else redundancy * found**2 / t - cost
    return np.float64(total)


REFERENCES = {
    "simsiam": simsiam, "barlow_twins": barlow_twins, "multi_head_barlow_twins": multi_head_barlow_twins
}  # fmt: skip
