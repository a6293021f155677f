"""Identities of the occupancy divergences that need no reference."""

from __future__ import annotations

import math

import pytest
import torch

import perdita.functional as P
from perdita.core import InputError
from perdita.losses.sequence.occupancy import jensen_shannon, weight_of

CUT = torch.tensor([[-100, -100, -100, 1, 0, 2, -100, -100]])  # a prompt, three actions, padding
DIVERGENCES = ("chi2-mixture", "chi2", "jensen-shannon")


def drawn(n=3, c=4, t=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, c, t, generator=generator, dtype=torch.float64)
    return logits, torch.randint(c, (n, t), generator=generator)


def test_without_data_and_penalty_only_the_first_value_is_left():
    logits, target = drawn()
    none = torch.zeros(3, dtype=torch.bool)
    found = P.sequence_match(logits, target, is_data=none, mixture_weight=0.0, reduction="none")
    torch.testing.assert_close(found, logits[:, :, 0].logsumexp(1))


def test_a_cut_sequence_telescopes_to_its_first_and_last_value():
    logits, target = drawn()
    none = torch.zeros(3, dtype=torch.bool)
    found = P.sequence_match(
        logits, target, is_data=none, finished=none, mixture_weight=0.0, discount=0.9, reduction="none"
    )
    torch.testing.assert_close(found, logits[:, :, 0].logsumexp(1) - 0.9**5 * logits[:, :, 5].logsumexp(1))


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_prompt_and_padding_count_for_nothing(divergence):
    logits, _ = drawn(n=1, t=8)
    alone = torch.cat([CUT[:, 3:6], torch.tensor([[-100]])], 1)
    expected = P.sequence_match(logits[:, :, 3:7], alone, divergence=divergence)
    outside = torch.tensor([True, True, True, False, False, False, False, True])
    spoiled = logits.masked_fill(outside, torch.nan)
    torch.testing.assert_close(P.sequence_match(spoiled, CUT, divergence=divergence), expected)


def test_half_of_each_is_the_mean_over_data_plus_the_mean_over_all():
    logits, target = drawn(n=4)
    is_data = torch.tensor([True, False, False, True])
    values = {
        flag: P.sequence_match(
            logits, target, is_data=torch.full((4,), flag), mixture_weight=0.3, data_share=1.0, reduction="none"
        )
        for flag in (True, False)
    }
    gain = (values[False] - values[True])[is_data].mean()
    found = P.sequence_match(logits, target, is_data=is_data, mixture_weight=0.3)
    torch.testing.assert_close(found, values[False].mean() - gain)


def test_a_constant_on_all_logits_of_a_state_leaves_maximum_likelihood_but_not_this_loss():
    logits, target = drawn()
    lifted = logits + torch.arange(6, dtype=torch.float64)
    torch.testing.assert_close(P.cross_entropy(lifted, target), P.cross_entropy(logits, target))
    assert abs(P.sequence_match(lifted, target) - P.sequence_match(logits, target)) > 0.1


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_best_policy_of_a_tree_is_that_of_the_data(divergence):
    """Two steps, a table of logits for each text, every sequence weighted by how probable data and model make it.

    The policy leans towards even by a share of 1 - discount, as the entropy in the value has it.
    """
    wanted = torch.tensor([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]], dtype=torch.float64)  # at the root, after 0, after 1
    table = torch.zeros(7, 2, dtype=torch.float64, requires_grad=True)  # and at the four ends, which last for ever
    paths = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    states = torch.stack([torch.zeros(4, dtype=torch.int64), 1 + paths[:, 0], 3 + 2 * paths[:, 0] + paths[:, 1]], 1)
    labels = torch.cat([paths, torch.full((4, 1), -100)], 1)

    def probability(policy):
        return policy[states[:, 0], paths[:, 0]] * policy[states[:, 1], paths[:, 1]]

    optimizer = torch.optim.Adam([table], lr=0.05)
    for step in range(700):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * (1 - step / 700)
        logits = table[states].transpose(1, 2)
        own = probability(table.detach().softmax(1))
        weight = torch.cat([probability(wanted), own])
        flags = torch.arange(8) < 4
        loss = P.sequence_match(
            logits.repeat(2, 1, 1), labels.repeat(2, 1), is_data=flags, weight=weight, discount=0.99,
            divergence=divergence,
        )  # fmt: skip
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(table.detach()[:3].softmax(1), wanted, atol=0.01, rtol=0)


def test_the_mean_is_over_sequences_not_over_tokens():
    """With an end at each place with probability 1/2, the likelihood of sequences finds it; token means do not."""
    lengths = torch.arange(1, 12)
    share = 0.5 ** lengths.double()

    def losses(end):
        whole = -(share * ((lengths - 1) * math.log(1 - end) + math.log(end))).sum()
        each = -(share * ((lengths - 1) * math.log(1 - end) + math.log(end)) / lengths).sum()
        return float(whole), float(each)

    grid = [k / 100 for k in range(5, 96)]
    assert abs(min(grid, key=lambda end: losses(end)[0]) - 0.5) <= 0.02
    assert abs(min(grid, key=lambda end: losses(end)[1]) - math.log(2)) <= 0.03
    target = torch.tensor([[0, 1, -100, -100], [1, 0, 0, -100]])
    logits = drawn(n=2, t=4)[0]
    values = P.sequence_match(logits, target, reduction="none")
    torch.testing.assert_close(P.sequence_match(logits, target), values.mean())


def test_jensen_shannon_is_smooth_where_it_bends_and_its_slope_is_the_weight():
    reward = torch.tensor([-0.59, -0.3, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(jensen_shannon(reward).sum(), reward)
    torch.testing.assert_close(slope, weight_of(reward.detach(), "jensen-shannon"))
    beside = torch.tensor([-0.6 - 1e-7, -0.6 + 1e-7], dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(jensen_shannon(beside).sum(), beside)
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-5, atol=0)
    assert torch.isfinite(jensen_shannon(torch.tensor([-1e4, 1e4]))).all()


def test_bad_input_is_named():
    logits, target = drawn()
    with pytest.raises(InputError, match="divergence"):
        P.sequence_match(logits, target, divergence="kl")
    with pytest.raises(InputError, match="discount"):
        P.sequence_match(logits, target, discount=1.0)
    with pytest.raises(InputError, match="target"):
        P.sequence_match(logits, target + 4)
    with pytest.raises(InputError, match="value_term"):
        P.inverse_soft_q(logits[:, :, 0], target[:, 0], logits[:, :, 1], value_term="v0")
