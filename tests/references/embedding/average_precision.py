"""Average precision by bins and by soft ranks, one positive at a time."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def fast_ap(bins=10, **batch):
    def histogram(similarities):
        width = 4 / bins
        return [sum(max(0.0, 1 - abs(2 - 2 * s - j * width) / width) for s in similarities) for j in range(bins + 1)]

    def value(positives, negatives):
        if not positives:
            return 0.0, 0.0
        own, others = histogram(positives), histogram(negatives)
        total, reached = 0.0, 0.0
        for j in range(bins + 1):
            total = sum(own[: j + 1]) + sum(others[: j + 1])
            reached += sum(own[: j + 1]) * own[j] / total if total else 0.0
        return 1 - reached / len(positives), 1.0

    return by_anchor(value, **batch)


def smooth_ap(temperature=0.01, **batch):
    def value(positives, negatives):
        if not positives:
            return 0.0, 0.0
        precisions = []
        for i, p in enumerate(positives):
            among = 1 + sum(sigmoid((q - p) / temperature) for j, q in enumerate(positives) if j != i)
            precisions.append(among / (among + sum(sigmoid((n - p) / temperature) for n in negatives)))
        return 1 - sum(precisions) / len(positives), 1.0

    return by_anchor(value, **batch)


def negatives_before_positives(kind="plain", temperature=0.01, power=1.0, slope=2.0, **batch):
    grow = {
        "plain": lambda r: r,
        "log": lambda r: math.log(1 + r),
        "inverse": lambda r: 1 - 1 / (1 + r) ** power,
        "log_product": lambda r: (1 + r) * math.log(1 + r),
        "log_difference": lambda r: (slope * r - math.log(1 + slope * r)) / slope**2,
    }[kind]

    def value(positives, negatives):
        if not positives:
            return 0.0, 0.0
        terms = [grow(sum(sigmoid((n - p) / temperature) for n in negatives)) for p in positives]
        return sum(terms) / len(terms), 1.0

    return by_anchor(value, **batch)


REFERENCES = {
    "fast_ap": fast_ap,
    "smooth_ap": smooth_ap,
    "negatives_before_positives": negatives_before_positives,
}
