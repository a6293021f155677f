"""Supervised contrastive loss, one anchor and one pair at a time."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor


def sup_con(temperature=0.1, form="out", **batch):
    def value(positives, negatives):
        if not positives:
            return 0.0, 0.0
        total = sum(math.exp(s / temperature) for s in positives + negatives)
        shares = [math.exp(s / temperature) / total for s in positives]
        if form == "in":
            return -math.log(sum(shares) / len(shares)), 1.0
        return -sum(map(math.log, shares)) / len(shares), 1.0

    return by_anchor(value, **batch)


REFERENCES = {"sup_con": sup_con}
