"""Preference losses beyond the battery: from token log-probabilities to what each loss promises."""

from __future__ import annotations

import doctest
import math

import pytest
import torch
import torch.nn.functional as F

import perdita
import perdita.functional as P
from perdita.core import InputError
from perdita.losses.preference import log_probabilities
from perdita.losses.preference.log_probabilities import sequence_log_probability
from perdita.losses.preference.unpaired import bco_reward_shift, kto_reference_point
from perdita.training import preference_degrees

GENERATOR = torch.Generator().manual_seed(0)
LOGPS = -30 * torch.rand(4, 16, generator=GENERATOR, dtype=torch.float64)
DEGREES = torch.randn(2, 16, 3, 3, generator=GENERATOR, dtype=torch.float64)


def drawn(n=3, t=6, c=5):
    logits = torch.randn(n, t, c, generator=GENERATOR, dtype=torch.float64)
    return logits, torch.randint(0, c, (n, t), generator=GENERATOR)


def test_a_sequence_sums_its_counted_tokens():
    logits, target = drawn()
    log_p = logits.log_softmax(2)
    mask = torch.arange(6) >= torch.tensor([[2], [0], [6]])  # the third has no token left
    ignored = target.masked_fill(torch.arange(6) == 5, -100)
    expected = [sum(log_p[row, i, target[row, i]] for i in range(5) if mask[row, i]) for row in range(3)]
    found = sequence_log_probability(logits, ignored, mask=mask)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    average = sequence_log_probability(logits, ignored, mask=mask, average=True)
    torch.testing.assert_close(average, found / torch.tensor([3, 5, 1]))
    assert found[2] == 0


def test_a_causal_model_predicts_the_next_token():
    logits, target = drawn()
    mask = torch.rand(3, 6, generator=GENERATOR) > 0.3
    shifted = sequence_log_probability(logits, target, mask=mask, shift=True)
    torch.testing.assert_close(shifted, sequence_log_probability(logits[:, :-1], target[:, 1:], mask=mask[:, 1:]))
    nll = F.cross_entropy(logits[:, :-1].transpose(1, 2), target[:, 1:], reduction="none").sum(1)
    torch.testing.assert_close(sequence_log_probability(logits, target, shift=True), -nll)


def test_half_precision_logits_are_summed_in_float32():
    logits, target = drawn(2, 200, 30)
    half = logits.bfloat16()
    found = sequence_log_probability(half, target)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, sequence_log_probability(half.float(), target))


def test_nan_at_padding_reaches_neither_value_nor_gradient():
    logits, target = drawn()
    mask = torch.arange(6) >= 2
    spoiled = logits.masked_fill(~mask.view(6, 1), math.nan).requires_grad_()
    found = sequence_log_probability(spoiled, target, mask=mask.expand(3, 6))
    torch.testing.assert_close(found.detach(), sequence_log_probability(logits[:, 2:], target[:, 2:]))
    assert torch.autograd.grad(found.sum(), spoiled)[0].isfinite().all()


