"""The rules of the claims about layers, models and their geometry, on evidence made by hand."""

from __future__ import annotations

import pytest

from perdita.claims.harness import Evidence
from perdita.claims.nn import crrelu, gru_svm
from perdita.claims.theory import neural_collapse

NAN = float("nan")


def evidence(effect, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.9, 0.9 + effect, n, details)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(0.01, sigmoid_gap=0.5), "holds"),
        (evidence(0.0, sigmoid_gap=0.5), "does not hold"),
        (evidence(0.01, sigmoid_gap=0.0), "does not hold"),
        (evidence(0.01, sigmoid_gap=0.1), "inconclusive"),
        (evidence(NAN, sigmoid_gap=0.5), "inconclusive"),
        (evidence(0.01, n=4, sigmoid_gap=0.5), "inconclusive"),
    ],
)
def test_the_rule_of_crrelu(given, verdict):
    assert crrelu.verdict(given) == verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(0.11), "holds"),
        (evidence(0.1), "inconclusive"),
        (evidence(0.0), "does not hold"),
        (evidence(NAN), "inconclusive"),
        (evidence(0.3, n=4), "inconclusive"),
    ],
)
def test_the_rule_of_gru_svm(given, verdict):
    assert gru_svm.verdict(given) == verdict


def _collapse(error=0.004, cosine=1e-3, excess=1e-4, rest=1e-5, n=5):
    good = {"length_error": [0.001, 0.001], "cosine": [1e-4, 1e-4], "excess": [1e-6, 1e-6]}
    deep = {"length_error": [0.001, error], "cosine": [1e-4, cosine], "excess": [1e-6, excess]}
    return evidence(1e-5, n, depths={"1": good, "3": deep}, rest=[1e-6, rest])


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_collapse(), "holds"),
        (_collapse(error=0.02, excess=0.01), "holds"),
        (_collapse(error=0.021), "does not hold"),
        (_collapse(cosine=0.01), "does not hold"),
        (_collapse(rest=0.01), "does not hold"),
        (_collapse(excess=-1e-6), "does not hold"),
        (_collapse(excess=0.011, error=0.5), "inconclusive"),
        (_collapse(error=NAN), "inconclusive"),
        (_collapse(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_neural_collapse(given, verdict):
    assert neural_collapse.verdict(given) == verdict
