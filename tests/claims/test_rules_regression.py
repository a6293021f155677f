"""The rules of the claims about losses of numbers: forecasts, values, imbalance."""

import math

import pytest

from perdita.claims.distribution import cs_ib
from perdita.claims.forecasting import timeseries_survey
from perdita.claims.harness import Evidence
from perdita.claims.imbalance import cisir
from perdita.claims.regression import classification_helps_regression
from perdita.claims.value import hl_gauss, itakura_saito


def evidence(effect=0.01, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, details)


def _risks(**changes):
    risk = dict.fromkeys(timeseries_survey.SAFE, 0.2) | dict.fromkeys(timeseries_survey.OTHERS, 0.21)
    return {"mean_risk": risk | {"mape": 0.3, "mean_bias_error": 90.0} | changes}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(**_risks()), "holds"),
        (evidence(**_risks(huber=0.229)), "holds"),
        (evidence(**_risks(huber=0.231)), "does not hold"),
        (evidence(**_risks(rmse=0.17)), "does not hold"),
        (evidence(**_risks(mean_bias_error=49.0)), "does not hold"),
        (evidence(**_risks(mape=0.2)), "does not hold"),
        (evidence(**_risks(relative_rmse=math.inf)), "inconclusive"),
        (evidence(n=4, **_risks()), "inconclusive"),
    ],
)
def test_the_rule_of_timeseries_survey(found, verdict):
    assert timeseries_survey.verdict(found) == verdict


def _growth(mse=1.6, hl_gauss=1.1):
    return {"growth": {"mse": mse, "hl_gauss": hl_gauss, "two_hot": 1.0}}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(-0.1, **_growth()), "holds"),
        (evidence(-0.1, **_growth(mse=1.5)), "does not hold"),
        (evidence(-0.1, **_growth(hl_gauss=1.2)), "does not hold"),
        (evidence(0.1, **_growth()), "does not hold"),
        (evidence(math.nan, **_growth()), "inconclusive"),
        (evidence(-0.1, n=4, **_growth()), "inconclusive"),
    ],
)
def test_the_rule_of_hl_gauss(found, verdict):
    assert hl_gauss.verdict(found) == verdict


def _values(exact=1e-6, biased=0.2, normal=1e-6, learned=0.01, stuck=16.0):
    gaps = {
        "quadratic": {"itakura_saito": [[(exact, -1.0)]], "entropic_softplus": [[(biased, -1.0)]]},
        "normal": {"itakura_saito": [[(exact, 0.2)]], "entropic_softplus": [[(normal, 0.2)]]},
    }
    ends = {"itakura_saito": [[0.01, learned, 0.01]], "entropic_mse": [[0.01, 0.01, stuck]]}
    return {"gaps": gaps, "learned": {"1.0": ends}}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(**_values()), "holds"),
        (evidence(**_values(exact=1e-3)), "does not hold"),
        (evidence(**_values(biased=0.1)), "does not hold"),
        (evidence(**_values(normal=1e-3)), "does not hold"),
        (evidence(**_values(learned=0.05)), "does not hold"),
        (evidence(**_values(stuck=5.0)), "does not hold"),
        (evidence(n=4, **_values()), "inconclusive"),
    ],
)
def test_the_rule_of_itakura_saito(found, verdict):
    assert itakura_saito.verdict(found) == verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(n=10, wins={"narrow": 7}), "holds"),
        (evidence(n=10, wins={"narrow": 6}), "inconclusive"),
        (evidence(n=10, wins={"narrow": 4}), "does not hold"),
        (evidence(0.0, n=10, wins={"narrow": 10}), "does not hold"),
        (evidence(math.nan, wins={"narrow": 5}), "inconclusive"),
        (evidence(n=4, wins={"narrow": 4}), "inconclusive"),
    ],
)
def test_the_rule_of_classification_helps_regression(found, verdict):
    assert classification_helps_regression.verdict(found) == verdict


def _errors(mdi=(0.1, 0.2), mse=3, own=3):
    return {
        "mean_errors": {"mdi": list(mdi), "reciprocal": [0.1, 0.2]},
        "lowered_by_correlation": {"mse": mse, "mdi": own},
    }


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(-0.01, **_errors()), "holds"),
        (evidence(-0.01, **_errors(mse=2)), "inconclusive"),
        (evidence(-0.01, **_errors(own=2)), "inconclusive"),
        (evidence(-0.01, **_errors(mdi=(0.1, 0.21))), "does not hold"),
        (evidence(0.0, **_errors()), "does not hold"),
        (evidence(math.nan, **_errors()), "inconclusive"),
        (evidence(-0.01, n=4, **_errors()), "inconclusive"),
    ],
)
def test_the_rule_of_cisir(found, verdict):
    assert cisir.verdict(found) == verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(margins={"clean": (0.01, 0.01), "attacked": (-0.1, 0.01)}), "holds"),
        (evidence(margins={"clean": (0.02, 0.01), "attacked": (-0.1, 0.01)}), "does not hold"),
        (evidence(margins={"clean": (-0.02, 0.01), "attacked": (0.1, 0.01)}), "does not hold"),
        (evidence(margins={"clean": (math.nan, 0.01), "attacked": (0.0, 0.01)}), "inconclusive"),
        (evidence(n=4, margins={"clean": (0.0, 0.01), "attacked": (0.0, 0.01)}), "inconclusive"),
    ],
)
def test_the_rule_of_cs_ib(found, verdict):
    assert cs_ib.verdict(found) == verdict
