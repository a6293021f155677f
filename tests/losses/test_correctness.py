"""Correctness-aware losses and the calibrators that they fit."""

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.nn.temperature import AdaptiveTemperature, TemperatureScaling, consistency_features
from perdita.training.calibrator import fit_temperature


def held(n=200):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(n, 5, generator=generator)
    target = torch.where(torch.rand(n, generator=generator) < 0.6, logits.argmax(1), 0)
    return logits, target


def test_the_gradient_of_the_temperature_is_the_formula():
    logits, target = held(8)
    logits = logits.double()
    heat = torch.full((8,), 1.7, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(P.correctness_aware(logits, target, temperature=heat), heat)
    p = (logits / 1.7).softmax(1)
    k, c = p.amax(1), (logits.argmax(1) == target).double()
    slope = k / 1.7**2 * ((p * logits).sum(1) - logits.amax(1))
    torch.testing.assert_close(found, 2 * (k - c) * slope / 8)
    assert (slope <= 0).all()


@pytest.mark.parametrize("right", [True, False])
def test_balancing_falls_back_where_all_are_alike(right):
    logits = torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    target = torch.zeros(2).long() if right else torch.ones(2).long()
    torch.testing.assert_close(P.balanced_correctness_aware(logits, target), P.correctness_aware(logits, target))


def test_balancing_weighs_both_sides_alike():
    logits, target = torch.tensor([[4.0, 0.0]] * 3 + [[1.0, 0.0]]), torch.tensor([0, 0, 0, 1])
    one_by_one = P.correctness_aware(logits, target, reduction="none")
    expected = (one_by_one[:3].mean() + one_by_one[3]) / 2
    torch.testing.assert_close(P.balanced_correctness_aware(logits, target), expected)


def test_features_are_probabilities_of_the_copies_at_the_top_classes_of_the_item():
    logits = torch.tensor([[0.0, 3.0, 1.0]])
    copies = torch.tensor([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]])
    probs = copies.softmax(2)[0]
    expected = torch.stack([probs[0, 1], probs[0, 2], probs[1, 1], probs[1, 2]])
    torch.testing.assert_close(consistency_features(logits, copies, top=2)[0], expected)


@pytest.mark.parametrize("calibrator", [TemperatureScaling(), AdaptiveTemperature(4)])
def test_fitting_lowers_the_objective_and_leaves_the_predictions(calibrator):
    logits, target = held()
    features = consistency_features(logits, logits.unsqueeze(1))
    before = P.correctness_aware(logits, target, temperature=calibrator(features)).item()
    after = fit_temperature(calibrator, logits, features, target, P.correctness_aware, steps=50)
    assert after < before
    heat = calibrator(features).unsqueeze(1)
    assert torch.equal((logits / heat).argmax(1), logits.argmax(1))


def test_a_fresh_temperature_moves():
    calibrator = AdaptiveTemperature(3)
    heat = calibrator(torch.rand(20, 3))
    assert ((heat > calibrator.low) & (heat < calibrator.high)).any()
    (gradient,) = torch.autograd.grad(heat.sum(), calibrator.head.bias)
    assert gradient.item() > 0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("top", lambda: consistency_features(torch.zeros(1, 3), torch.zeros(1, 2, 3), top=4)),
        ("low", lambda: AdaptiveTemperature(3, low=2.0, high=1.0)),
        ("steps", lambda: fit_temperature(TemperatureScaling(), None, None, None, None, steps=0)),
    ],
)
def test_bad_input_is_named(name, call):
    with pytest.raises(InputError, match=name):
        call()
