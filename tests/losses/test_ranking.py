"""Losses of lists: blocks against the whole, ragged lists, cutoffs, and the measure that they stand for."""

from functools import partial

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.compare.train.memory import peak_bytes
from perdita.judge.ranking_metrics import ndcg
from perdita.losses.ranking import pair_sums as engine
from perdita.losses.ranking import soft_ranks
from perdita.losses.ranking.pair_sums import LOGISTIC, Pairs, pair_sums, whole_sums

LISTS = {
    name: getattr(P, name)
    for name in ("rank_net", "lambda_rank", "list_net", "list_mle", "xe_ndcg", "approx_ndcg", "neural_ndcg")
}
LISTS |= {
    f"lambda_rank {weighting}": partial(P.lambda_rank, weighting=weighting)
    for weighting in ("ndcg_loss1", "ndcg_loss2", "ndcg_loss2++", "uniform", "difference", "squared_difference")
}
LISTS["list_mle position"] = partial(P.list_mle, weights="position")
LISTS["list_net proportional"] = partial(P.list_net, shares="proportional")


def drawn(n=4, m=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, m, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (n, m), generator=generator)
    target[:, 0] = 3
    return scores, target


def value_and_gradient(loss, scores, *given, **named):
    leaf = scores.detach().clone().requires_grad_()
    value = loss(leaf, *given, **named)
    return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]


@pytest.mark.parametrize("places", [1, 40, 1 << 17])
def test_blocks_give_the_textbook_values_and_both_derivatives(monkeypatch, places):
    monkeypatch.setattr(engine, "PLACES", places)
    generator = torch.Generator().manual_seed(1)
    first, second, rows, columns = (
        torch.randn(3, size, generator=generator, dtype=torch.float64) for size in (5, 4, 5, 4)
    )
    pairs = Pairs(LOGISTIC, lambda own, others: own[0].relu() * others[0].abs())
    results = []
    for sums in (lambda a, b: pair_sums(pairs, a, b, (rows,), (columns,)),
                 lambda a, b: whole_sums(pairs, 1, a, b, rows, columns)):  # fmt: skip
        leaves = [first.clone().requires_grad_(), second.clone().requires_grad_()]
        value = sums(*leaves)
        slopes = torch.autograd.grad(value.square().sum(), leaves, create_graph=True)
        bends = torch.autograd.grad(sum((slope**3).sum() for slope in slopes), leaves)
        results.append([value, *slopes, *bends])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("places", [1, 700, 1 << 17])
def test_half_of_the_pairs_give_the_textbook_step_sums_and_both_derivatives(monkeypatch, places):
    monkeypatch.setattr(soft_ranks, "PLACES", places)
    generator = torch.Generator().manual_seed(2)
    values = torch.randn(3, 37, generator=generator, dtype=torch.float64)
    weights = torch.rand(3, 37, 2, generator=generator, dtype=torch.float64)
    results = []
    for sums in (soft_ranks.step_sums, soft_ranks.whole_step_sums):
        leaf = values.clone().requires_grad_()
        found = sums(leaf, weights)
        (slope,) = torch.autograd.grad(found.square().sum(), leaf, create_graph=True)
        (bend,) = torch.autograd.grad((slope**3).sum(), leaf)
        results.append([found, slope, bend])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("places", [1, 700, 1 << 17])
