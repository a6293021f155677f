"""A prediction and its branches, one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array
from tests.references.ranking.lists import softplus


def tri_bce(
    logits: Array,
    branch_logits: Array,
    target: Array,
    *,
    detach_weights: bool = True,
    positive_weight: Array | float = 1.0,
) -> Any:
    def entropies(column: Array) -> Array:
        return np.array(
            [positive_weight * t * softplus(-z) + (1 - t) * softplus(z) for z, t in zip(column, target, strict=True)]
        )

    fused = entropies(logits)
    values = fused.copy()
    for column in branch_logits.T:
        own = entropies(column)
        values += max(0.0, own.mean() - fused.mean()) * own
    return values


REFERENCES = {"tri_bce": tri_bce}
