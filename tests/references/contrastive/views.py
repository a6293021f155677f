"""InfoNCE, NT-Xent and the sigmoid loss, one pair at a time."""

from __future__ import annotations

import math

from tests.references.embedding.pairs import by_anchor, by_view


def choose(temperature):
    def value(positives, negatives):
        if not positives:
            return 0.0, 0.0
        against = sum(math.exp(s / temperature) for s in negatives)
        terms = [-math.log(math.exp(s / temperature) / (math.exp(s / temperature) + against)) for s in positives]
        return sum(terms) / len(terms), 1.0

    return value


def answer(scale, bias):
    def value(positives, negatives):
        logits = [scale * s + bias for s in positives] + [-(scale * s + bias) for s in negatives]
        return sum(math.log1p(math.exp(-z)) for z in logits), 1.0

    return value


def info_nce(temperature=0.07, **views):
    return by_view(choose(temperature), **views)


def nt_xent(temperature=0.07, **batch):
    return by_anchor(choose(temperature), **batch)


def siglip(scale=10.0, bias=-10.0, **views):
    return by_view(answer(scale, bias), **views)


def learned_info_nce(state, largest_scale=100.0, symmetric=True, **views):
    scale = min(math.exp(state["log_scale"]), largest_scale)
    return by_view(choose(1 / scale), symmetric=symmetric, **views)


def learned_siglip(state, **views):
    return by_view(answer(math.exp(state["log_scale"]), float(state["bias"])), **views)


REFERENCES = {
    "info_nce": info_nce,
    "nt_xent": nt_xent,
    "siglip": siglip,
    "learned_info_nce": learned_info_nce,
    "learned_siglip": learned_siglip,
}
