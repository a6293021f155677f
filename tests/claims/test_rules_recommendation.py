"""The rules of the claims about balanced weights, guided batches and aspect distillation."""

import pytest

from perdita.claims.distillation import multi_aspect_kd
from perdita.claims.harness import Evidence
from perdita.claims.training import g_simclr, kernel_balancing


def evidence(effect=0.01, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, details)


def _balanced(kernels=(0.05, 0.06, 0.07), moments=(0.1, 0.1, 0.1), unweighted=(0.2, 0.2, 0.2), **changed):
    errors = {"balanced kernels": kernels, "balanced moments": moments, "unweighted": unweighted}
    return evidence(**({"effect": -0.04, "n": len(kernels)} | changed), errors=errors)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_balanced(), "holds"),
        (_balanced(kernels=(0.05, 0.06, 0.1)), "inconclusive"),
        (_balanced(moments=(0.05, 0.06, 0.07)), "does not hold"),
        (_balanced(unweighted=(0.04, 0.05, 0.06)), "does not hold"),
        (_balanced(effect=float("nan")), "inconclusive"),
        (_balanced(n=2), "inconclusive"),
    ],
)
def test_the_rule_of_kernel_balancing(found, verdict):
    assert kernel_balancing.verdict(found) == verdict


def _guided(rises=(0.01, 0.01), falls=(0.001, 0.03), **changed):
    pairs = {name: dict(zip(("64", "10"), own, strict=True)) for name, own in (("rises", rises), ("falls", falls))}
    return evidence(**changed, **pairs)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_guided(), "holds"),
        (_guided(rises=(0.01, 0.0)), "inconclusive"),
        (_guided(falls=(0.001, 0.0)), "inconclusive"),
        (_guided(rises=(0.0, 0.01)), "does not hold"),
        (_guided(falls=(0.0, 0.03)), "does not hold"),
        (_guided(effect=float("nan")), "inconclusive"),
        (_guided(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_g_simclr(found, verdict):
    assert g_simclr.verdict(found) == verdict


def _answered(effect=0.02, control=0.84, **changed):
    means = {"labels alone": 0.86, "answers, weight 4": 0.86 + effect, "others' answers, weight 4": control}
    return evidence(effect, means=means, **changed)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_answered(), "holds"),
        (_answered(control=0.87), "inconclusive"),
        (_answered(control=0.89), "does not hold"),
        (_answered(effect=0.0), "does not hold"),
        (_answered(effect=float("nan")), "inconclusive"),
        (_answered(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_multi_aspect_kd(found, verdict):
    assert multi_aspect_kd.verdict(found) == verdict
