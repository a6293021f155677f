"""Information between features and representation by sums over pairs and triples of items."""

from __future__ import annotations

import math

import numpy as np

from tests.references.distribution.cauchy_schwarz import conditional_cs_divergence, kernel


def information(a, b, sigma_a, sigma_b):
    n = len(a)
    k = [[kernel(a[i], a[j], sigma_a) for j in range(n)] for i in range(n)]
    t = [[kernel(b[i], b[j], sigma_b) for j in range(n)] for i in range(n)]
    joint = math.fsum(k[i][j] * t[i][j] for i in range(n) for j in range(n)) / n**2
    margins = math.fsum(map(math.fsum, k)) * math.fsum(map(math.fsum, t)) / n**4
    cross = math.fsum(k[i][j] * t[i][h] for i in range(n) for j in range(n) for h in range(n)) / n**3
    return math.log(joint) + math.log(margins) - 2 * math.log(cross)


def cs_mutual_information(representation, features, sigma=1.0, sigma_features=1.0, normalized=False):
    found = information(features, representation, sigma_features, sigma)
    if normalized:
        both = information(features, features, sigma_features, sigma_features)
        both *= information(representation, representation, sigma, sigma)
        found /= math.sqrt(both + 1e-15)
    return np.float64(found)


def cs_information_bottleneck(
    prediction, target, features, representation, beta=0.01, sigma_features=1.0, sigma=1.0, sigma_representation=1.0,
    denominator="kde",
):  # fmt: skip
    fit = conditional_cs_divergence(prediction, target, features, sigma_features, sigma, denominator)
    return fit + beta * cs_mutual_information(representation, features, sigma_representation, sigma_features, True)


REFERENCES = {
    "cs_mutual_information": cs_mutual_information,
    "cs_information_bottleneck": cs_information_bottleneck,
}
