"""The bi-tempered loss, with the normaliser found by bisection."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.fenchel_young import over_truths, threshold
from tests.references.classification.focal import Array


def tempered_exp(x: float, t: float) -> float:
    return float(np.exp(x)) if t == 1 else float(max(0.0, 1 + (1 - t) * x) ** (1 / (1 - t)))


def tempered_log(x: float, t: float) -> float:
    return float(np.log(x)) if t == 1 else float((x ** (1 - t) - 1) / (1 - t))


def bi_tempered(
    logits: Array, target: Array, *, boundedness: float = 0.8, tail: float = 1.4, label_smoothing: float = 0.0
) -> Any:
    def item(row: Array, truth: Array) -> float:
        top = float(max(row)) - tempered_log(1 / len(row), tail)
        cut = threshold(lambda shift: sum(tempered_exp(z - shift, tail) for z in row), float(max(row)), top + 1e-9)
        p = [tempered_exp(z - cut, tail) for z in row]
        power = 2 - boundedness
        second = sum(t**power - q**power for q, t in zip(p, truth, strict=True)) / power
        first = sum(
            t * (tempered_log(t, boundedness) - tempered_log(q, boundedness))
            for q, t in zip(p, truth, strict=True)
            if t
        )
        return first - second

    return over_truths(logits, target, label_smoothing, item)


REFERENCES = {"bi_tempered": bi_tempered}
