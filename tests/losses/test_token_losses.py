"""Losses of tokens and whole sequences in language models: likelihoods, penalties, unwanted tokens, rewards."""

import math

import pytest
import torch
import torch.nn.functional as F

import perdita.functional as P
from perdita.losses.preference.log_probabilities import sequence_log_probability
from perdita.losses.sequence.policy import STEEP, group_advantages, tame_exp
from perdita.losses.sequence.unlikelihood import earlier_tokens


def batch(n=4, c=6, t=5):
    generator = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn(n, c, t, generator=generator, dtype=torch.float64)
    return logits, torch.randint(c, (n, t), generator=generator), generator


def test_sequence_nll_is_minus_the_log_probability_and_cross_entropy_over_its_tokens():
    logits, target, _ = batch()
    target[1, 3:] = -100
    expected = -sequence_log_probability(logits.transpose(1, 2), target)
    torch.testing.assert_close(P.sequence_nll(logits, target, reduction="none"), expected)
    lengths = (target != -100).sum(1)
    mean = P.sequence_nll(logits, target, length_power=1.0, reduction="none")
    torch.testing.assert_close(mean, expected / lengths)
    total = P.sequence_nll(logits, target, reduction="sum") / lengths.sum()
    torch.testing.assert_close(total, P.cross_entropy(logits, target))


def test_sequence_nll_smooths_as_toolkits_do_with_another_share():
    """A share e over the other tokens alone is e c / (c - 1) over all of them."""
    logits, target, _ = batch()
    share, classes = 0.1, logits.shape[1]
    log_probs = logits.log_softmax(1)
    others = (log_probs.sum(1) - log_probs.gather(1, target.unsqueeze(1)).squeeze(1)) / (classes - 1)
    expected = -((1 - share) * log_probs.gather(1, target.unsqueeze(1)).squeeze(1) + share * others).sum(1)
    found = P.sequence_nll(logits, target, label_smoothing=share * classes / (classes - 1), reduction="none")
    torch.testing.assert_close(found, expected)


def test_sequences_without_tokens_leave_the_mean():
    logits, target, _ = batch()
    mask = torch.ones_like(target, dtype=torch.bool)
    mask[2] = False
    kept = torch.tensor([0, 1, 3])
    for options in ({}, {"length_power": 1.0}):
        found = P.sequence_nll(logits, target, mask=mask, **options)
        torch.testing.assert_close(found, P.sequence_nll(logits[kept], target[kept], **options))


def test_z_regularisation_finds_the_truth_with_a_normaliser_of_one():
    truth = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    logits = torch.full((3,), 4.0, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-13, tolerance_change=1e-16
    )

    def closure():
        optimizer.zero_grad()
        values = P.z_regularized_cross_entropy(logits.expand(3, 3), torch.arange(3), coefficient=0.1, reduction="none")
        value = (truth * values).sum()
        value.backward()
        return value

    optimizer.step(closure)
    torch.testing.assert_close(logits.detach().exp(), truth, rtol=1e-5, atol=1e-6)


def test_without_its_addition_each_is_cross_entropy():
    logits, target, _ = batch()
    expected = P.cross_entropy(logits, target, label_smoothing=0.1)
    torch.testing.assert_close(
        P.z_regularized_cross_entropy(logits, target, coefficient=0.0, label_smoothing=0.1), expected
    )
    torch.testing.assert_close(
        P.entropy_regularized_cross_entropy(logits, target, entropy_weight=0.0, label_smoothing=0.1), expected
    )
    negatives = torch.zeros(4, 2, 5, dtype=torch.long)
    torch.testing.assert_close(P.unlikelihood(logits, target, negatives, strength=0.0), P.cross_entropy(logits, target))


def test_entropy_is_that_of_torch():
    logits, target, _ = batch()
    entropy = torch.distributions.Categorical(logits=logits.transpose(1, 2)).entropy()
    expected = P.cross_entropy(logits, target, reduction="none") - 0.3 * entropy
    found = P.entropy_regularized_cross_entropy(logits, target, entropy_weight=0.3, reduction="none")
    torch.testing.assert_close(found, expected)


def test_earlier_tokens_are_each_named_once():
    tokens = torch.tensor([[3, 1, 3, 2]])
    found = earlier_tokens(tokens)[0]  # (k, t)
    named = [sorted(set(found[:, place].tolist()) - {int(tokens[0, place])}) for place in range(4)]
    assert named == [[], [3], [1], [1, 3]]
    assert [(found[:, place] != tokens[0, place]).sum().item() for place in range(4)] == [0, 1, 1, 2]


def test_unlikelihood_of_a_repeating_model_falls_with_the_repetition():
    tokens = torch.tensor([[1, 2, 3, 4]])
    calm = torch.zeros(1, 6, 4, dtype=torch.float64)
    stuck = calm.clone()
    stuck[0, 1, 1:] = 5.0  # says 1 again and again
    values = [P.unlikelihood(x, tokens, earlier_tokens(tokens), likelihood=0.0).item() for x in (calm, stuck)]
    assert values[1] > values[0] + 2


def test_a_certain_unwanted_token_is_finite_and_pushed_down():
    logits = torch.tensor([[1e4, 0.0, 0.0]], requires_grad=True)
    value = P.unlikelihood(logits, torch.tensor([1]), torch.tensor([[0, 1]]), likelihood=0.0)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == pytest.approx(1e4 - math.log(2), rel=1e-6)
    assert gradient.tolist() == [pytest.approx([1.0, -0.5, -0.5], abs=1e-6)]