def test_examples_of_functions_that_are_no_losses():
    for module in (log_probabilities, preference_degrees):
        failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
        assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": torch.zeros(3, 5, dtype=torch.int64)}, "target must have shape"),
        ({"mask": torch.ones(3, 6)}, "mask must be a boolean"),
        ({"mask": torch.ones(3, 5, dtype=torch.bool)}, "mask must be a boolean"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    logits, target = drawn()
    with pytest.raises(InputError, match=message):
        sequence_log_probability(**{"logits": logits, "target": target, **change})


@pytest.mark.parametrize("name", ["dpo", "robust_dpo"])
def test_without_flips_both_are_the_logistic_loss(name):
    option = {"dpo": "label_smoothing", "robust_dpo": "flip_rate"}[name]
    chosen, rejected, ref_chosen, ref_rejected = LOGPS
    logits = 0.2 * ((chosen - rejected) - (ref_chosen - ref_rejected))
    found = getattr(P, name)(*LOGPS, beta=0.2, **{option: 0.0}, reduction="none")
    torch.testing.assert_close(found, -F.logsigmoid(logits))


def test_robust_dpo_is_unbiased_under_flips():
    """Its mean over pairs as labelled and pairs flipped, in their shares, is DPO's on the true labels."""
    swapped = LOGPS[[1, 0, 3, 2]]
    share = 0.3
    right, wrong = (P.robust_dpo(*pairs, flip_rate=share, reduction="none") for pairs in (LOGPS, swapped))
    torch.testing.assert_close((1 - share) * right + share * wrong, P.dpo(*LOGPS, reduction="none"))


def test_conservative_dpo_wants_a_finite_margin():
    policy = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    zero = torch.zeros(1, dtype=torch.float64)
    best = math.log(0.9 / 0.1) / 0.5
    loss = P.dpo(policy + best, zero, zero, zero, beta=0.5, label_smoothing=0.1)
    assert abs(torch.autograd.grad(loss, policy)[0].item()) < 1e-12


def test_ipo_wants_the_margin_of_its_beta():
    zero = torch.zeros(1)
    assert P.ipo(zero + 2.5, zero, zero, zero, beta=0.2).item() == 0


def test_cpo_is_dpo_with_a_uniform_reference_and_a_likelihood():
    chosen, rejected = LOGPS[:2]
    zero = torch.zeros_like(chosen)
    preference = P.dpo(chosen, rejected, zero, zero, label_smoothing=0.1, reduction="none")
    found = P.cpo(chosen, rejected, label_smoothing=0.1, nll_weight=0.5, reduction="none")
    torch.testing.assert_close(found, preference - 0.5 * chosen)
    averaged = P.cpo(chosen, rejected, -chosen / 7, nll_weight=1.0, reduction="none")
    torch.testing.assert_close(averaged, P.cpo(chosen, rejected, nll_weight=0.0, reduction="none") - chosen / 7)


def test_simpo_ranks_averages_with_a_margin():
    chosen, rejected = LOGPS[:2] / 10
    found = P.simpo(chosen, rejected, beta=2.5, margin=1.4, reduction="none")
    torch.testing.assert_close(found, -F.logsigmoid(2.5 * (chosen - rejected) - 1.4))


def test_orpo_is_finite_at_probability_one_and_zero():
    chosen = torch.tensor([0.0, -1e4, -1e-30], requires_grad=True)
    rejected = torch.tensor([-1e4, 0.0, 0.0], requires_grad=True)
    values = P.orpo(chosen, rejected, reduction="none")
    assert values.isfinite().all()
    for gradient in torch.autograd.grad(values.sum(), (chosen, rejected)):
        assert gradient.isfinite().all()
    with pytest.raises(InputError, match="policy_chosen"):
        P.orpo(torch.tensor([3.0]), torch.tensor([-3.0]))  # a negative log-likelihood instead of a log-probability


def test_kto_saturates_and_takes_no_gradient_through_its_reference_point():
    policy = torch.tensor([-10.0, -20.0], requires_grad=True)
    point = kto_reference_point(policy, torch.tensor([-14.0, -20.0]))
    assert (point.item(), point.requires_grad) == (2.0, False)
    assert kto_reference_point(torch.tensor([-3.0]), torch.tensor([-1.0])).item() == 0
    reference, wanted = torch.tensor([-10.0, -20.0]), torch.tensor([True, False])
    values = P.kto(policy, reference, wanted, reference_point=point, beta=0.5, desirable_weight=1.5, reduction="none")
    torch.testing.assert_close(values.detach(), torch.tensor([1.5 * (1 - 0.2689414), 1 - 0.7310586]))
    far = P.kto(torch.tensor([1e4]), torch.tensor([-1e4]), torch.tensor([1]))
    assert far.item() == 0


def test_bco_shift_is_the_middle_of_both_kinds():
    policy, reference = torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([-3.0, -6.0, -3.0])
    shift = bco_reward_shift(policy, reference, torch.tensor([1, 1, 0]), beta=0.5)
    assert shift.item() == 0.75  # rewards 1 and 2 against 0
    found = P.bco(policy, reference, torch.tensor([1, 1, 0]), reward_shift=shift, beta=0.5, reduction="none")
    torch.testing.assert_close(found, -F.logsigmoid(torch.tensor([0.25, 1.25, 0.75])))
    assert bco_reward_shift(policy, reference, torch.tensor([1, 1, 1]), beta=0.5).item() == pytest.approx(0.5)


@pytest.mark.parametrize("align", ["dpo", "ipo", "slic_hinge"])
def test_spo_without_weight_is_its_preference_loss(align):
    found = P.spo(*LOGPS, *DEGREES, degree_weight=0.0, align=align, reduction="none")
    torch.testing.assert_close(found, getattr(P, align)(*LOGPS, reduction="none"))


def test_spo_leaves_out_the_degrees_that_its_mask_names():
    mask = torch.rand(16, 2, generator=GENERATOR) > 0.5
    each = torch.stack([P.preference_degree(one, reduction="none") for one in DEGREES], 1)
    found = P.spo(*LOGPS, *DEGREES, degree_mask=mask, degree_weight=0.8, reduction="none")
    torch.testing.assert_close(found, P.dpo(*LOGPS, reduction="none") + 0.4 * (each * mask).sum(1))


def test_degrees_join_any_preference_loss_by_arithmetic():
    total = P.simpo(*LOGPS[:2]) + 0.25 * (P.preference_degree(DEGREES[0]) + P.preference_degree(DEGREES[1]))
    both = P.spo(*LOGPS, *DEGREES, degree_weight=0.5)
    torch.testing.assert_close(total - P.simpo(*LOGPS[:2]), both - P.dpo(*LOGPS))
    assert perdita.build({"loss": "spo", "align": "ipo"})(*LOGPS, *DEGREES).item() > 0
