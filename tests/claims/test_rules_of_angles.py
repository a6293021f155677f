"""The rules of the claims about angles, mixtures, faces and the ball, and their simulations."""

import pytest
import torch

from perdita.claims.embedding import hyp_oc, metrix, symface, unpg
from perdita.claims.harness import Evidence


def evidence(effect, n, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, details)


@pytest.mark.parametrize(
    ("effect", "wins", "n", "verdict"),
    [
        (0.1, 4, 5, "holds"),
        (0.1, 3, 5, "inconclusive"),
        (0.0, 5, 5, "does not hold"),
        (-0.1, 4, 5, "does not hold"),
        (float("nan"), 5, 5, "inconclusive"),
        (0.1, 2, 2, "inconclusive"),
    ],
)
@pytest.mark.parametrize("claim", [unpg, symface, hyp_oc])
def test_the_rules(claim, effect, wins, n, verdict):
    assert claim.verdict(evidence(effect, n, wins=wins)) == verdict


def test_unpg_is_judged_on_four_seeds_too():
    assert unpg.verdict(evidence(0.1, 4, wins=3)) == "holds"
    assert unpg.verdict(evidence(0.1, 4, wins=2)) == "inconclusive"


@pytest.mark.parametrize(
    ("effect", "wins", "change", "n", "verdict"),
    [
        (0.1, 4, -0.01, 5, "holds"),
        (0.1, 4, 0.01, 5, "inconclusive"),
        (0.1, 3, -0.01, 5, "inconclusive"),
        (0.0, 5, -0.01, 5, "does not hold"),
        (0.1, 4, -0.01, 4, "inconclusive"),
    ],
)
def test_the_rule_of_metrix(effect, wins, change, n, verdict):
    assert metrix.verdict(evidence(effect, n, wins=wins, utilization_change=change)) == verdict


def test_simulated_faces_are_nearly_symmetric_before_they_are_turned(monkeypatch):
    monkeypatch.setattr(symface, "NOISE", 0.0)
    monkeypatch.setattr(symface, "ASYMMETRY", 0.0)
    monkeypatch.setattr(symface, "LIGHT", 0.0)
    faces, rho = symface._faces(5, torch.Generator().manual_seed(0))
    frontal = rho == 1
    assert set(rho.unique().tolist()) == {0.25, 0.5, 0.75, 1.0}
    assert 0.3 < frontal.float().mean() < 0.7
    torch.testing.assert_close(faces[frontal], faces[frontal].flip(-1))
    assert not torch.equal(faces[~frontal], faces[~frontal].flip(-1))


def test_an_identity_is_either_trained_on_or_verified():
    folds, labels = unpg._simulated([0], "cpu")
    assert set(labels.tolist()) == set(range(unpg.TRAINED))  # numbered anew: no identity's items are in both parts
    assert len(folds[0].features) == len(folds[0].parts["test"]) == unpg.TRAINED * unpg.ITEMS
    assert not (torch.cdist(folds[0].features, folds[0].parts["test"]) == 0).any()


def test_digits_that_were_trained_on_are_not_ranked():
    folds, unseen, own = hyp_oc._digits([0], "cpu")
    for digit, (fold, held, mine) in enumerate(zip(folds, unseen, own, strict=True)):
        assert (fold.target == digit).all()
        assert (~held).sum() == hyp_oc.SEEN
        assert torch.equal(fold.parts["all"][~held].sort(0).values, fold.features.sort(0).values)
        assert mine[~held].all()


def test_the_network_of_one_class_remembers_the_batch_of_before():
    network = hyp_oc.OneClassNetwork()
    pixels = torch.full((4, 64), 0.5)
    assert network(pixels).shape == (4, 2, 12)
    assert torch.equal(network.negatives.last_mean, torch.full((64,), 0.5))
    assert network.eval()(pixels).shape == (4, 12)
