"""Views held to a spread, number by number."""

from __future__ import annotations

import math

import numpy as np


def vicreg(view_1, view_2, invariance=25.0, variance=25.0, covariance=1.0, eps=1e-4, mask=None):
    if mask is not None:
        view_1, view_2 = view_1[mask], view_2[mask]
    n, d = view_1.shape
    total = invariance * sum(sum((x - y) ** 2) for x, y in zip(view_1, view_2, strict=True)) / (n * d)
    for view in (view_1, view_2) if n > 1 else ():
        for j in range(d):
            for k in range(d):
                own, other = view[:, j] - view[:, j].mean(), view[:, k] - view[:, k].mean()
                entry = sum(own * other) / (n - 1)
                if j == k:
                    total += variance / 2 * max(0.0, 1 - math.sqrt(entry + eps)) / d
                else:
                    total += covariance * entry**2 / d
    return np.float64(total)


REFERENCES = {"vicreg": vicreg}
