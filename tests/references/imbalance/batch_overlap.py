"""Dice over a batch of tags, added up item by item."""

from __future__ import annotations

import numpy as np

from tests.references.imbalance.item_overlap import fade, sigmoid


def set_dice(logits, target, alpha=0.0, smooth=1.0, square=False, hard_negatives=None, weight=None, mask=None):
    share = np.ones(logits.shape) if weight is None else np.array(weight, float)
    share = share * (1.0 if mask is None else mask)
    places = [place for place in np.ndindex(logits.shape) if share[place] > 0]
    if hard_negatives is not None:
        positives = [place for place in places if target[place]]
        negatives = sorted((place for place in places if not target[place]), key=lambda place: -logits[place])
        places = positives + negatives[: int(hard_negatives * len(positives))]
    overlap = below = 0.0
    for place in places:
        w, y = fade(sigmoid(logits[place]), alpha), float(target[place])
        overlap += share[place] * 2 * w * y
        below += share[place] * (w**2 + y**2 if square else w + y)
    return np.array(1 - (overlap + smooth) / (below + smooth) if below + smooth else 0.0)


REFERENCES = {"set_dice": set_dice}
