"""Losses that other libraries have too: their special cases, symmetries and gradients."""

import pytest
import torch

import perdita.functional as P
from perdita.losses.classification.fenchel_young import entmax_conjugate, sparsemax_conjugate
from perdita.losses.noise.tempered import tempered_log_softmax

TARGET = torch.tensor([0, 3, 1, 2, 3])


def scores(*shape, seed=0):
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradient(value, logits):
    return torch.autograd.grad(value, logits)[0]


COUNTS = torch.full((4,), 7.0, dtype=torch.float64)


@pytest.mark.parametrize(
    "found",
    [
        lambda z: P.logit_adjusted_cross_entropy(z, TARGET, class_counts=COUNTS),
        lambda z: P.class_balanced_cross_entropy(z, TARGET, class_counts=COUNTS),
        lambda z: P.class_balanced_cross_entropy(z, TARGET, class_counts=COUNTS * torch.arange(1, 5), beta=0.0),
        lambda z: P.ldam(z, TARGET, max_margin=0.0, scale=1.0),
        lambda z: P.bi_tempered(z, TARGET, boundedness=1.0, tail=1.0),
    ],
)
def test_special_cases_are_cross_entropy(found):
    logits = scores(5, 4)
    torch.testing.assert_close(found(logits), P.cross_entropy(logits, TARGET))


def test_adjusted_logits_predict_the_posterior_of_equal_classes():
    """At the prior's own logits the adjusted loss has no gradient on labels drawn from the prior."""
    counts = torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64)
    logits = torch.zeros(10, 3, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0] * 6 + [1] * 3 + [2])
    found = gradient(P.logit_adjusted_cross_entropy(logits, target, class_counts=counts), logits)
    torch.testing.assert_close(found.sum(0), torch.zeros(3, dtype=torch.float64))


def test_class_balance_goes_to_inverse_frequency():
    logits, counts = torch.zeros(5, 4, dtype=torch.float64), torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64)
    found = P.class_balanced_cross_entropy(logits, TARGET, class_counts=counts, beta=1 - 1e-12, reduction="none")
    expected = (1 / counts) / (1 / counts).sum() * 4 * torch.tensor(4.0).log()
    torch.testing.assert_close(found, expected[TARGET].double(), rtol=1e-6, atol=0.0)


def test_rare_classes_have_the_larger_margin():
    counts = torch.tensor([1.0, 16.0], dtype=torch.float64)
    tie = torch.tensor([[0.5, 0.0], [0.0, 0.25]], dtype=torch.float64)  # just the margins 0.5 and 0.5 / 2
    values = P.ldam(tie, torch.tensor([0, 1]), class_counts=counts, reduction="none")
    torch.testing.assert_close(values, torch.full((2,), 2.0, dtype=torch.float64).log())


@pytest.mark.parametrize(
    ("criterion", "total"), [(P.normalized_cross_entropy, 1.0), (P.active_passive, 1.0 + 3 * 4.0), (P.softmax_mae, 6.0)]
)
def test_the_sum_over_labels_is_a_constant(criterion, total):
    logits = scores(6, 4)
    found = sum(criterion(logits, torch.full((6,), k), reduction="none") for k in range(4))
    torch.testing.assert_close(found, torch.full_like(found, total))


def test_one_class_has_nothing_to_normalise():
    logits = torch.zeros(2, 1, requires_grad=True)
    value = P.normalized_cross_entropy(logits, torch.zeros(2).long())
    assert value.item() == 0
    assert gradient(value, logits).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("criterion", "conjugate"), [(P.sparsemax, sparsemax_conjugate), (P.entmax15, entmax_conjugate)]
)
def test_the_gradient_of_a_fenchel_young_loss_is_probability_minus_target(criterion, conjugate):
    logits = scores(5, 4).requires_grad_()
    probs = gradient(conjugate(logits).sum(), logits)
    assert (probs >= 0).all()
    torch.testing.assert_close(probs.sum(1), torch.ones(5, dtype=torch.float64))
    for target in (TARGET, scores(5, 4, seed=7).softmax(1)):
        share = target if target.is_floating_point() else torch.nn.functional.one_hot(target, 4)
        found = gradient(criterion(logits, target, reduction="sum"), logits)
        torch.testing.assert_close(found, probs - share)


