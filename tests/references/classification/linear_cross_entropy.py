"""Cross-entropy of a linear layer: every logit as a sum over features."""

from __future__ import annotations

import numpy as np

from tests.references.classification.cross_entropy import cross_entropy


def linear_cross_entropy(features, linear_weight, target, linear_bias=None, class_weight=None, label_smoothing=0.0):
    places = linear_weight.shape[:-1]  # (c, *d)
    logits = np.zeros((len(features), *places))
    for i in range(len(features)):
        for at in np.ndindex(places):
            logits[(i, *at)] = sum(features[i] * linear_weight[at]) + (0.0 if linear_bias is None else linear_bias[at])
    return cross_entropy(logits, target, class_weight, None, label_smoothing)


REFERENCES = {"linear_cross_entropy": linear_cross_entropy}
