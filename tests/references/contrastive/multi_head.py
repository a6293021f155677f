"""Heads, anchors and pairs one at a time, with the temperature network written out."""

from __future__ import annotations

import math

import numpy as np


def cost(temperature, dimension):
    return dimension / 2 * math.log(temperature) + 1 / temperature


def anchor(near, others, beta, dimension, hard):
    """Value of one anchor in one head from (similarity, temperature) of its positive and its negatives."""
    own = near[0] / near[1]
    value = beta * cost(near[1], dimension)
    if not hard:
        return value + math.log(math.exp(own) + math.fsum(math.exp(s / t) for s, t in others)) - own
    if others:
        s, t = max(others, key=lambda pair: pair[0])
        value += s / t - beta * cost(t, dimension)
    return value - own


def multi_head_contrastive(
    positive,
    negative,
    positive_temperature,
    negative_temperature,
    beta=0.1,
    dimension=128,
    hard=False,
    negative_mask=None,
):
    heads, n, m = negative.shape
    values = np.zeros(n)
    for i in range(n):
        kept = [j for j in range(m) if negative_mask is None or negative_mask[i, j]]
        for h in range(heads):
            others = [(negative[h, i, j], negative_temperature[h, i, j]) for j in kept]
            values[i] += anchor((positive[h, i], positive_temperature[h, i]), others, beta, dimension, hard)
    return values


def adaptive_multi_head(
    first,
    second,
    state,
    dimension,
    heads=None,
    hidden=128,
    lowest=0.05,
    highest=2.0,
    beta=0.1,
    hard=False,
    mask=None,
    **contract,
):
    rows = [i for i in range(len(first)) if mask is None or mask[i]]

    def unit(x):
        length = math.sqrt(math.fsum(x**2))
        return x / length if length else x

    def temperature(a, b, h):
        layer = {name.rpartition(".")[2]: value[0 if heads is None else h] for name, value in state.items()}
        inner = a @ layer["first"] + b @ layer["second"] + layer["bias"][0]
        logit = np.maximum(inner, 0) @ layer["out"][:, 0] + layer["out_bias"][0]
        return lowest + (highest - lowest) / (1 + math.exp(-logit))

    values = np.zeros(len(first))
    for i in rows:
        for own, other in ((first, second), (second, first)):
            for h in range(first.shape[1]):
                a, b = unit(own[i, h]), unit(other[i, h])
                rest = [unit(view[j, h]) for j in rows if j != i for view in (first, second)]
                others = [(float(a @ c), temperature(a, c, h)) for c in rest]
                values[i] += 0.5 * anchor((float(a @ b), temperature(a, b, h)), others, beta, dimension, hard)
    return values


REFERENCES = {"multi_head_contrastive": multi_head_contrastive, "adaptive_multi_head": adaptive_multi_head}
ARGUMENTS = {"adaptive_multi_head": {"dimension": 6, "hidden": 5}}