def test_half_of_the_pairs_give_the_textbook_counts_and_both_derivatives(monkeypatch, places):
    monkeypatch.setattr(soft_ranks, "PLACES", places)
    values = torch.randn(3, 37, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    results = []
    for counts in (soft_ranks.soft_counts, soft_ranks.whole_soft_counts):
        leaf = values.clone().requires_grad_()
        found = counts(leaf)
        (slope,) = torch.autograd.grad(found.square().sum(), leaf, create_graph=True)
        (bend,) = torch.autograd.grad((slope**3).sum(), leaf)
        results.append([found, slope, bend])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("name", LISTS)
def test_a_ragged_list_is_the_list_without_what_is_absent(name):
    scores, target = drawn()
    lengths = torch.tensor([7, 3, 5, 1])
    mask = torch.arange(7) < lengths.unsqueeze(1)
    spoiled = torch.where(mask, scores, torch.nan)
    values, gradient = value_and_gradient(LISTS[name], spoiled, target, mask=mask, reduction="none")
    for row, length in enumerate(lengths.tolist()):
        alone = (scores[row : row + 1, :length], target[row : row + 1, :length])
        value, slope = value_and_gradient(LISTS[name], *alone, reduction="none")
        torch.testing.assert_close(values[row], value[0])
        torch.testing.assert_close(gradient[row, :length], slope[0])
        assert (gradient[row, length:] == 0).all()


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("items", [0, 1, 6])
def test_lists_without_a_relevant_item_are_a_connected_zero(name, items):
    scores = torch.randn(3, items, generator=torch.Generator().manual_seed(0))
    value, gradient = value_and_gradient(LISTS[name], scores, torch.zeros(3, items))
    assert value == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize("name", LISTS)
def test_the_mean_is_over_the_lists_that_have_a_relevant_item(name):
    scores, target = drawn()
    bare = torch.cat([target, torch.zeros_like(target[:2])])
    torch.testing.assert_close(LISTS[name](torch.cat([scores, scores[:2]]), bare), LISTS[name](scores, target))


@pytest.mark.parametrize("name", LISTS)
def test_a_nan_of_the_relevance_is_named(name):
    scores, target = drawn()
    target = target.double()
    target[1, 2] = torch.nan
    with pytest.raises(InputError, match="target"):
        LISTS[name](scores, target)


BY_ORDER = ("rank_net", "list_mle", "list_mle position", "lambda_rank uniform")


@pytest.mark.parametrize("name", [name for name in LISTS if name not in BY_ORDER])
def test_huge_relevance_stays_finite(name):
    scores, target = drawn()
    value, gradient = value_and_gradient(LISTS[name], scores.float(), 1000.0 * target)
    assert value.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("gain", ["exponential", "linear"])
def test_cold_smooth_ranks_are_ndcg(gain):
    scores, target = drawn(n=6)
    approx = 1 - P.approx_ndcg(scores, target, temperature=1e-4, gain=gain)
    torch.testing.assert_close(approx, ndcg(scores, target, gain=gain))
    for k in (None, 3):
        sorted_gains = 1 - P.neural_ndcg(scores, target, temperature=1e-4, gain=gain, k=k)
        torch.testing.assert_close(sorted_gains, ndcg(scores, target, gain=gain, k=k))


def test_a_pair_of_lambda_rank_weighs_what_its_swap_changes():
    """The gradient's weights, from NDCG itself: exchange two scores and measure."""
    scores, target = drawn(n=1, m=5)
    for k in (None, 2):
        total = 0.0
        for i in range(5):
            for j in range(5):
                if target[0, i] > target[0, j]:
                    swapped = scores.clone()
                    swapped[0, [i, j]] = scores[0, [j, i]]
                    change = (ndcg(scores, target, k=k) - ndcg(swapped, target, k=k)).abs()
                    total = total - change * torch.nn.functional.logsigmoid(scores[0, i] - scores[0, j])
        torch.testing.assert_close(P.lambda_rank(scores, target, k=k), total)


def test_list_mle_counts_the_first_choices_alone():
    scores, target = drawn()
    first = P.list_mle(scores, target, k=1, reduction="none")
    chosen = target.argsort(dim=1, descending=True, stable=True)[:, :1]
    torch.testing.assert_close(first, -scores.log_softmax(1).gather(1, chosen).squeeze(1))
    assert (P.list_mle(scores, target, k=3, reduction="none") < P.list_mle(scores, target, reduction="none")).all()


def test_two_items_are_one_pair():
    scores, target = drawn(m=2)
    target[:, 1] = 0
    expected = -torch.nn.functional.logsigmoid(scores[:, 0] - scores[:, 1])
    for loss in (P.rank_net, P.list_mle):
        torch.testing.assert_close(loss(scores, target, reduction="none"), expected)


@pytest.mark.parametrize("loss", [P.rank_net, P.lambda_rank, P.approx_ndcg])
def test_the_matrix_of_pairs_is_never_held(loss):
    scores, target = torch.randn(8, 400, generator=torch.Generator().manual_seed(0)), torch.ones(8, 400)
    target[:, 200:] = 0
    assert peak_bytes(partial(value_and_gradient, loss, scores, target)) < 8 * 400 * 400 * 4


@pytest.mark.parametrize("name", LISTS)
def test_equal_scores_are_finite_and_pull_the_relevant_up(name):
    _, target = drawn()
    value, gradient = value_and_gradient(LISTS[name], torch.zeros(4, 7), target)
    assert value.isfinite()
    assert gradient.isfinite().all()
    if name != "neural_ndcg":  # equal scores place every item alike
        assert (gradient[:, 0] < 0).all()


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("places", [1, 700, 1 << 17])
def test_ratios_give_the_counts_of_sigmoids_and_both_derivatives(monkeypatch, places, ragged):
    monkeypatch.setattr(soft_ranks, "PLACES", places)
    values = torch.randn(3, 37, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    kept = torch.arange(37) < torch.tensor([[37], [20], [1]]) if ragged else None
    there = torch.ones_like(values) if kept is None else kept.double()
    results = []
    for counts in (partial(soft_ranks.values_of, soft_ranks.RATIOS), soft_ranks._tiled_counts):
        leaf = (values * there).requires_grad_()
        found = counts(leaf, kept) * there
        (slope,) = torch.autograd.grad(found.square().sum(), leaf, create_graph=True)
        (plain_slope,) = torch.autograd.grad(counts(leaf, kept).mul(there).square().sum(), leaf)
        (bend,) = torch.autograd.grad((slope**3).sum(), leaf)
        results.append([found, slope * there, plain_slope * there, bend * there])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("name", ["list_net", "list_mle", "xe_ndcg", "approx_ndcg"])
def test_scores_far_apart_and_far_from_zero_have_the_value_of_their_gaps(name):
    """On either side of the range in which one scale does."""
    scores, target = drawn()
    mask = torch.arange(7) < torch.tensor([[7], [5], [3], [1]])
    near = value_and_gradient(LISTS[name], scores, target, mask=mask)
    far = value_and_gradient(LISTS[name], scores + 1e4, target, mask=mask)
    torch.testing.assert_close(far, near, rtol=1e-9, atol=1e-9)
    spoilt = torch.where(mask, scores, torch.tensor([torch.nan, 1e300]).double().repeat(4)[:7])
    torch.testing.assert_close(value_and_gradient(LISTS[name], spoilt, target, mask=mask), near)
