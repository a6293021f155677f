"""Losses that hold pairs to margins, one anchor at a time."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor


def contrastive(positive_threshold=1.0, negative_threshold=0.5, power=1.0, **batch):
    def mean(terms):
        return sum(terms) / len(terms) if terms else 0.0

    def value(positives, negatives):
        pull = [max(0.0, positive_threshold - s) ** power for s in positives]
        push = [max(0.0, s - negative_threshold) ** power for s in negatives]
        return mean(pull) + mean(push), 1.0

    return by_anchor(value, **batch)


def sides(boundary, margin, positives, negatives, over="pairs"):
    pull, push = [margin + (-s - boundary) for s in positives], [margin - (-s - boundary) for s in negatives]
    if over == "triplets":
        pull, push = pull * len(negatives), push * len(positives)
    active = [term for term in pull + push if term > 0]
    return sum(active), len(active)


def boundary_margin(margin=0.2, boundary=1.2, over="pairs", similarity="normalized_euclidean", **batch):
    def value(positives, negatives):
        return sides(boundary, margin, positives, negatives, over)

    return by_anchor(value, similarity=similarity, **batch)


def learned_boundary_margin(
    state, embedding, label, classes=None, margin=0.2, boundary=1.2, similarity="normalized_euclidean", select=None
):
    values, counts = 0.0, 0.0
    for own, offset in enumerate(state["offset"]):

        def value(positives, negatives, offset=offset):
            return sides(boundary + offset, margin, positives, negatives)

        found, counted = by_anchor(value, embedding, label, similarity=similarity)
        values, counts = values + (label == own) * found, counts + (label == own) * counted
    return values, counts


def lifted_structure(margin=1.0, similarity="normalized_euclidean", **batch):
    def value(positives, negatives):
        if not positives or not negatives:
            return 0.0, 1.0
        far = math.log(sum(math.exp(-s) for s in positives)) + math.log(sum(math.exp(margin + s) for s in negatives))
        return max(0.0, far), 1.0

    return by_anchor(value, similarity=similarity, **batch)


def circle(margin=0.25, scale=256.0, **batch):
    def value(positives, negatives):
        if not positives or not negatives:
            return 0.0, 0.0
        exponents = [
            scale * (max(0.0, n + margin) * (n - margin) - max(0.0, 1 + margin - p) * (p - 1 + margin))
            for n in negatives
            for p in positives
        ]
        top = max([0.0, *exponents])
        return top + math.log(math.exp(-top) + sum(math.exp(e - top) for e in exponents)), 1.0

    return by_anchor(value, **batch)


REFERENCES = {
    "contrastive": contrastive,
    "boundary_margin": boundary_margin,
    "learned_boundary_margin": learned_boundary_margin,
    "lifted_structure": lifted_structure,
    "circle": circle,
}
ARGUMENTS = {"learned_boundary_margin": {"classes": 4}}
