"""The rules of the claims about distillation."""

import pytest

from perdita.claims.distillation import cprd, dhkd, distilbert, pld
from perdita.claims.harness import Evidence


def evidence(effect=0.03, n=5, baseline=0.9, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), baseline, baseline + effect, n, details)


def _pld(effect=0.03, lost=0.0, n=5):
    return evidence(effect, n, means={"cross-entropy": 0.9 + lost, "teacher's weights": 0.9})


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_pld(), "holds"),
        (_pld(lost=0.0049), "holds"),
        (_pld(lost=0.006), "inconclusive"),
        (_pld(effect=0.019), "inconclusive"),
        (_pld(effect=0.0), "does not hold"),
        (_pld(lost=0.021), "does not hold"),
        (_pld(effect=float("nan")), "inconclusive"),
        (_pld(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_pld(found, verdict):
    assert pld.verdict(found) == verdict


def _dhkd(effect=-0.1, backbone=-0.1, lower=5, n=5):
    return evidence(effect, n, backbone, lower=lower)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_dhkd(), "holds"),
        (_dhkd(lower=4), "holds"),
        (_dhkd(lower=3), "inconclusive"),
        (_dhkd(effect=0.05), "does not hold"),
        (_dhkd(backbone=0.2), "does not hold"),
        (_dhkd(effect=float("nan")), "inconclusive"),
        (_dhkd(n=4, lower=4), "inconclusive"),
    ],
)
def test_the_rule_of_dhkd(found, verdict):
    assert dhkd.verdict(found) == verdict


def _distilbert(effect=0.6, n=5, **changed):
    means = {"all terms": 1.4, "all terms, random start": 1.4 + effect}
    means |= {f"without {term}": 1.5 for term in ("labels", "teacher", "cosine")}
    return evidence(effect, n, 1.4, means=means | changed)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_distilbert(), "holds"),
        (_distilbert(effect=0.4), "inconclusive"),
        (_distilbert(effect=0.0), "does not hold"),
        (_distilbert(**{"without teacher": 2.1}), "does not hold"),
        (_distilbert(**{"without labels": 0.7}), "inconclusive"),
        (_distilbert(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_distilbert(found, verdict):
    assert distilbert.verdict(found) == verdict


def _cprd(partial=(0.4, 0.7), whole=(0.4, 0.69), matched=(0.39, 0.68), n=5):
    arms = {"partial ranking": partial, "whole ranking": whole, "matched scores": matched}
    means = {arm: {"first": first, "ndcg": ndcg} for arm, (first, ndcg) in arms.items()}
    return evidence(0.01, n, means=means)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_cprd(), "holds"),
        (_cprd(whole=(0.41, 0.69)), "inconclusive"),
        (_cprd(whole=(0.4, 0.7)), "does not hold"),
        (_cprd(matched=(0.3, 0.71)), "does not hold"),
        (_cprd(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_cprd(found, verdict):
    assert cprd.verdict(found) == verdict
