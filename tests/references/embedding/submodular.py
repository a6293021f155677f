"""Facility location, graph cut and log-determinant, class by class and item by item."""

from __future__ import annotations

import math

import numpy as np

from tests.references.embedding.pairs import SIMILARITIES, by_anchor, cosine


def kept(label, mask):
    return [i for i in range(len(label)) if mask is None or mask[i]]


def facility_location(embedding, label, form="correlation", mask=None):
    values, items = np.zeros(len(label)), kept(label, mask)
    for i in items:
        for k in {int(label[j]) for j in items}:
            if form == "information" or k != label[i]:
                values[i] += max(cosine(embedding[i], embedding[j]) for j in items if label[j] == k)
    return values


def soft_facility_location(temperature=1.0, masked="zero", **batch):
    def value(positives, negatives):
        total = sum(math.exp(s / temperature) for s in negatives)
        if masked == "zero":
            return math.log(total + len(positives) + 1), 1.0
        return (math.log(total), 1.0) if negatives else (0.0, 0.0)

    return by_anchor(value, **batch)


def graph_cut(form="information", trade_off=1.0, **batch):
    def value(positives, negatives):
        own = trade_off * sum(negatives) if form == "correlation" else -trade_off * sum(positives)
        return sum(negatives) + own, 1.0

    return by_anchor(value, **batch)


def graph_cut_ratio(form="correlation", least=1e-3, **batch):
    def value(positives, negatives):
        if not positives or (form == "information" and not negatives):
            return 0.0, 0.0
        if form == "correlation":
            return sum(negatives) / len(positives), 1.0
        return -math.log(max(sum(positives), least) / max(sum(negatives), least)), 1.0

    return by_anchor(value, **batch)


def log_determinant(embedding, label, form="correlation", ridge=0.5, similarity="cosine", mask=None):
    items, compare = kept(label, mask), SIMILARITIES[similarity]

    def volume(chosen):
        matrix = [[compare(embedding[i], embedding[j]) + ridge * (i == j) for j in chosen] for i in chosen]
        return math.log(np.linalg.det(np.array(matrix))) if chosen else 0.0

    classes = sorted({int(label[i]) for i in items})
    own = sum(volume([i for i in items if label[i] == k]) for k in classes)
    if form == "released_information":
        return np.float64(-own / len(classes))
    return np.float64(own - volume(items) if form == "correlation" else own)


REFERENCES = {
    "facility_location": facility_location,
    "soft_facility_location": soft_facility_location,
    "graph_cut": graph_cut,
    "graph_cut_ratio": graph_cut_ratio,
    "log_determinant": log_determinant,
}
