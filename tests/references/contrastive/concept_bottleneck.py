"""Concept objectives item by item, with the sums written out."""

from __future__ import annotations

import math

import numpy as np


def surprise(scores, at):
    """-log softmax of one entry of a list of numbers."""
    top = max(scores)
    return top + math.log(math.fsum(math.exp(score - top) for score in scores)) - scores[at]


def pair(concepts, batch_noise, concept_noise, temperature, i, k):
    down = concepts if batch_noise is None else concepts + batch_noise
    across = concepts if concept_noise is None else concepts + concept_noise
    return 0.5 * surprise(list(down[:, k] / temperature), i) + 0.5 * surprise(list(across[i] / temperature), k)


def kept(mask, n):
    return list(range(n)) if mask is None else [i for i in range(n) if mask[i]]


def concept_contrastive(concepts, target, temperature=1.0, batch_noise=None, concept_noise=None, mask=None):
    rows, values = kept(mask, len(concepts)), np.zeros(len(concepts))
    noise = [None if own is None else own[rows] for own in (batch_noise, concept_noise)]
    for place, i in enumerate(rows):
        values[i] = pair(concepts[rows], *noise, temperature, place, target[i])
    return values


def concept_spread(concepts, temperature=1.0, batch_noise=None, concept_noise=None, mask=None):
    rows, values = kept(mask, len(concepts)), np.zeros(len(concepts))
    noise = [None if own is None else own[rows] for own in (batch_noise, concept_noise)]
    columns = range(concepts.shape[1])
    for place, i in enumerate(rows):
        own = [pair(concepts[rows], *noise, temperature, place, k) for k in columns]
        values[i] = math.fsum(own) / len(own)
    return values


def concept_similarity(concepts, backbone, cubed=False, weight=None, mask=None):
    shares = np.ones(len(concepts)) if weight is None else np.asarray(weight, float)
    shares = shares if mask is None else shares * mask
    cosines = []
    for k in range(concepts.shape[1]):
        first, second = (
            scores[:, k] - math.fsum(shares * scores[:, k]) / math.fsum(shares) for scores in (concepts, backbone)
        )
        if cubed:
            first, second = first**3, second**3
        sizes = math.sqrt(math.fsum(shares * first**2) * math.fsum(shares * second**2))
        cosines.append(math.fsum(shares * first * second) / sizes)
    return np.float64(-np.mean(cosines))


REFERENCES = {
    "concept_contrastive": concept_contrastive,
    "concept_spread": concept_spread,
    "concept_similarity": concept_similarity,
}
