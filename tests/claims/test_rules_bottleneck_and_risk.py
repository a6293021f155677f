"""The rules of the claims about concept bottlenecks, value at risk and the survey, on evidence made by hand."""

from __future__ import annotations

import pytest

from perdita.claims.harness import Evidence
from perdita.claims.nn import sparse_cbm
from perdita.claims.regression import loss_metric_survey
from perdita.claims.risk import lstm_mdn

NAN = float("nan")


def evidence(effect, n=5, width=0.01, **details):
    return Evidence(effect, (effect - width, effect + width), 0.9, 0.9 + effect, n, details)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(0.05, over_contrastive=0.01, denser=-1.0), "holds"),
        (evidence(0.005, over_contrastive=0.01, denser=-1.0), "inconclusive"),
        (evidence(0.0, over_contrastive=0.01, denser=-1.0), "does not hold"),
        (evidence(0.05, over_contrastive=0.0, denser=-1.0), "does not hold"),
        (evidence(0.05, over_contrastive=0.01, denser=0.0), "does not hold"),
        (evidence(0.05, over_contrastive=NAN, denser=-1.0), "inconclusive"),
        (evidence(0.05, n=4, over_contrastive=0.01, denser=-1.0), "inconclusive"),
    ],
)
def test_the_rule_of_the_sparse_bottleneck(given, verdict):
    assert sparse_cbm.verdict(given) == verdict


def measured(normal=20.0, networks=(1.0, 1.0, 1.0), follows=(0.9, 0.9, 0.9), n=5):
    names = lstm_mdn.NETWORKS
    coverage = {"normal": normal, "historical": 3.9, **dict(zip(names, networks, strict=True))}
    return evidence(-0.02, n=n, coverage=coverage, with_garch=dict(zip(names, follows, strict=True)))


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (measured(), "holds"),
        (measured(networks=(10.0, 1.0, 3.841)), "holds"),
        (measured(networks=(10.0, 1.0, 3.85)), "does not hold"),
        (measured(normal=3.841), "does not hold"),
        (measured(follows=(0.9, 0.8, 0.9)), "inconclusive"),
        (measured(networks=(NAN, 1.0, 1.0)), "inconclusive"),
        (measured(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_the_mixture_density_network(given, verdict):
    assert lstm_mdn.verdict(given) == verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(-0.02), "holds"),
        (evidence(-0.005), "inconclusive"),
        (evidence(0.0), "does not hold"),
        (evidence(NAN), "inconclusive"),
        (evidence(-0.02, n=4), "inconclusive"),
    ],
)
def test_the_rule_of_the_survey(given, verdict):
    assert loss_metric_survey.verdict(given) == verdict
