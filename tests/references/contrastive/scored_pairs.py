"""Pairs with a score or a label, one pair of pairs at a time."""

from __future__ import annotations

import math

import numpy as np

from tests.references.embedding.pairs import cosine, unit


def angle(x, y):
    """|sum of Re and Im of the quotient of two complex vectors of length 1|, whose second halves are imaginary."""
    half = len(x) // 2
    first, second = (unit(v)[:half] + 1j * unit(v)[half:] for v in (x, y))
    quotient = first * np.conj(second)  # over |second|^2, which sums to 1
    return abs(sum(quotient.real) + sum(quotient.imag))


def cosent(first, second, target, temperature=0.05, similarity="cosine", mask=None):
    compare = angle if similarity == "angle" else cosine
    s = [compare(x, y) for x, y in zip(first, second, strict=True)]
    kept = [i for i in range(len(s)) if mask is None or mask[i]]
    terms = [math.exp((s[j] - s[i]) / temperature) for i in kept for j in kept if target[i] > target[j]]
    return np.float64(math.log(1 + sum(terms)))


FAR = {
    "cosine": lambda x, y: 1 - cosine(x, y),
    "euclidean": lambda x, y: math.sqrt(sum((x - y) ** 2)),
}


def siamese_contrastive(first, second, target, margin=0.5, distance="cosine"):
    apart = [FAR[distance](x, y) for x, y in zip(first, second, strict=True)]
    return np.array([d**2 if t else max(0.0, margin - d) ** 2 for d, t in zip(apart, target, strict=True)])


def online_contrastive(first, second, target, margin=0.5, distance="cosine"):
    apart = [FAR[distance](x, y) for x, y in zip(first, second, strict=True)]
    positives = [d for d, t in zip(apart, target, strict=True) if t]
    negatives = [d for d, t in zip(apart, target, strict=True) if not t]
    values, counts = np.zeros(len(apart)), np.zeros(len(apart))
    for i, (d, t) in enumerate(zip(apart, target, strict=True)):
        others = negatives if t else positives
        if not others or (d > min(others) if t else d < max(others)):
            values[i] = d**2 if t else max(0.0, margin - d) ** 2
            counts[i] = 1
    return values, counts


def guided_info_nce(
    first, second, guide_first, guide_second, negative=None, guide_negative=None, temperature=0.01, slack=0.0
):
    n = len(first)
    extra = 0 if negative is None else len(negative)
    values = np.zeros(n)
    for i in range(n):
        limit = cosine(guide_first[i], guide_second[i]) - slack
        others = [j for j in range(n) if j != i]
        known = [(cosine(first[i], second[j]), cosine(guide_first[i], guide_second[j])) for j in others]
        known += [(cosine(first[i], first[j]), cosine(guide_first[i], guide_first[j])) for j in others]
        known += [(cosine(second[i], second[j]), cosine(guide_second[i], guide_second[j])) for j in others]
        known += [(cosine(first[i], negative[j]), cosine(guide_first[i], guide_negative[j])) for j in range(extra)]
        own = cosine(first[i], second[i]) / temperature
        values[i] = math.log1p(sum(math.exp(s / temperature - own) for s, g in known if g <= limit))
    return values


REFERENCES = {
    "cosent": cosent,
    "siamese_contrastive": siamese_contrastive,
    "online_contrastive": online_contrastive,
    "guided_info_nce": guided_info_nce,
}
