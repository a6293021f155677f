"""Triplets of a batch, one at a time."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor


def triplet(kind="all", margin=0.2, smooth=False, similarity="normalized_euclidean", **batch):
    def lack(gap):
        return math.log1p(math.exp(gap)) if smooth else max(0.0, gap)

    def value(positives, negatives):
        if not positives or not negatives:
            return 0.0, 0.0
        if kind == "hard":
            return lack(max(negatives) - min(positives) + margin), 1.0
        if kind == "semihard":
            farther = [[n for n in negatives if n < p] for p in positives]
            rivals = [max(own) if own else min(negatives) for own in farther]
            return sum(lack(n - p + margin) for p, n in zip(positives, rivals, strict=True)), len(positives)
        active = [lack(n - p + margin) for p in positives for n in negatives if smooth or n - p + margin > 0]
        return sum(active), len(active)

    return by_anchor(value, similarity=similarity, **batch)


REFERENCES = {"triplet": triplet}
