"""Coverage of many attempts: cross-entropy's gradient times a factor, extremes, and the best tabular answer."""

import math

import pytest
import torch

import perdita.functional as P
from perdita.losses.preference.log_probabilities import sequence_log_probability
from perdita.losses.sequence.coverage import coverage_factor, step_log_probs
from tests.references.sequence.coverage import covered


def test_one_attempt_is_cross_entropy():
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = torch.arange(6) % 5
    torch.testing.assert_close(P.direct_coverage(logits, target, attempts=1.0), P.cross_entropy(logits, target))


@pytest.mark.parametrize("attempts", [1.0, 2.5, 16.0, 1e6])
def test_the_gradient_is_cross_entropys_times_the_factor(attempts):
    logits = 4 * torch.randn(20, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    logits.requires_grad_()
    target = torch.arange(20) % 5
    (found,) = torch.autograd.grad(P.direct_coverage(logits, target, attempts=attempts, reduction="sum"), logits)
    entropy = P.cross_entropy(logits, target, reduction="none")
    (plain,) = torch.autograd.grad(entropy.sum(), logits)
    factor = coverage_factor(-entropy.detach(), attempts)
    torch.testing.assert_close(found, factor.unsqueeze(1) * plain, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("attempts", [1.0, 7.0, 4096.0])
def test_every_magnitude_is_exact(dtype, attempts):
    """Among them p below what 1 - p can tell from 1, where the plain formula gives infinity, and p = 1."""
    exact = [-2000.0, -200.0, -90.0, -30.0, -20.0, -17.0, -12.0, -8.0, -3.0, -0.7, -0.69, -1e-3, -1e-7]
    log_prob = torch.tensor(exact, dtype=dtype, requires_grad=True)
    values = P.direct_coverage_from_log_probs(log_prob, attempts=attempts, reduction="none")
    expected = torch.tensor([covered(number, attempts) for number in log_prob.tolist()], dtype=dtype)
    torch.testing.assert_close(values, expected, rtol=20 * torch.finfo(dtype).eps, atol=1e3 * torch.finfo(dtype).eps)
    (gradient,) = torch.autograd.grad(values.sum(), log_prob)
    factor = coverage_factor(log_prob.detach(), attempts)
    torch.testing.assert_close(-gradient, factor, rtol=1e-4 if dtype is torch.float32 else 1e-9, atol=1e-6)
    assert ((factor >= 0) & (factor <= 1 + 1e-5)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_certain_answer_costs_nothing(dtype):
    log_prob = torch.zeros(2, dtype=dtype, requires_grad=True)
    for attempts, slope in ((1.0, -1.0), (2.0, 0.0), (50.0, 0.0)):
        value = P.direct_coverage_from_log_probs(log_prob, attempts=attempts, reduction="sum")
        (gradient,) = torch.autograd.grad(value, log_prob)
        assert value.item() == pytest.approx(0.0, abs=1e-12)
        assert gradient.tolist() == pytest.approx([slope, slope], abs=1e-5)


def test_a_sequence_in_float32_where_one_minus_p_is_one():
    logits = torch.zeros(1, 40, 1000, requires_grad=True)  # p = 1000^-40
    log_prob = sequence_log_probability(logits, torch.zeros(1, 40, dtype=torch.long))
    value = P.direct_coverage_from_log_probs(log_prob, attempts=64.0)
    value.backward()
    assert value.item() == pytest.approx(40 * math.log(1000) - math.log(64), rel=1e-6)
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


def test_the_best_table_spreads_over_answers_as_attempts_grow():
    """The minimiser of sum pi_k (-pass@N) is q_k = max(0, 1 - (lambda / (N pi_k))^(1/(N-1))); this loss is its log."""
    truth = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    found = []
    for attempts in (1.0, 4.0, 16.0):
        logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [logits], max_iter=300, line_search_fn="strong_wolfe", tolerance_grad=1e-13, tolerance_change=1e-16
        )

        def closure(optimizer=optimizer, logits=logits, attempts=attempts):
            optimizer.zero_grad()
            rows = logits.expand(3, 3)
            value = (truth * P.direct_coverage(rows, torch.arange(3), attempts=attempts, reduction="none")).sum()
            value.backward()
            return value

        optimizer.step(closure)
        probs = logits.detach().softmax(0)
        pull = truth * coverage_factor(probs.log(), attempts)
        torch.testing.assert_close(pull / pull.sum(), probs, rtol=1e-4, atol=1e-5)  # where the gradient vanishes
        found.append(probs)
    torch.testing.assert_close(found[0], truth, rtol=1e-4, atol=1e-5)
    assert found[0].max() > found[1].max() > found[2].max() > 1 / 3


def test_steps_are_sums_of_tokens_and_padding_leaves_no_trace():
    tokens = torch.tensor([[-1.0, -2.0, -0.5, 0.0], [-0.1, -0.2, -0.3, -0.4]], dtype=torch.float64)
    steps = step_log_probs(tokens, torch.tensor([[0, 0, 1, 0], [0, 1, 1, 2]]), 3)
    torch.testing.assert_close(steps, torch.tensor([[-3.0, -0.5, 0.0], [-0.1, -0.5, -0.4]], dtype=torch.float64))
    mask = torch.tensor([[True, True, False], [True, True, True]])
    spoiled = steps.masked_fill(~mask, torch.nan).requires_grad_()
    value = P.stepwise_direct_coverage(spoiled, attempts=8.0, mask=mask)
    (gradient,) = torch.autograd.grad(value, spoiled)
    expected = sum(covered(x, 8.0) for x in (-3.0, -0.5, -0.1, -0.5, -0.4)) / 2
    assert value.item() == pytest.approx(expected)
    assert gradient[0, 2] == 0
    assert gradient.isfinite().all()


def test_a_proof_without_steps_leaves_the_mean():
    log_prob = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True], [False, False]])
    alone = P.stepwise_direct_coverage(log_prob[:1])
    torch.testing.assert_close(P.stepwise_direct_coverage(log_prob, mask=mask), alone)
    torch.testing.assert_close(P.stepwise_direct_coverage(log_prob, mask=mask.all(1)), alone)