@pytest.mark.parametrize(("criterion", "gap"), [(P.sparsemax, 1.0), (P.entmax15, 2.0)])
def test_a_wide_margin_costs_exactly_nothing(criterion, gap):
    logits = torch.tensor([[gap, 0.0, -3.0]], dtype=torch.float64)
    assert criterion(logits, torch.tensor([0])).item() == pytest.approx(0, abs=1e-15)
    assert criterion(0.9 * logits, torch.tensor([0])).item() > 1e-5


def test_one_versus_all_is_binary_cross_entropy_over_classes():
    logits = scores(5, 4)
    truth = torch.nn.functional.one_hot(TARGET, 4).double()
    torch.testing.assert_close(P.one_versus_all(logits, TARGET), 4 * P.binary_cross_entropy(logits, truth))


def test_equal_focus_without_a_shift_is_binary_focal():
    logits, target = scores(20), (scores(20, seed=1) > 0).double()
    found = P.asymmetric_focal(logits, target, gamma_positive=2.0, gamma_negative=2.0, shift=0.0)
    torch.testing.assert_close(found, P.binary_focal(logits, target, gamma=2.0, alpha=None))


def test_easy_negatives_cost_nothing():
    logits = torch.tensor([-3.0], requires_grad=True)  # p = 0.047
    value = P.asymmetric_focal(logits, torch.zeros(1))
    assert value.item() == 0
    assert gradient(value, logits).item() == 0


@pytest.mark.parametrize("tail", [1.0, 1.05, 1.4, 2.0, 4.0])
@pytest.mark.parametrize("scale", [0.1, 10.0, 1e4])
def test_tempered_probabilities_sum_to_one(tail, scale):
    probs = tempered_log_softmax(scale * scores(3, 500), tail).exp()
    torch.testing.assert_close(probs.sum(1), torch.ones(3, dtype=torch.float64), rtol=1e-12, atol=0.0)


def test_the_tempered_loss_is_bounded():
    logits = torch.tensor([[-1e4, 1e4]])
    found = P.bi_tempered(logits, torch.tensor([0]), boundedness=0.5)
    assert 1.5 < found.item() < 2.0


def test_the_tempered_normaliser_has_the_implicit_gradient():
    """The probabilities' derivative sums to zero over classes, and the shift's weights are p**t / sum p**t."""
    logits, tail = scores(1, 4).requires_grad_(), 1.7
    probs = tempered_log_softmax(logits, tail).exp()
    escort = probs.detach() ** tail
    expected = escort[0, 0] * (torch.eye(4)[0].double() - escort[0] / escort.sum())
    torch.testing.assert_close(gradient(probs[0, 0], logits)[0], expected)


def test_calibration_terms_vanish_for_a_calibrated_batch():
    """Four items at confidence 3/4, three of them right, and labels as frequent as they are said to be."""
    logits = torch.tensor([[0.75, 0.25]] * 4, dtype=torch.float64).log()
    target = torch.tensor([0, 0, 0, 1])
    for criterion in (P.mdca, P.mmce, P.soft_ece):
        assert criterion(logits, target).item() == pytest.approx(0, abs=1e-8)
        assert criterion(5 * logits, target).item() > 0.1


def test_the_soft_error_goes_to_the_binned_one():
    generator = torch.Generator().manual_seed(0)
    logits, target = scores(200, 3), torch.randint(0, 3, (200,), generator=generator)
    sure, guess = logits.softmax(1).max(1)
    right = (guess == target).double()
    place = (sure * 10).long()
    size = torch.bincount(place, minlength=10).double()
    gap = torch.zeros(10, dtype=torch.float64).index_add(0, place, right - sure)
    expected = (gap.square() / size.clamp_min(1)).sum().div(200).sqrt()
    torch.testing.assert_close(P.soft_ece(logits, target, bins=10, temperature=1e-9), expected)
