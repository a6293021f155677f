"""Multi-similarity loss, one anchor at a time."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor


def multi_similarity(alpha=2.0, beta=50.0, base=0.5, epsilon=0.1, mining=True, **batch):
    def value(positives, negatives):
        near, far = list(positives), list(negatives)
        if mining:
            near = [s for s in positives if negatives and s - epsilon < max(negatives)]
            far = [s for s in negatives if positives and s + epsilon > min(positives)]
        pull = math.log(1 + sum(math.exp(-alpha * (s - base)) for s in near)) / alpha
        push = math.log(1 + sum(math.exp(beta * (s - base)) for s in far)) / beta
        return pull + push, 1.0

    return by_anchor(value, **batch)


REFERENCES = {"multi_similarity": multi_similarity}
