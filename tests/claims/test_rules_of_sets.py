"""The rules of the claims about sets, heads and hard triplets."""

import pytest

from perdita.claims.contrastive import amcl
from perdita.claims.embedding import hard_negative_isometry, score_submodular, susana
from perdita.claims.harness import Evidence


def evidence(effect=0.01, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, details)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(0.02, pooled_standard_error=0.01), "holds"),
        (evidence(0.01, pooled_standard_error=0.01), "inconclusive"),
        (evidence(0.0, pooled_standard_error=0.01), "does not hold"),
        (evidence(float("nan"), pooled_standard_error=0.01), "inconclusive"),
        (evidence(0.02, n=4, pooled_standard_error=0.01), "inconclusive"),
    ],
)
def test_the_rule_of_susana(found, verdict):
    assert susana.verdict(found) == verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(0.0), "holds"),
        (evidence(-0.001), "does not hold"),
        (evidence(float("nan")), "inconclusive"),
        (evidence(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_score_submodular(found, verdict):
    assert score_submodular.verdict(found) == verdict


def _heads(effect=0.0, n=5, error=1e-6, falling=True, saturated=1.0):
    return evidence(effect, n, temperature_error=error, falling=falling, saturated=saturated)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_heads(), "holds"),
        (_heads(-0.01), "does not hold"),
        (_heads(error=1e-3), "does not hold"),
        (_heads(falling=False), "does not hold"),
        (_heads(saturated=0.9), "does not hold"),
        (_heads(float("nan")), "inconclusive"),
        (_heads(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_amcl(found, verdict):
    assert amcl.verdict(found) == verdict


def test_free_temperatures_find_their_best():
    found = amcl.temperatures(300)
    assert found["temperature_error"] < 1e-3
    assert found["falling"]
    assert found["saturated"] == 1.0


def _collapse(expected=5, safe=0, monotone=True, control=0, effect=5.0, n=5):
    given = {"expected_collapses": expected, "safe_collapses": safe, "monotone": monotone, "control_collapses": control}
    return evidence(effect, n, **given)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_collapse(), "holds"),
        (_collapse(expected=4), "inconclusive"),
        (_collapse(safe=1), "inconclusive"),
        (_collapse(monotone=False), "inconclusive"),
        (_collapse(control=1), "inconclusive"),
        (_collapse(expected=0), "does not hold"),
        (_collapse(effect=-1.0), "does not hold"),
        (_collapse(effect=float("nan")), "inconclusive"),
        (_collapse(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_hard_negative_isometry(found, verdict):
    assert hard_negative_isometry.verdict(found) == verdict


def test_the_summary_of_collapses():
    cells = {(b, n): [1.0 + n / b, 1.2 + n / b] for b in (20, 60, 200) for n in (2, 8, 32)}
    cells[60, 2], cells[200, 2] = [0.001, 0.002], [0.03, 0.04]  # both collapsed: their order does not count
    found = hard_negative_isometry.summary(cells, {cell: [1.0, 1.0] for cell in cells})
    assert (found["safe_collapses"], found["expected_collapses"], found["control_collapses"]) == (0, 2, 0)
    assert found["monotone"]
    cells[200, 8] = [9.0, 9.0]
    assert not hard_negative_isometry.summary(cells, cells)["monotone"]
    assert hard_negative_isometry.summary(cells, cells)["control_collapses"] == 4
