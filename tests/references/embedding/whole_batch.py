"""Losses of all pairs of a batch, pair by pair."""

from __future__ import annotations

import math

import numpy as np

from tests.references.embedding.pairs import SIMILARITIES, cosine, unit


def split(embedding, label, similarity="cosine"):
    """Every ordered pair (i, j): those of one class, and the rest, with their similarities."""
    compare = SIMILARITIES[similarity]
    positives, negatives = {}, {}
    for i in range(len(label)):
        for j in range(len(label)):
            if i != j:
                kind = positives if label[i] == label[j] else negatives
                kind[i, j] = compare(embedding[i], embedding[j])
    return positives, negatives


def lifted_pairs(embedding, label, margin=1.0, similarity="normalized_euclidean"):
    positives, negatives = split(embedding, label, similarity)
    values, counts = np.zeros(len(label)), np.zeros(len(label))
    for (i, j), s in positives.items():
        close = sum(math.exp(margin + t) for end in (i, j) for (a, _), t in negatives.items() if a == end)
        values[i] += 0.5 * max(0.0, math.log(close) - s) ** 2 if close else 0.0
        counts[i] += 1
    return values, counts


def angular(embedding, label, angle=40.0):
    units = [unit(x) for x in embedding]
    steep = math.tan(math.radians(angle)) ** 2
    positives, negatives = split(embedding, label)
    values, counts = np.zeros(len(label)), np.zeros(len(label))
    for (a, p), s in positives.items():
        terms = [
            math.exp(4 * steep * sum((units[a] + units[p]) * units[n]) - 2 * (1 + steep) * s)
            for (i, n) in negatives
            if i == a
        ]
        values[a] += math.log(1 + sum(terms))
        counts[a] += 1
    return values, counts


def similarity_histogram(embedding, label, bins=100):
    def density(similarities):
        found = np.zeros(bins + 1)
        for s in similarities:
            for r in range(bins + 1):
                found[r] += max(0.0, 1 - abs(s - (-1 + 2 * r / bins)) * bins / 2) / len(similarities)
        return found

    positives, negatives = split(embedding, label)
    if not positives or not negatives:
        return np.float64(0.0)
    own, others = density(list(positives.values())), density(list(negatives.values()))
    return np.float64(sum(others[r] * sum(own[: r + 1]) for r in range(bins + 1)))


def mean(terms):
    return sum(terms) / len(terms) if terms else 0.0


def intra_pair_variance(embedding, label, positive_slack=0.01, negative_slack=0.01):
    near, far = (list(kind.values()) for kind in split(embedding, label))
    low = [max(0.0, (1 - positive_slack) * mean(near) - s) ** 2 for s in near]
    high = [max(0.0, s - (1 + negative_slack) * mean(far)) ** 2 for s in far]
    return np.float64(mean(low) + mean(high))


def threshold_consistent_margin(
    embedding, label, positive_threshold=0.9, negative_threshold=0.5, positive_share=1.0, negative_share=1.0,
    similarity="cosine",
):  # fmt: skip
    positives, negatives = split(embedding, label, similarity)
    pull = [positive_threshold - s for s in positives.values() if s < positive_threshold]
    push = [s - negative_threshold for s in negatives.values() if s > negative_threshold]
    return np.float64(positive_share * mean(pull) + negative_share * mean(push))


def dynamic_soft_margin(first, second, bins=10, histogram=None):
    n = len(first)
    distance = np.array([[math.sqrt(sum((unit(x) - unit(y)) ** 2)) for y in second] for x in first])
    gaps = np.zeros(n)
    for i in range(n):
        others = [distance[i, j] for j in range(n) if j != i] + [distance[j, i] for j in range(n) if j != i]
        gaps[i] = distance[i, i] - min(others) if others else 0.0
    nodes = bins if histogram is None else len(histogram)
    shares = np.zeros(nodes)
    for gap in gaps:
        place = min(max((gap + 2) * nodes / 4, 0), nodes - 1)
        for r in range(nodes):
            shares[r] += max(0.0, 1 - abs(place - r)) / n
    shares = shares if histogram is None else histogram
    return np.array([sum(shares[: int((gap + 2) * nodes / 4) + 1]) * gap for gap in gaps])


def manifold_proxies(state, embedding, label, proxies=None, dimension=None, restart=0.2, margin=5e-4, context=1.0):
    nodes = [*embedding, *state["class_vectors"]]
    size, n = len(nodes), len(embedding)
    affinity = np.array(
        [
            [0.0 if i == j else math.exp(2 * max(0.0, cosine(nodes[i], nodes[j]))) for j in range(size)]
            for i in range(size)
        ]
    )
    scale = np.diag(affinity.sum(1) ** -0.5)
    walk = restart * np.linalg.inv(np.eye(size) - (1 - restart) * scale @ affinity @ scale)
    total = 0.0
    for i, y in enumerate(label):
        for share, found in (
            (1.0, [walk[i, n + k] for k in range(size - n)]),
            (context, [cosine(walk[i], walk[n + k]) for k in range(size - n)]),
        ):
            gaps = [found[k] - found[y] + margin for k in range(size - n) if k != y]
            total += share * math.log(1 + sum(math.exp(gap) for gap in gaps if gap >= 0)) / n
    return np.float64(total)


REFERENCES = {
    "lifted_pairs": lifted_pairs,
    "angular": angular,
    "similarity_histogram": similarity_histogram,
    "intra_pair_variance": intra_pair_variance,
    "threshold_consistent_margin": threshold_consistent_margin,
    "dynamic_soft_margin": dynamic_soft_margin,
    "manifold_proxies": manifold_proxies,
}
ARGUMENTS = {"manifold_proxies": {"proxies": 4, "dimension": 6}}
