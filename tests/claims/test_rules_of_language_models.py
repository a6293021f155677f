"""The rules of the claims about language models, on evidence made by hand."""

from __future__ import annotations

import pytest

from perdita.claims.harness import Evidence
from perdita.claims.judge import dc_pdd
from perdita.claims.nn import tra
from perdita.claims.preference import spo
from perdita.claims.training import spike_no_more

NAN = float("nan")


def evidence(effect=0.03, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.9, 0.9 + effect, n, details)


def _detection(min_k=(0.03, 0.002), loss=(0.06, 0.003), n=5):
    return evidence(min_k[0], n, gains={"min_k": list(min_k), "loss": list(loss)})


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_detection(), "holds"),
        (_detection(min_k=(0.004, 0.002)), "inconclusive"),
        (_detection(loss=(0.005, 0.003)), "inconclusive"),
        (_detection(min_k=(0.0, 0.002)), "does not hold"),
        (_detection(loss=(-0.01, 0.003)), "does not hold"),
        (_detection(loss=(NAN, 0.003)), "inconclusive"),
        (_detection(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_dc_pdd(given, verdict):
    assert dc_pdd.verdict(given) == verdict


def _gradients(distances=(1.3, 0.6, 0.02, 0.03), first=(2.2, 4.3, 0.7, 0.5), n=5):
    names = list(spike_no_more.ARMS)
    details = {"distance": dict(zip(names, distances, strict=True)), "first_mean": dict(zip(names, first, strict=True))}
    return evidence(distances[2] - distances[0], n, **details)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_gradients(), "holds"),
        (_gradients(distances=(1.3, 0.6, 0.02, 0.7)), "inconclusive"),
        (_gradients(first=(2.2, 0.6, 0.7, 0.5)), "inconclusive"),
        (_gradients(distances=(1.3, 0.6, 1.4, 0.03)), "inconclusive"),
        (_gradients(distances=(1.3, 0.6, 1.3, 1.4)), "does not hold"),
        (_gradients(first=(2.2, 4.3, 2.2, 2.5)), "does not hold"),
        (_gradients(distances=(1.3, NAN, 0.02, 0.03)), "inconclusive"),
        (_gradients(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_spike_no_more(given, verdict):
    assert spike_no_more.verdict(given) == verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(0.02, accuracy_gain=0.0), "holds"),
        (evidence(0.019, accuracy_gain=0.01), "inconclusive"),
        (evidence(0.05, accuracy_gain=-0.001), "inconclusive"),
        (evidence(0.0, accuracy_gain=0.01), "does not hold"),
        (evidence(NAN, accuracy_gain=0.01), "inconclusive"),
        (evidence(0.05, n=4, accuracy_gain=0.01), "inconclusive"),
    ],
)
def test_the_rule_of_spo(given, verdict):
    assert spo.verdict(given) == verdict


def _errors(same=0.001, longer=0.01, sparse=0.02, baseline=0.1, n=5):
    own = dict(zip(tra.SPLITS, (same, longer, sparse, 0.0), strict=True))
    others = [name for name in tra.ATTENTIONS if name != "TRA"]
    means = {split: {"TRA": error, **dict.fromkeys(others, 0.5)} for split, error in own.items()}
    for split in tra.LONGER:
        means[split]["ALiBi"] = baseline
    return evidence(longer - baseline, n, mean_error=means)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_errors(), "holds"),
        (_errors(same=0.01), "inconclusive"),
        (_errors(longer=0.1), "does not hold"),
        (_errors(sparse=0.3), "does not hold"),
        (_errors(same=0.01, baseline=0.001), "does not hold"),
        (_errors(sparse=NAN), "inconclusive"),
        (_errors(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_tra(given, verdict):
    assert tra.verdict(given) == verdict
