"""Ranking measures against scikit-learn, torchmetrics, counting by hand, and what is asked of them at the edges."""

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score, roc_auc_score
from torchmetrics.functional.retrieval import retrieval_normalized_dcg, retrieval_reciprocal_rank

from perdita import InputError
from perdita.judge.ranking_metrics import auc_interval, mean_query_auc, mean_reciprocal_rank, ndcg, pooled_auc


def drawn(n=6, m=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, m, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (n, m), generator=generator)
    target[:, 0] = 1  # every list has a relevant item
    return scores, target


@pytest.mark.parametrize("k", [None, 1, 4])
def test_ndcg_is_that_of_scikit_learn_and_torchmetrics(k):
    scores, target = drawn()
    assert ndcg(scores, target, k=k, gain="linear").item() == pytest.approx(ndcg_score(target, scores, k=k))
    gains = 2**target - 1
    assert ndcg(scores, target, k=k).item() == pytest.approx(ndcg_score(gains, scores, k=k))
    theirs = [retrieval_normalized_dcg(s, t, top_k=k) for s, t in zip(scores, target, strict=True)]
    assert ndcg(scores, target, k=k, gain="linear").item() == pytest.approx(torch.stack(theirs).mean().item())


@pytest.mark.parametrize("k", [None, 2])
def test_reciprocal_rank_is_that_of_torchmetrics(k):
    scores, target = drawn(seed=1)
    target = (target > 2).long()
    target[:, 0] = 1
    scores = scores.exp()  # theirs leaves items out whose scores are not above 0
    theirs = [retrieval_reciprocal_rank(s, t, top_k=k) for s, t in zip(scores, target, strict=True)]
    assert mean_reciprocal_rank(scores, target, k=k).item() == pytest.approx(torch.stack(theirs).mean().item())


@pytest.mark.parametrize("measure", [ndcg, mean_reciprocal_rank])
def test_absent_items_and_lists_without_relevance_play_no_part(measure):
    scores, target = drawn()
    wide, more = torch.cat([scores, scores + 99], 1), torch.cat([target, target + 1], 1)
    mask = torch.arange(18) < 9
    plain = measure(scores, target)
    assert torch.equal(measure(wide, more, mask=mask.expand(6, 18)), plain)
    bare = torch.zeros_like(target[:2])
    assert torch.equal(measure(torch.cat([scores, scores[:2]]), torch.cat([target, bare])), plain)
    assert measure(scores[:2], bare).isnan()
    spoiled = scores.clone()
    spoiled[1, 1] = torch.nan
    assert measure(spoiled, target).isnan()


def test_pooled_auc_counts_pairs_with_ties():
    generator = torch.Generator().manual_seed(2)
    positive, negative = (torch.randint(0, 9, size, generator=generator).double() for size in ((20,), (7, 5)))
    label = np.r_[np.ones(20), np.zeros(35)]
    expected = roc_auc_score(label, np.r_[positive.numpy() + 1, negative.flatten().numpy() + 1])
    assert pooled_auc(positive, negative).item() == pytest.approx(expected)
    assert pooled_auc(torch.ones(3), torch.zeros(0)).isnan()
    assert pooled_auc(torch.zeros(0), torch.ones(3)).isnan()
    assert pooled_auc(torch.tensor([1.0, torch.nan]), torch.zeros(3)).isnan()


def test_order_within_queries_says_nothing_of_a_common_threshold():
    """Each positive is above its own negatives, but one query's scores all lie above the other's."""
    positive, negative = torch.tensor([1.0, 11.0]), torch.tensor([[0.0, 0.0], [10.0, 10.0]])
    assert mean_query_auc(positive, negative).item() == 1
    assert pooled_auc(positive, negative).item() == 0.75
    mask = torch.tensor([[True, False], [False, False]])
    assert mean_query_auc(positive, torch.tensor([[2.0, torch.nan], [0.0, 0.0]]), mask).item() == 0


def test_the_bootstrap_interval_is_as_wide_as_the_spread_of_fresh_samples():
    generator = torch.Generator().manual_seed(3)

    def sample():
        return torch.randn(60, generator=generator) + 1, torch.randn(80, generator=generator)

    spread = torch.stack([pooled_auc(*sample()) for _ in range(400)]).std().item()
    widths = [auc_interval(*sample(), draws=400, generator=generator) for _ in range(8)]
    mean = sum(high - low for low, high in widths) / len(widths)
    assert mean == pytest.approx(2 * 1.96 * spread, rel=0.2)
    low, high = auc_interval(torch.ones(5), torch.zeros(5), generator=generator)
    assert (low, high) == (1.0, 1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ndcg(torch.zeros(2, 3), torch.zeros(2, 4)),
        lambda: ndcg(torch.zeros(2, 3), torch.zeros(2, 3), gain="none"),
        lambda: ndcg(torch.zeros(2, 3), torch.zeros(2, 3), k=0),
        lambda: mean_reciprocal_rank(torch.zeros(2, 0), torch.zeros(2, 0)),
        lambda: auc_interval(torch.zeros(0), torch.zeros(3)),
        lambda: auc_interval(torch.zeros(2), torch.zeros(3), level=1.0),
    ],
)
def test_bad_input_is_named(call):
    with pytest.raises(InputError):
        call()
