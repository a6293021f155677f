"""The rules of the claims about distillation."""

import pytest
import torch

import perdita.functional as P
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


def test_an_arm_of_distilbert_is_the_triple_loss_with_its_weights():
    generator = torch.Generator().manual_seed(0)
    outputs, *said = torch.randn(3, 6, 70, generator=generator)
    labels = torch.randint(0, 6, (6,), generator=generator)
    places = torch.tensor([4, 0, 2, 2, 5, 1])
    for weights in distilbert.STARTED.values():
        target = distilbert._targets(labels, 1, weights)
        target[:, 2] = places
        found = distilbert.TripleLoss(torch.stack(said))(outputs, target)
        z, t = outputs[:, None], said[1][places][:, None]
        named = dict(zip(("teacher_weight", "label_weight", "cosine_weight"), weights, strict=True))
        expected = P.masked_language_distillation(
            z[..., :6], t[..., :6], labels[:, None], z[..., 6:], t[..., 6:], **named
        )
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("arm", cprd.DISTILLED)
def test_an_arm_of_cprd_adds_its_own_distillation_alone(arm):
    generator = torch.Generator().manual_seed(0)
    cosines, own = torch.rand(8, 30, generator=generator), torch.randperm(30, generator=generator)[:8]
    teacher = torch.rand(8, 30, generator=generator)
    weights = {name: torch.tensor([0.3 * (name == other) for other in cprd.DISTILLED]) for name in (arm, "none")}
    found, without = (
        cprd.objective(cosines, torch.cat([teacher, weights[name].expand(8, -1)], 1), own) for name in (arm, "none")
    )
    hard = cprd.hardest_negatives(cosines, own, cprd.HARD)
    added = cprd.DISTILLED[arm](cosines.gather(1, hard), teacher.gather(1, hard))
    torch.testing.assert_close(found - without, 0.3 * added)
    assert added > 0
