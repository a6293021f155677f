"""Losses of proxies, one embedding or one proxy at a time."""

from __future__ import annotations

import math

import numpy as np

from tests.references.embedding.angular import softmax_loss
from tests.references.embedding.pairs import cosine, unit


def proxy_nca(state, embedding, label, classes=None, dimension=None, scale=1.0, own_in_sum=True):
    values = np.zeros(len(embedding))
    for i, (x, y) in enumerate(zip(embedding, label, strict=True)):
        squares = [sum((unit(x) - unit(proxy)) ** 2) for proxy in state["class_vectors"]]
        total = sum(math.exp(-scale * d) for k, d in enumerate(squares) if own_in_sum or k != y)
        values[i] = scale * squares[y] + math.log(total)
    return values


def proxy_anchor(state, embedding, label, classes=None, dimension=None, margin=0.1, scale=32.0):
    near, far = [], []
    for k, proxy in enumerate(state["class_vectors"]):
        own = [cosine(x, proxy) for x, y in zip(embedding, label, strict=True) if y == k]
        others = [cosine(x, proxy) for x, y in zip(embedding, label, strict=True) if y != k]
        if own:
            near.append(math.log(1 + sum(math.exp(-scale * (c - margin)) for c in own)))
        far.append(math.log(1 + sum(math.exp(scale * (c + margin)) for c in others)))
    return np.array(sum(near) / len(near) + sum(far) / len(far))


def soft_triple(state, embedding, label, classes, dimension, centers, margin=0.01, scale=20.0, temperature=0.1):
    values = np.zeros(len(embedding))
    for i, (x, y) in enumerate(zip(embedding, label, strict=True)):
        similarity = []
        for k in range(classes):
            found = [cosine(x, vector) for vector in state["class_vectors"][k * centers : (k + 1) * centers]]
            shares = [math.exp(c / temperature) for c in found]
            similarity.append(sum(s * c for s, c in zip(shares, found, strict=True)) / sum(shares))
        similarity[y] -= margin
        values[i] = softmax_loss([scale * s for s in similarity], y)
    return values


REFERENCES = {"proxy_nca": proxy_nca, "proxy_anchor": proxy_anchor, "soft_triple": soft_triple}
ARGUMENTS = {
    "proxy_nca": {"classes": 4, "dimension": 6},
    "proxy_anchor": {"classes": 4, "dimension": 6},
    "soft_triple": {"classes": 4, "dimension": 6, "centers": 3},
}
