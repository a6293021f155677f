"""The rules of the claims about ordered classes and about naive Bayes."""

import math

import pytest

from perdita.claims.harness import Evidence
from perdita.claims.ordinal import ordinal_rasch
from perdita.claims.theory import discriminative_vs_generative


def evidence(effect=0.06, n=8, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.9, 0.9 + effect, n, details)


def _ratings(rasch=(0.96, 0.96, 0.95), raw=(0.95, 0.9, 0.77), infit=0.98, ordinal=0.92):
    spreads = ("0.0", "1.0", "2.0")
    own = {name: dict(zip(spreads, found, strict=True)) for name, found in (("rasch", rasch), ("raw", raw))}
    return {**own, "infit": infit, "errors": {"cross_entropy": 1.0, "ordinal": ordinal}}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(**_ratings()), "holds"),
        (evidence(**_ratings(rasch=(0.92, 0.96, 0.95))), "does not hold"),
        (evidence(**_ratings(raw=(0.95, 0.93, 0.77))), "does not hold"),
        (evidence(**_ratings(raw=(0.95, 0.9, 0.84))), "does not hold"),
        (evidence(**_ratings(infit=0.95)), "does not hold"),
        (evidence(**_ratings(ordinal=1.0)), "does not hold"),
        (evidence(**_ratings(infit=math.nan)), "inconclusive"),
        (evidence(n=4, **_ratings()), "inconclusive"),
    ],
)
def test_the_rule_of_ordinal_rasch(found, verdict):
    assert ordinal_rasch.verdict(found) == verdict


def _rows(naive=(12.0, 11.0), logistic=(350.0, 800.0), unreached=0, few=0.3, many=0.08):
    naive_errors = {"20": 0.3, "30": 0.27, "200": 0.12, "1000": 0.11}
    return {
        "rows": {"naive_bayes": dict(zip(("100", "400"), naive, strict=True)),
                 "logistic": dict(zip(("100", "400"), logistic, strict=True))},
        "unreached": {"logistic": {"100": unreached, "400": 5}},
        "errors": {"naive_bayes": naive_errors,
                   "logistic": {"20": 0.34, "30": few, "200": many, "1000": 0.04}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(**_rows()), "holds"),
        (evidence(**_rows(few=0.27)), "holds"),
        (evidence(**_rows(few=0.26)), "does not hold"),
        (evidence(**_rows(many=0.12)), "does not hold"),
        (evidence(**_rows(naive=(10.0, 21.0))), "does not hold"),
        (evidence(**_rows(logistic=(700.0, 800.0))), "does not hold"),
        (evidence(**_rows(unreached=1)), "inconclusive"),
        (evidence(effect=math.nan, **_rows()), "inconclusive"),
        (evidence(n=4, **_rows()), "inconclusive"),
    ],
)
def test_the_rule_of_discriminative_vs_generative(found, verdict):
    assert discriminative_vs_generative.verdict(found) == verdict
