"""The bi-tempered loss, with the normaliser found by bisection."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.fenchel_young import threshold
from tests.references.classification.focal import Array
from tests.references.imbalance.priors import over_rows


def tempered_exp(x: float, t: float) -> float:
    return float(np.exp(x)) if t == 1 else float(max(0.0, 1 + (1 - t) * x) ** (1 / (1 - t)))


def tempered_log(x: float, t: float) -> float:
    return float(np.log(x)) if t == 1 else float((x ** (1 - t) - 1) / (1 - t))


def bi_tempered(logits: Array, target: Array, *, boundedness: float = 0.8, tail: float = 1.4) -> Any:
    def item(row: Array, label: int) -> float:
        top = float(max(row)) - tempered_log(1 / len(row), tail)
        cut = threshold(lambda shift: sum(tempered_exp(z - shift, tail) for z in row), float(max(row)), top + 1e-9)
        p = [tempered_exp(z - cut, tail) for z in row]
        second = (1 - sum(q ** (2 - boundedness) for q in p)) / (2 - boundedness)
        return -tempered_log(p[label], boundedness) - second

    return over_rows(logits, target, item)


REFERENCES = {"bi_tempered": bi_tempered}