def test_fewer_negatives_are_filled_up_with_the_target():
    logits, target = torch.randn(1, 5, dtype=torch.float64), torch.tensor([2])
    short = P.unlikelihood(logits, target, torch.tensor([[4]]))
    torch.testing.assert_close(P.unlikelihood(logits, target, torch.tensor([[4, 2, 2]])), short)


def rewarded():
    logits, target, generator = batch()
    advantage = torch.randn(target.shape, generator=generator, dtype=torch.float64)
    own = -F.cross_entropy(logits, target, reduction="none")
    drawn = own + 0.3 * torch.randn(target.shape, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), target, advantage, drawn.clamp(max=0).detach()


def test_on_its_own_tokens_grpo_has_the_gradient_of_reinforce():
    logits, target, advantage, _ = rewarded()
    (found,) = torch.autograd.grad(P.grpo(logits, target, advantage), logits)
    (expected,) = torch.autograd.grad(P.reinforce(logits, target, advantage), logits)
    torch.testing.assert_close(found, expected)
    assert found.abs().sum() > 0


def test_grpo_gives_no_gradient_to_what_was_measured_before():
    logits, target, advantage, drawn = rewarded()
    fixed = [x.clone().requires_grad_() for x in (advantage, drawn, drawn)]
    value = P.grpo(logits, target, fixed[0], old_log_prob=fixed[1], reference_log_prob=fixed[2])
    assert torch.autograd.grad(value, fixed, allow_unused=True) == (None, None, None)


def test_the_gradient_of_grpo_is_numerically_right_off_policy():
    logits, target, advantage, drawn = rewarded()

    def values(z):
        given = {"old_log_prob": drawn, "reference_log_prob": drawn - 0.1, "kl_weight": 0.3}
        return P.grpo(z, target, advantage, reduction="none", **given)

    assert torch.autograd.gradcheck(values, logits)
    assert torch.autograd.gradgradcheck(values, logits)
    assert torch.autograd.gradcheck(lambda z: P.reinforce(z, target, advantage, reduction="none"), logits)


def test_clipping_stops_what_has_gone_far_enough_and_nothing_else():
    logits, target = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True), torch.zeros(4, dtype=torch.long)
    old = torch.tensor([0.2, 0.2, 0.9, 0.9], dtype=torch.float64).log()  # ratios 2.5 and 0.56
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    values = P.grpo(logits, target, advantage, old_log_prob=old, clip_high=0.3, reduction="none")
    torch.testing.assert_close(values.detach(), torch.tensor([-1.3, 2.5, -0.5 / 0.9, 0.8], dtype=torch.float64))
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    assert (gradient[:, 0] != 0).tolist() == [False, True, True, False]


def test_the_penalty_is_an_unbiased_estimate_of_the_divergence():
    logits = torch.tensor([[0.3, -0.5, 1.0]], dtype=torch.float64)
    reference = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64).log()
    rows, tokens, zero = logits.expand(3, 3), torch.arange(3), torch.zeros(3, dtype=torch.float64)
    values = P.grpo(rows, tokens, zero, reference_log_prob=reference, kl_weight=1.0, reduction="none")
    probs = logits.softmax(1)[0]
    divergence = (probs * (probs.log() - reference)).sum()
    torch.testing.assert_close((probs * values).sum(), divergence)
    assert (values >= 0).all()


def test_an_answer_of_any_probability_is_finite():
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    for token in (0, 1):
        for advantage in (-1.0, 1.0):
            given = {"old_log_prob": torch.tensor([-1e4]), "reference_log_prob": torch.tensor([-1.0])}
            value = P.grpo(logits, torch.tensor([token]), torch.tensor([advantage]), **given)
            (gradient,) = torch.autograd.grad(value, logits)
            assert value.isfinite()
            assert gradient.isfinite().all()


def test_means_over_answers_come_from_weight_and_normalizer():
    """The mean over answers of their means, whatever their lengths."""
    logits, target, advantage, drawn = rewarded()
    mask = torch.arange(5) < torch.tensor([5, 3, 1, 4]).unsqueeze(1)
    weight = mask.double() / mask.sum(1, keepdim=True)
    given = {"old_log_prob": drawn, "mask": mask}
    found = P.grpo(logits, target, advantage, weight=weight, normalizer=4.0, **given)
    values = P.grpo(logits, target, advantage, reduction="none", **given)
    torch.testing.assert_close(found, (values.sum(1) / mask.sum(1)).mean())


def test_group_advantages_are_centred_in_each_group():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    plain = group_advantages(rewards, scale=False)
    torch.testing.assert_close(plain, torch.tensor([[0.5, -0.5, -0.5, 0.5], [0.0, 0.0, 0.0, 0.0]]))
    scaled = group_advantages(rewards)
    torch.testing.assert_close(scaled, plain / (rewards.std(1, keepdim=True) + 1e-4))


def test_the_straight_exponential_is_continuous_with_its_slope():
    x = torch.tensor([-3.0, STEEP - 1e-9, STEEP + 1e-9, 1e4], dtype=torch.float64, requires_grad=True)
    values = tame_exp(x)
    (slope,) = torch.autograd.grad(values.sum(), x)
    torch.testing.assert_close(values[:2].detach(), x[:2].detach().exp())
    torch.testing.assert_close(values[2], values[1], rtol=1e-6, atol=0.0)
    torch.testing.assert_close(slope[2:], torch.full((2,), math.exp(STEEP), dtype=torch.float64))
