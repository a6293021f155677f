"""Losses over pairs: equal to other packages where the definition is the same, calm where there is nothing to say."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
import perdita.functional as P
from perdita.core.errors import InputError
from perdita.losses.embedding import triplet as triplets
from perdita.losses.embedding.similarity import SIMILARITIES, distance, resolve_similarity

LABELLED = ["boundary_margin", "circle", "contrastive", "lifted_structure", "multi_similarity", "nt_xent", "sup_con",
            "triplet"]  # fmt: skip
KINDS = ("all", "semihard", "hard")


def balanced(n: int = 24, d: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(n, d, dtype=torch.float64, requires_grad=True), torch.arange(n) // 4


def peers() -> dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]]:
    from pytorch_metric_learning import distances, losses, miners, reducers

    def mined(loss: Callable[..., Tensor], miner: Callable[..., object]) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda x, y: loss(x, y, miner(x, y))

    return {
        "sup_con": (P.sup_con, losses.SupConLoss(temperature=0.1)),
        "nt_xent": (P.nt_xent, losses.NTXentLoss(temperature=0.07)),
        "multi_similarity": (
            lambda x, y: P.multi_similarity(x, y, mining=False),
            losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5),
        ),
        "multi_similarity, mined": (
            P.multi_similarity,
            mined(losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5), miners.MultiSimilarityMiner(epsilon=0.1)),
        ),
        "circle": (lambda x, y: P.circle(x, y, margin=0.4, scale=80.0), losses.CircleLoss(m=0.4, gamma=80)),
        "contrastive": (
            P.contrastive,
            losses.ContrastiveLoss(
                pos_margin=1, neg_margin=0.5, distance=distances.CosineSimilarity(), reducer=reducers.MeanReducer()
            ),
        ),
        "contrastive, distances": (
            lambda x, y: P.contrastive(
                x, y, similarity="normalized_euclidean", positive_threshold=0.0, negative_threshold=-1.0
            ),
            losses.ContrastiveLoss(pos_margin=0, neg_margin=1, reducer=reducers.MeanReducer()),
        ),
        "triplet, all": (lambda x, y: P.triplet(x, y, margin=0.2), losses.TripletMarginLoss(margin=0.2)),
        "triplet, hard": (
            lambda x, y: P.triplet(x, y, margin=0.2, kind="hard"),
            mined(losses.TripletMarginLoss(margin=0.2, reducer=reducers.MeanReducer()), miners.BatchHardMiner()),
        ),
        "lifted_structure": (P.lifted_structure, losses.GeneralizedLiftedStructureLoss(neg_margin=1, pos_margin=0)),
    }


PEERS = ["sup_con", "nt_xent", "multi_similarity", "multi_similarity, mined", "circle", "contrastive",
         "contrastive, distances", "triplet, all", "triplet, hard", "lifted_structure"]  # fmt: skip


def test_every_peer_is_raced() -> None:
    assert sorted(peers()) == sorted(PEERS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", PEERS)
def test_equals_the_metric_learning_package(name: str, seed: int) -> None:
    torch.manual_seed(seed)
    ours, theirs = peers()[name]
    x, y = balanced()
    first, second = ours(x, y), theirs(x, y)
    assert second.item() > 0
    torch.testing.assert_close(first, second, rtol=1e-7, atol=1e-9)
    gradients = [torch.autograd.grad(value, x)[0] for value in (first, second)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-8)


def test_info_nce_is_a_cross_entropy() -> None:
    (x, _), (z, _), (further, _) = balanced(), balanced(), balanced(8)
    a, b, c = (F.normalize(part, dim=1) for part in (x, z, further))
    logits = a @ torch.cat([b, c]).T / 0.05
    found = P.info_nce(x, z, negative=further, temperature=0.05)
    torch.testing.assert_close(found, F.cross_entropy(logits, torch.arange(24)))
    clip = (F.cross_entropy(a @ b.T / 0.07, torch.arange(24)) + F.cross_entropy(b @ a.T / 0.07, torch.arange(24))) / 2
    torch.testing.assert_close(P.info_nce(x, z, symmetric=True), clip)
    torch.testing.assert_close(perdita.build("mnrl")(x, z), P.info_nce(x, z))


def test_nt_xent_of_two_views() -> None:
    (x, _), (z, _) = balanced(), balanced()
    both = F.normalize(torch.cat([x, z]), dim=1)
    logits = (both @ both.T / 0.5).masked_fill(torch.eye(48, dtype=torch.bool), -torch.inf)
    expected = F.cross_entropy(logits, torch.arange(48).roll(24))
    found = P.nt_xent(torch.cat([x, z]), torch.arange(24).repeat(2), temperature=0.5)
    torch.testing.assert_close(found, expected)


def test_siglip_is_a_binary_cross_entropy() -> None:
    (x, _), (z, _) = balanced(), balanced()
    logits = 10 * F.normalize(x, dim=1) @ F.normalize(z, dim=1).T - 10
    expected = F.binary_cross_entropy_with_logits(logits, torch.eye(24, dtype=torch.float64), reduction="sum") / 24
    torch.testing.assert_close(P.siglip(x, z), expected)
    torch.testing.assert_close(P.siglip(x, z, symmetric=True), expected)


@pytest.mark.parametrize("items", [4, 20], ids=["few of a class, looked at", "many, sorted"])
def test_triplets_count_without_visiting_them(items: int) -> None:
    x, y = balanced(40, 3)
    y = torch.arange(40) // items
    s = resolve_similarity("normalized_euclidean")(x, x)
    same = y.unsqueeze(0) == y.unsqueeze(1)
    positive = same & ~torch.eye(40, dtype=torch.bool)
    cube = (s.unsqueeze(1) - s.unsqueeze(2) + 0.1).clamp_min(0)  # (a, p, n)
    cube = torch.where(positive.unsqueeze(2) & ~same.unsqueeze(1), cube, 0.0)
    torch.testing.assert_close(P.triplet(x, y, margin=0.1, reduction="none"), cube.sum((1, 2)))
    torch.testing.assert_close(P.triplet(x, y, margin=0.1), cube.sum() / (cube > 0).sum())
    torch.testing.assert_close(P.triplet(x, y, margin=5.0), P.triplet(x, y, margin=6.0) - 1.0)


def test_a_false_negative_is_left_out() -> None:
    x = torch.randn(4, 3, dtype=torch.float64)
    x[3] = x[0]
    unaware, aware = P.info_nce(x, x), P.info_nce(x, x, label=torch.tensor([0, 1, 2, 0]))
    assert aware < unaware


def expect_calm(value: Tensor, x: Tensor) -> None:
    assert torch.isfinite(value).all()
    assert value.requires_grad
    (gradient,) = torch.autograd.grad(value.sum(), x)
    assert torch.isfinite(gradient).all()


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


DEGENERATE = {
    "one class": (drawn(6, 4), torch.zeros(6, dtype=torch.long)),
    "all distinct": (drawn(6, 4), torch.arange(6)),
    "one item": (drawn(1, 4), torch.zeros(1, dtype=torch.long)),
    "identical": (torch.ones(6, 4), torch.arange(6) // 2),
    "zero vectors": (torch.zeros(6, 4), torch.arange(6) // 2),
    "duplicates across classes": (drawn(3, 4).repeat(2, 1), torch.arange(6) // 3),
    "one zero vector": (torch.cat([torch.zeros(1, 4), drawn(5, 4)]), torch.arange(6) // 2),
    "sparse labels": (drawn(6, 4), torch.tensor([5, 10**12, 5, 10**12, 7, 8])),
}


@pytest.mark.parametrize("similarity", list(SIMILARITIES))
@pytest.mark.parametrize("case", list(DEGENERATE))
@pytest.mark.parametrize("name", LABELLED)
def test_degenerate_batches(name: str, case: str, similarity: str) -> None:
    x, y = DEGENERATE[case]
    x = x.clone().requires_grad_()
    for reduction in ("none", "mean", "sum"):
        expect_calm(getattr(P, name)(x, y, similarity=similarity, reduction=reduction), x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", list(DEGENERATE))
def test_degenerate_triplets(kind: str, case: str) -> None:
    x, y = DEGENERATE[case]
    x = x.clone().requires_grad_()
    expect_calm(P.triplet(x, y, kind=kind), x)


@pytest.mark.parametrize("margin", [0.0, 0.1])
@pytest.mark.parametrize("grid", [False, True], ids=["anywhere", "on a grid, with ties"])
def test_few_triplets_equal_sorted_ones(grid: bool, margin: float) -> None:
    """Anchors of three positives, of one and of none; a tie with a margin of 0 is no active triplet."""
    label = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    similarity = torch.randint(-3, 1, (7, 7)).double() if grid else torch.randn(7, 7, dtype=torch.float64)
    positive, negative = masks_of(label)
    looked = triplets._partners_by_looks(similarity, positive, negative, margin, most=3)
    torch.testing.assert_close(triplets._partners_by_sorting(similarity, positive, negative, margin), looked)
    gap = similarity.unsqueeze(1) + margin - similarity.unsqueeze(2)  # (a, p, n)
    active = (gap > 0) & positive.unsqueeze(2) & negative.unsqueeze(1)
    torch.testing.assert_close(looked[1], active.sum((1, 2)).double())
    torch.testing.assert_close(looked[0], active.sum(1).double() - active.sum(2))


def masks_of(label: Tensor) -> tuple[Tensor, Tensor]:
    same = label.unsqueeze(1) == label
    return same & ~torch.eye(len(label), dtype=torch.bool), ~same


@pytest.mark.parametrize("name", ["sup_con", "nt_xent", "circle", "triplet"])
def test_without_positives_there_is_nothing_to_average(name: str) -> None:
    x, y = DEGENERATE["all distinct"]
    assert getattr(P, name)(x, y).item() == 0


@pytest.mark.parametrize("name", ["circle", "triplet", "multi_similarity", "lifted_structure"])
def test_without_negatives_there_is_nothing_to_push(name: str) -> None:
    x, y = DEGENERATE["one class"]
    x = x.clone().requires_grad_()
    value = getattr(P, name)(x, y)
    (gradient,) = torch.autograd.grad(value, x)
    assert value.item() == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize("case", ["identical", "zero vectors"])
def test_degenerate_views(case: str) -> None:
    x = DEGENERATE[case][0].clone().requires_grad_()
    for loss in (P.info_nce, P.siglip):
        expect_calm(loss(x, x), x)
    assert P.info_nce(x, x).item() == pytest.approx(math.log(6))


def test_an_anchor_without_a_positive_is_not_counted() -> None:
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 0, 1, 1, 2])
    values = P.sup_con(x, y, reduction="none")
    torch.testing.assert_close(P.sup_con(x, y), values.sum() / 4)
    assert values[4] == 0


def test_equal_points_have_distance_zero_and_no_gradient() -> None:
    x = (torch.randn(1, 8) + 100).repeat(3, 1).requires_grad_()
    found = distance(x, x)
    assert (found == 0).all()
    assert (torch.autograd.grad(found.sum(), x)[0] == 0).all()
    far = torch.randn(5, 8, dtype=torch.float64)
    torch.testing.assert_close(distance(far, far + 1), torch.cdist(far, far + 1))


def test_ones_own_similarity() -> None:
    x, y = balanced()

    def city(a: Tensor, b: Tensor) -> Tensor:
        return -(a.unsqueeze(1) - b).abs().sum(2)

    found = P.sup_con(x, y, similarity=city)
    assert found.item() == pytest.approx(perdita.SupCon(similarity=city)(x, y).item())
    assert found.item() != pytest.approx(P.sup_con(x, y).item())


def test_bad_input_is_named() -> None:
    x, y = balanced()
    with pytest.raises(InputError, match="cosine"):
        P.sup_con(x, y, similarity="cosin")
    with pytest.raises(InputError, match="semi_hard"):
        P.sup_con(x, y, select="semihard")
    with pytest.raises(InputError, match="reference_label"):
        P.sup_con(x, y, reference=x)
    with pytest.raises(InputError, match="pair_mask"):
        P.sup_con(x, y, pair_mask=torch.ones(24, 3, dtype=torch.bool))
    with pytest.raises(InputError, match="label"):
        perdita.LearnedBoundaryMargin(classes=3).double()(x, y)
