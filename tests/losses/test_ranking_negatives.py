"""A positive against negatives: within its row, over the whole batch, and above a margin."""

import math

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.judge.ranking_metrics import pooled_auc
from perdita.losses.ranking.cosine_contrastive import active_share
from perdita.losses.ranking.mann_whitney import split_in_batch

ROWS = [
    P.bayesian_personalized_ranking, P.sampled_hinge, P.sampled_softmax, P.sampled_cross_entropy, P.sampled_square,
    P.cosine_contrastive,
]  # fmt: skip


def drawn(n=5, m=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(size, generator=generator, dtype=torch.float64) for size in ((n,), (n, m)))


@pytest.mark.parametrize("loss", ROWS)
def test_absent_negatives_play_no_part(loss):
    positive, negative = drawn()
    mask = torch.tensor([True, False, True, False]).expand(5, 4)
    spoiled = torch.where(mask, negative, torch.nan)
    found = loss(positive, spoiled, mask=mask, reduction="none")
    torch.testing.assert_close(found, loss(positive, negative[:, ::2], reduction="none"))


@pytest.mark.parametrize("loss", [*ROWS, P.mann_whitney])
def test_no_negatives_are_no_trouble(loss):
    positive, negative = drawn(m=0)
    value = loss(positive.requires_grad_(), negative)
    value.backward()
    assert value.isfinite()
    assert positive.grad.isfinite().all()


def test_hinge_of_one_negative_is_margin_ranking():
    positive, negative = drawn(m=1)
    expected = P.margin_ranking(positive, negative[:, 0], torch.ones(5, dtype=torch.long), margin=0.5)
    torch.testing.assert_close(P.sampled_hinge(positive, negative, margin=0.5), expected)


def test_only_negatives_above_the_margin_have_a_gradient():
    _, negative = drawn()
    negative.requires_grad_()
    P.cosine_contrastive(torch.zeros(5).double(), negative, margin=0.2, reduction="sum").backward()
    assert torch.equal(negative.grad != 0, negative > 0.2)
    assert active_share(negative, 0.2).item() == pytest.approx((negative > 0.2).double().mean().item())
    at = torch.full((1, 1), 0.25, requires_grad=True)
    P.cosine_contrastive(torch.zeros(1), at, margin=0.25).backward()
    assert at.grad == 0
    mask = torch.zeros(5, 1, dtype=torch.bool)
    assert active_share(negative, 0.2, mask) == 0


def test_a_number_for_each_query_changes_mann_whitney_but_not_the_contrastive_loss():
    positive, negative = drawn(n=8, m=6)
    shift = 3 * torch.randn(8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = positive + shift, negative + shift.unsqueeze(1)
    torch.testing.assert_close(P.sampled_softmax(*moved), P.sampled_softmax(positive, negative), rtol=1e-12, atol=0)
    assert abs(P.mann_whitney(*moved, temperature=1.0) - P.mann_whitney(positive, negative, temperature=1.0)) > 0.1
    assert abs(pooled_auc(*moved) - pooled_auc(positive, negative)) > 0.01


def test_the_area_over_the_curve_is_bounded_by_the_loss():
    generator = torch.Generator().manual_seed(2)
    for _ in range(200):
        positive, negative = torch.rand(6, generator=generator), torch.rand(6, 5, generator=generator)
        for temperature in (0.05, 1.0):
            bound = P.mann_whitney(positive, negative, temperature=temperature) / math.log(2)
            assert 1 - pooled_auc(positive, negative) <= bound + 1e-6


def test_negatives_that_are_absent_are_absent_for_every_positive():
    positive, negative = drawn()
    mask = torch.ones(5, 4, dtype=torch.bool)
    mask[0, 1:] = mask[3, 2] = False
    spoiled = torch.where(mask, negative, torch.nan)
    found = P.mann_whitney(positive, spoiled, temperature=1.0, mask=mask, reduction="none")
    pooled = negative[mask]
    gaps = positive.unsqueeze(1) - pooled
    torch.testing.assert_close(found, -torch.nn.functional.logsigmoid(gaps).mean(1))


def test_a_batch_is_split_into_its_diagonal_and_the_rest():
    scores = torch.arange(15).view(3, 5)
    positive, negative = split_in_batch(scores)
    assert positive.tolist() == [0, 6, 12]
    assert negative.tolist() == [[1, 2, 3, 4], [5, 7, 8, 9], [10, 11, 13, 14]]
    positive, negative = split_in_batch(torch.tensor([[2.0]], requires_grad=True))
    assert P.mann_whitney(positive, negative) == 0
    with pytest.raises(InputError, match="scores"):
        split_in_batch(torch.zeros(3, 2))
