"""The submodular forms of familiar pair losses, from lists of an anchor's similarities."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor


def submodular_sup_con(temperature=0.07, **batch):
    def value(positives, negatives):
        if not negatives:
            return 0.0, 0.0
        items = 1 + len(positives) + len(negatives)
        soft = math.log(sum(math.exp(s / temperature) for s in negatives))
        return soft - sum(positives) / temperature / items, 1.0

    return by_anchor(value, **batch)


def submodular_neighbors(temperature=0.07, **batch):
    def value(positives, negatives):
        far = sum(math.exp((2 - 2 * s) / temperature) for s in positives) + sum(1 for _ in negatives) + 1
        near = sum(math.exp(s / temperature) for s in negatives) + sum(1 for _ in positives) + 1
        return math.log(far) + math.log(near), 1.0

    return by_anchor(value, **batch)


def submodular_triplet(temperature=1.0, **batch):
    def value(positives, negatives):
        return (sum(s * s for s in negatives) - sum(s * s for s in positives)) / temperature, 1.0

    return by_anchor(value, **batch)


REFERENCES = {
    "submodular_sup_con": submodular_sup_con,
    "submodular_neighbors": submodular_neighbors,
    "submodular_triplet": submodular_triplet,
}
