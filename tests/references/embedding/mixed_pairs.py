"""Losses of mixtures, every mixture made."""

from __future__ import annotations

import math

import numpy as np

from tests.references.embedding.multi_similarity import multi_similarity
from tests.references.embedding.pairs import cosine, unit


def mixtures(embedding, label, share, pairing):
    """(anchor, mixture) of all mixtures, each as often as it counts."""
    found = []
    for a in range(len(label)):
        positives = [j for j in range(len(label)) if j != a and label[j] == label[a]]
        negatives = [j for j in range(len(label)) if label[j] != label[a]]
        parents = [positives[0] for _ in positives] if pairing == "positive" else [a] if not positives else []
        for parent in parents:
            found += [(a, share * embedding[parent] + (1 - share) * embedding[j]) for j in negatives]
    return found


def above_zero(terms):
    kept = [term for term in terms if term > 0]
    return sum(kept) / len(kept) if kept else 0.0


def mixed_contrastive(embedding, label, share=0.5, pairing="positive", mix_weight=0.4, margin=0.5):
    def distance(x, y):
        return math.sqrt(sum((unit(x) - unit(y)) ** 2))

    near, far = [], []
    for a in range(len(label)):
        for j in range(len(label)):
            if j != a:
                (near if label[a] == label[j] else far).append(distance(embedding[a], embedding[j]))
    clean = above_zero(near) + above_zero([margin - d for d in far])
    mixed = [distance(embedding[a], v) for a, v in mixtures(embedding, label, share, pairing)]
    pull, push = [share * d for d in mixed], [(1 - share) * (margin - d) for d in mixed]
    return np.array(clean + mix_weight * (above_zero(pull) + above_zero(push)))


def mixed_multi_similarity(
    embedding, label, share=0.5, pairing="positive", mix_weight=0.4, alpha=2.0, beta=50.0, base=0.5
):
    values, _ = multi_similarity(alpha, beta, base, mining=False, embedding=embedding, label=label)
    every = mixtures(embedding, label, share, pairing)
    for a in range(len(label)):
        own = [cosine(embedding[a], v) for anchor, v in every if anchor == a]
        pull = math.log(1 + sum(share * math.exp(-alpha * (s - base)) for s in own)) / alpha
        push = math.log(1 + sum((1 - share) * math.exp(beta * (s - base)) for s in own)) / beta
        values[a] += mix_weight * (pull + push)
    return values


REFERENCES = {"mixed_contrastive": mixed_contrastive, "mixed_multi_similarity": mixed_multi_similarity}
