"""Positives against all negatives of an anchor, one at a time."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor


def nca(scale=1.0, similarity="squared_euclidean", **batch):
    def value(positives, negatives):
        if not positives:
            return 0.0, 0.0
        own = sum(math.exp(scale * s) for s in positives)
        return -math.log(own / (own + sum(math.exp(scale * s) for s in negatives))), 1.0

    return by_anchor(value, similarity=similarity, **batch)


def tuplet_margin(margin=0.1, scale=64.0, **batch):
    def value(positives, negatives):
        eased = [math.cos(math.acos(max(-1 + 1e-7, min(1 - 1e-7, s))) - margin) for s in positives]
        terms = [math.log1p(sum(math.exp(scale * (n - p)) for n in negatives)) for p in eased]
        return sum(terms), len(positives)

    return by_anchor(value, **batch)


def ranked_list(
    margin=0.4, boundary=1.2, balance=0.5, positive_temperature=0.0, negative_temperature=10.0,
    similarity="normalized_euclidean", **batch,
):  # fmt: skip
    def weighted(amounts, temperature):
        kept = [amount for amount in amounts if amount > 0]
        weights = [math.exp(temperature * amount) for amount in kept]
        return sum(w * a for w, a in zip(weights, kept, strict=True)) / sum(weights) if kept else 0.0

    def value(positives, negatives):
        pull = weighted([-s - (boundary - margin) for s in positives], positive_temperature)
        push = weighted([boundary + s for s in negatives], negative_temperature)
        return (1 - balance) * pull + balance * push, 1.0

    return by_anchor(value, similarity=similarity, **batch)


REFERENCES = {"nca": nca, "tuplet_margin": tuplet_margin, "ranked_list": ranked_list}
