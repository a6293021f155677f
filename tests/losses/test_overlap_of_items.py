"""Dice for tagging: known identities, the degenerate exponent, hard negatives, and empty batches."""

import pytest
import torch
from sklearn.metrics import f1_score

import perdita.functional as P
from tests.references.imbalance.batch_overlap import set_dice as reference
from tests.references.imbalance.item_overlap import one_versus_rest_dice as of_classes


def batch(n=60):
    generator = torch.Generator().manual_seed(4)
    logits = 2 * torch.randn(n, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(n, generator=generator) < 0.2).long()


def test_of_sure_decisions_it_is_one_minus_f1():
    logits, target = batch()
    found = P.set_dice(1e4 * logits, target, smooth=0.0).item()
    assert found == pytest.approx(1 - f1_score(target.numpy(), (logits > 0).long().numpy()), abs=1e-9)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 2.5, 1e6])
def test_hard_negatives_are_the_largest_for_each_positive(ratio):
    logits, target = batch()
    found = P.set_dice(logits, target, hard_negatives=ratio, alpha=0.01, square=True)
    expected = reference(logits.numpy(), target.numpy(), hard_negatives=ratio, alpha=0.01, square=True)
    assert found.item() == pytest.approx(float(expected))


def test_masked_items_are_no_hard_negatives():
    logits, target = batch()
    mask = torch.rand(60, generator=torch.Generator().manual_seed(5)) > 0.3
    found = P.set_dice(logits.masked_fill(~mask, torch.nan), target, hard_negatives=1.0, mask=mask)
    torch.testing.assert_close(found, P.set_dice(logits[mask], target[mask], hard_negatives=1.0))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 2.5, 1e6])
def test_every_class_has_its_own_hard_negatives(ratio, masked):
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(12, 4, 3, generator=generator, dtype=torch.float64)
    target = torch.randint(4, (12, 3), generator=generator)
    mask = torch.rand(12, 3, generator=generator) > 0.3 if masked else None
    spoilt = logits if mask is None else logits.masked_fill(~mask.unsqueeze(1), torch.nan)
    found = P.one_versus_rest_dice(spoilt, target, hard_negatives=ratio, mask=mask, reduction="none")
    given = None if mask is None else mask.numpy()
    expected = of_classes(logits.numpy(), target.numpy(), hard_negatives=ratio, mask=given)
    torch.testing.assert_close(found, torch.as_tensor(expected))


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_a_batch_of_one_class_is_finite_at_the_extremes(square, label, smooth):
    for logit in (-1e4, 0.0, 1e4):
        logits = torch.full((4,), logit, requires_grad=True)
        value = P.set_dice(logits, torch.full((4,), label), square=square, smooth=smooth, alpha=0.01)
        (gradient,) = torch.autograd.grad(value, logits)
        assert 0 <= value.item() <= 1
        assert gradient.isfinite().all()


def test_nothing_to_find_and_nothing_found_costs_nothing():
    assert P.set_dice(torch.full((3,), -1e4), torch.zeros(3, dtype=torch.long), smooth=0.0).item() == 0


@pytest.mark.parametrize("label", [0, 1])
def test_with_alpha_one_p_and_its_complement_cannot_be_told_apart(label):
    logits = torch.linspace(-5, 5, 11, dtype=torch.float64)
    target = torch.full((11,), label)
    values = P.binary_self_adjusting_dice(logits, target, alpha=1.0, reduction="none")
    torch.testing.assert_close(values, values.flip(0))
    plain = P.binary_self_adjusting_dice(logits, target, alpha=0.0, reduction="none")
    assert (plain.diff() < 0).all() if label else (plain.diff() > 0).all()


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0, 3.0])
def test_a_positive_is_best_at_one_over_one_plus_alpha(alpha):
    logits = torch.logit(torch.tensor([1 / (1 + alpha)], dtype=torch.float64)).requires_grad_()
    value = P.binary_self_adjusting_dice(logits, torch.tensor([1]), alpha=alpha)
    assert torch.autograd.grad(value, logits)[0].item() == pytest.approx(0.0, abs=1e-12)


def test_the_gold_class_form_is_the_binary_one_of_two_classes():
    logits, target = batch()
    two = torch.stack([torch.zeros_like(logits), logits], 1)
    signed = torch.where(target == 1, logits, -logits)
    expected = P.binary_self_adjusting_dice(signed, torch.ones_like(target), alpha=0.3, smooth=0.5)
    torch.testing.assert_close(P.self_adjusting_dice(two, target, alpha=0.3, smooth=0.5), expected)


def test_one_versus_rest_is_the_sum_of_the_binary_ones():
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    target = torch.tensor([0, 1, 2, 1, 0])
    log_odds = torch.logit(logits.softmax(1))
    truth = torch.nn.functional.one_hot(target, 3)
    expected = P.binary_self_adjusting_dice(log_odds, truth, alpha=0.2, square=True, reduction="none").sum(1)
    torch.testing.assert_close(P.one_versus_rest_dice(logits, target, alpha=0.2, reduction="none"), expected)


def test_equal_tversky_weights_of_a_half_are_dice():
    """With a = b = 1/2 twice the denominator is p + y + 2 smooth."""
    logits, target = batch()
    found = P.example_tversky(logits, target, smooth=0.5, reduction="none")
    expected = P.binary_self_adjusting_dice(logits, target, alpha=0.0, smooth=1.0, reduction="none")
    torch.testing.assert_close(found, expected)
