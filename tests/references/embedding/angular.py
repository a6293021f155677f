"""Softmax over angles, one embedding at a time, with the angles themselves."""

from __future__ import annotations

import math

import numpy as np

from tests.references.embedding.pairs import cosine


def softmax_loss(logits, y, more=()):
    every = [*logits, *more]
    top = max(every)
    return top + math.log(sum(math.exp(z - top) for z in every)) - logits[y]


def by_item(own, embedding, label, state, scale, more=()):
    """``own(cosine, x)`` is the cosine of the own class with its margin; ``more`` are further cosines of the sum."""
    values = np.zeros(len(embedding))
    for i, (x, y) in enumerate(zip(embedding, label, strict=True)):
        cosines = [cosine(x, vector) for vector in state["class_vectors"]]
        cosines[y] = own(cosines[y], x)
        values[i] = softmax_loss([scale * c for c in cosines], y, [scale * t for t in more])
    return values


def norm_face(state, embedding, label, classes=None, dimension=None, scale=20.0):
    return by_item(lambda c, x: c, embedding, label, state, scale)


def cos_face(state, embedding, label, classes=None, dimension=None, margin=0.35, scale=64.0):
    return by_item(lambda c, x: c - margin, embedding, label, state, scale)


def arc_face(state, embedding, label, classes=None, dimension=None, margin=0.5, scale=64.0):
    def own(c, x):
        angle = math.acos(c)
        return math.cos(angle + margin) if angle <= math.pi - margin else c - margin * math.sin(margin)

    return by_item(own, embedding, label, state, scale)


def sphere_face(state, embedding, label, classes=None, dimension=None, margin=4):
    values = np.zeros(len(embedding))
    for i, (x, y) in enumerate(zip(embedding, label, strict=True)):
        length = math.sqrt(sum(x**2))
        cosines = [cosine(x, vector) for vector in state["class_vectors"]]
        angle = math.acos(cosines[y])
        k = math.floor(margin * angle / math.pi)
        cosines[y] = (-1) ** k * math.cos(margin * angle) - 2 * k
        values[i] = softmax_loss([length * c for c in cosines], y)
    return values


def held_length(x):
    return min(max(math.sqrt(sum(x**2)), 10.0), 110.0)


def magnitude(c, x):
    margin = 0.45 + 0.35 / 100 * (held_length(x) - 10)
    return math.cos(math.acos(c) + margin) if c > 0 else c


def mag_face(state, embedding, label, classes=None, dimension=None, scale=64.0, regularizer=35.0):
    values = by_item(magnitude, embedding, label, state, scale)
    return values + [regularizer * (1 / held_length(x) + held_length(x) / 110**2) for x in embedding]


def unpg(
    state,
    embedding,
    label,
    classes=None,
    dimension=None,
    head="arc_face",
    margin=0.5,
    scale=64.0,
    whisker=1.5,
    filtered=True,
):
    negatives = sorted(
        cosine(embedding[a], embedding[b])
        for a in range(len(label))
        for b in range(a + 1, len(label))
        if label[a] != label[b]
    )
    if negatives and filtered:
        low, high = negatives[int(0.25 * len(negatives))], negatives[int(0.75 * len(negatives))]
        reach = whisker * (high - low)
        negatives = [t for t in negatives if low - reach <= t <= high + reach]
    heads = {
        "arc_face": lambda c, x: math.cos(math.acos(c) + margin),
        "cos_face": lambda c, x: c - margin,
        "mag_face": magnitude,
    }
    values = by_item(heads[head], embedding, label, state, scale, negatives)
    extra = [35.0 * (1 / held_length(x) + held_length(x) / 110**2) for x in embedding]
    return values + extra if head == "mag_face" else values


def probability_to_similarity(state, embedding, label, classes=None, dimension=None):
    return np.array(
        [
            sum(0.5 * (cosine(x, v) - (k == y)) ** 2 for k, v in enumerate(state["class_vectors"]))
            for x, y in zip(embedding, label, strict=True)
        ]
    )


REFERENCES = {
    "norm_face": norm_face,
    "cos_face": cos_face,
    "arc_face": arc_face,
    "sphere_face": sphere_face,
    "mag_face": mag_face,
    "unpg": unpg,
    "probability_to_similarity": probability_to_similarity,
}
ARGUMENTS = {name: {"classes": 4, "dimension": 6} for name in REFERENCES}
ARGUMENTS["unpg"]["whisker"] = 0.5
