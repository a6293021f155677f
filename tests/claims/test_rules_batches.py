"""The rules of the claims about losses over batches, bags and draws."""

import pytest

from perdita.claims.calibration import calibration_correctness, rankmixup
from perdita.claims.classification import aggregate_responses
from perdita.claims.compound import ensloss
from perdita.claims.distribution import proper_discrete
from perdita.claims.harness import Evidence
from perdita.claims.imbalance import anyloss


def evidence(effect=0.01, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, details)


def _wins(*counts):
    return {"one": {"f_score": 5, "g_mean": 5}, "two": dict(zip(("f_score", "g_mean"), counts, strict=True))}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(wins=_wins(4, 5)), "holds"),
        (evidence(wins=_wins(3, 5)), "inconclusive"),
        (evidence(wins=_wins(5, 2)), "does not hold"),
        (evidence(effect=0.0, wins=_wins(5, 5)), "does not hold"),
        (evidence(effect=float("nan"), wins=_wins(5, 5)), "inconclusive"),
        (evidence(n=4, wins=_wins(4, 4)), "inconclusive"),
    ],
)
def test_the_rule_of_anyloss(found, verdict):
    assert anyloss.verdict(found) == verdict


def _least(unbiased=0.0, plug_in=-0.2, worst=2.0, n=5):
    return evidence(n=n, least_at={"unbiased": unbiased, "plug_in": plug_in}, errors=[0.1, -worst])


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_least(), "holds"),
        (_least(worst=3.5), "inconclusive"),
        (_least(worst=5.5), "does not hold"),
        (_least(unbiased=0.2), "does not hold"),
        (_least(plug_in=0.0), "inconclusive"),
        (_least(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_proper_discrete(found, verdict):
    assert proper_discrete.verdict(found) == verdict


def _ranked(effect=-0.02, lower=5, ours=0.01, plain=0.02, n=5):
    return evidence(effect, n, lower_than_mixup=lower, means={"ndcg": {"ece": ours}, "cross_entropy": {"ece": plain}})


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_ranked(), "holds"),
        (_ranked(lower=4), "inconclusive"),
        (_ranked(ours=0.03), "inconclusive"),
        (_ranked(effect=0.0), "does not hold"),
        (_ranked(n=4, lower=4), "inconclusive"),
    ],
)
def test_the_rule_of_rankmixup(found, verdict):
    assert rankmixup.verdict(found) == verdict


def _calibrated(brier=(0.1, 0.1), ece=0.05, n=5):
    means = {
        setting: {
            "aware": {"brier": own, "ece": ece},
            "none": {"brier": 0.2, "ece": 0.1},
            "scaling": {"brier": 0.1, "ece": 0.06},
        }
        for setting, own in zip(("in", "out"), brier, strict=True)
    }
    return evidence(n=n, means=means)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_calibrated(), "holds"),
        (_calibrated(ece=0.07), "inconclusive"),
        (_calibrated(brier=(0.1, 0.2)), "does not hold"),
        (_calibrated(brier=(0.3, 0.1)), "does not hold"),
        (_calibrated(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_calibration_correctness(found, verdict):
    assert calibration_correctness.verdict(found) == verdict


def _interior(gains=(0.1, 0.2, 0.3), calm=(0.0, 0.1), noisy=(0.1, 0.2), effect=-0.1, n=20):
    return evidence(
        effect,
        n,
        gains=dict(zip("248", gains, strict=True)),
        best_weight={"noise 0.3": list(calm), "noise 1": list(noisy)},
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_interior(), "holds"),
        (_interior(gains=(0.04, 0.2, 0.3)), "inconclusive"),
        (_interior(gains=(0.0, 0.2, 0.3)), "does not hold"),
        (_interior(effect=0.1), "does not hold"),
        (_interior(noisy=(0.0, 0.1)), "inconclusive"),
        (_interior(calm=(0.2, 0.1)), "inconclusive"),
        (_interior(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_aggregate_responses(found, verdict):
    assert aggregate_responses.verdict(found) == verdict


def _random(ours=0.92, gain=(0.001, 0.01), spread=0.02, n=8):
    means = {"cross_entropy": 0.93, "hinge": 0.91, "exponential": 0.915, "random": ours}
    return Evidence(sum(gain) / 2, gain, 0.93, ours, n, {"means": means, "spread": spread})


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_random(), "holds"),
        (_random(gain=(-0.01, 0.02)), "inconclusive"),
        (_random(ours=0.905), "does not hold"),
        (_random(spread=0.005), "does not hold"),
        (_random(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_ensloss(found, verdict):
    assert ensloss.verdict(found) == verdict
