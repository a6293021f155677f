"""Unlikelihood, token by token."""

from __future__ import annotations

import math

import numpy as np

from tests.references.sequence.likelihood import places


def unlikelihood(logits, target, negatives, strength=1.0, likelihood=1.0):
    values = np.zeros(target.shape)
    for place, log_p, label in places(logits, target):
        unwanted = [int(token) for token in np.moveaxis(negatives, 1, -1)[place] if token != label]
        avoided = sum(math.log(sum(math.exp(x) for k, x in enumerate(log_p) if k != token)) for token in unwanted)
        values[place] = -likelihood * log_p[label] - strength * avoided
    return values


REFERENCES = {"unlikelihood": unlikelihood}
