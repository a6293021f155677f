"""The rules of the comp-sum, z-loss, ldr and legendretron claims, on evidence made by hand."""

from __future__ import annotations

import pytest

from perdita.claims.classification import comp_sum, legendretron, z_loss
from perdita.claims.harness import Evidence
from perdita.claims.noise import ldr

NAN = float("nan")


def evidence(effect, n=5, low=None, **details):
    return Evidence(effect, (effect - 0.01 if low is None else low, effect + 0.01), 0.9, 0.9 + effect, n, details)


def _comp_sum(effect=0.0, spread=0.01, extremes=(-0.5, -0.1), violations=0, gain=0.3, cost=0.02, n=5):
    details = {"spread": spread, "extremes": list(extremes), "violations": violations}
    return evidence(effect, n, robust_gain=gain, clean_cost=cost, **details)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_comp_sum(), "holds"),
        (_comp_sum(effect=-0.009), "holds"),
        (_comp_sum(effect=-0.011), "does not hold"),
        (_comp_sum(violations=1), "does not hold"),
        (_comp_sum(violations=1, n=2), "does not hold"),
        (_comp_sum(gain=0.0), "does not hold"),
        (_comp_sum(gain=0.15), "inconclusive"),
        (_comp_sum(cost=0.04), "inconclusive"),
        (_comp_sum(extremes=(-0.5, 0.001)), "inconclusive"),
        (_comp_sum(effect=NAN), "inconclusive"),
        (_comp_sum(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_comp_sum(given, verdict):
    assert comp_sum.verdict(given) == verdict


def _z_loss(one=-0.02, twenty=0.01, hundred=0.0, error=1e-14, factored=(10, 10), dense=(50, 500), n=5):
    gains = {"1": one, "20": twenty, "100": hundred}
    return evidence(twenty, n, gains=gains, largest_error=error, factored_flops=list(factored), dense_flops=list(dense))


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_z_loss(), "holds"),
        (_z_loss(twenty=-0.01, hundred=0.001), "holds"),
        (_z_loss(twenty=0.0), "does not hold"),
        (_z_loss(error=1e-9), "does not hold"),
        (_z_loss(factored=(5, 10)), "does not hold"),
        (_z_loss(dense=(100, 500)), "does not hold"),
        (_z_loss(dense=(40, 400)), "does not hold"),
        (_z_loss(one=0.0), "inconclusive"),
        (_z_loss(hundred=NAN), "inconclusive"),
        (_z_loss(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_z_loss(given, verdict):
    assert z_loss.verdict(given) == verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(0.01, clean_cost=0.0), "holds"),
        (evidence(0.0, clean_cost=0.01), "holds"),
        (evidence(-1e-6, clean_cost=0.0), "does not hold"),
        (evidence(0.01, clean_cost=0.011), "inconclusive"),
        (evidence(0.01, clean_cost=NAN), "inconclusive"),
        (evidence(NAN, clean_cost=0.0), "inconclusive"),
        (evidence(0.01, n=4, clean_cost=0.0), "inconclusive"),
    ],
)
def test_the_rule_of_ldr(given, verdict):
    assert ldr.verdict(given) == verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(0.03), "holds"),
        (evidence(0.03, low=0.0), "inconclusive"),
        (evidence(0.0), "does not hold"),
        (evidence(NAN), "inconclusive"),
        (evidence(0.03, n=4), "inconclusive"),
    ],
)
def test_the_rule_of_legendretron(given, verdict):
    assert legendretron.verdict(given) == verdict
