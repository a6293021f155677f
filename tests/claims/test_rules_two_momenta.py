"""The rule of the claim about two momenta."""

import pytest

from perdita.claims.compound import dot
from perdita.claims.harness import Evidence


def evidence(n=5, both_lower=5, **changed):
    base = {"cross-entropy": 1.0, "distillation": 0.5, "accuracy": 0.7}
    ours = {"cross-entropy": 0.5, "distillation": 0.2, "accuracy": 0.8} | changed
    return Evidence(
        -0.5, (-0.8, -0.2), 1.0, 0.5, n, {"means": {"SGD": base, "delta 0.075": ours}, "both_lower": both_lower}
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(), "holds"),
        (evidence(both_lower=4), "holds"),
        (evidence(accuracy=0.7), "holds"),
        (evidence(both_lower=3), "inconclusive"),
        (evidence(accuracy=0.69), "does not hold"),
        (evidence(distillation=0.5), "does not hold"),
        (evidence(**{"cross-entropy": 1.1}), "does not hold"),
        (evidence(n=4, both_lower=4), "inconclusive"),
        (evidence(distillation=float("nan")), "inconclusive"),
    ],
)
def test_the_rule_of_dot(found, verdict):
    assert dot.verdict(found) == verdict


def test_the_gains_of_the_control_are_those_of_the_momenta():
    assert dot.gain(0.9) == 1
    task, taught = dot.ARMS["SGD, weights of equal gain"].gains
    assert taught == pytest.approx(4.0)
    assert task == pytest.approx(0.1 / 0.175)
