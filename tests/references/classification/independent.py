"""Losses of classes one by one, from probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array
from tests.references.imbalance.priors import over_rows
from tests.references.soft import expected


@expected
def one_versus_all(logits: Array, target: Array) -> Any:
    def item(row: Array, label: int) -> float:
        return float(sum(np.log(1 + np.exp(-z if k == label else z)) for k, z in enumerate(row)))

    return over_rows(logits, target, item)


def asymmetric_focal(
    logits: Array, target: Array, *, gamma_positive: float = 1.0, gamma_negative: float = 4.0, shift: float = 0.05
) -> Any:
    values = np.zeros(logits.shape)
    for place in np.ndindex(logits.shape):
        p = 1 / (1 + np.exp(-float(logits[place])))
        q = max(p - shift, 0.0)
        values[place] = (
            -((1 - p) ** gamma_positive) * np.log(p) if target[place] else -(q**gamma_negative) * np.log(1 - q)
        )
    return values


REFERENCES = {"one_versus_all": one_versus_all, "asymmetric_focal": asymmetric_focal}
