"""Adaptive softmax: two softmaxes for each class outside the head."""

from __future__ import annotations

import numpy as np

from tests.references.classification.cross_entropy import log_softmax


def adaptive_log_softmax(features, target, *, state, classes, cutoffs, **ignored):
    bounds = [*cutoffs, classes]
    shortlist = bounds[0]
    bias = state.get("softmax.head.bias", 0.0)
    values = np.zeros(len(target))
    for i, y in enumerate(target):
        scores = state["softmax.head.weight"] @ features[i] + bias
        head = log_softmax(scores, [True] * len(scores))
        if y < shortlist:
            values[i] = -head[y]
            continue
        cluster = max(index for index in range(len(cutoffs)) if y >= bounds[index])
        narrow = state[f"softmax.tail.{cluster}.0.weight"] @ features[i]
        scores = state[f"softmax.tail.{cluster}.1.weight"] @ narrow
        within = log_softmax(scores, [True] * len(scores))
        values[i] = -head[shortlist + cluster] - within[y - bounds[cluster]]
    return values


REFERENCES = {"adaptive_log_softmax": adaptive_log_softmax}
ARGUMENTS = {"adaptive_log_softmax": {"in_features": 6, "classes": 4, "cutoffs": [1, 2], "div_value": 2.0}}
