"""Batches and lists with nothing to learn from: a finite, connected value and a finite gradient, or an `InputError`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import perdita
import perdita.functional as P
from perdita import InputError
from perdita.losses.embedding.hyperbolic import lorentz_similarity, poincare_similarity
from perdita.losses.embedding.similarity import SIMILARITIES, Similarity
from perdita.testing.sample import construct
from tests.references import ARGUMENTS


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fields(card: Any) -> tuple[str, ...]:
    return tuple(item.name for item in card.signature.fields if item.positional)


CARDS = list(perdita.cards())
ROWS = [card.name for card in CARDS if hasattr(card.per_example, "pairs") and fields(card) == ("embedding", "label")]
WHOLE = [
    card.name for card in CARDS if card.function and fields(card) == ("embedding", "label") and card.name not in ROWS
]
HEADS = [card.name for card in CARDS if card.function is None and fields(card) == ("embedding", "label")]
VIEWS = [card.name for card in CARDS if card.function and fields(card) in (("first", "second"), ("view_1", "view_2"))]
LISTS = [card.name for card in CARDS if card.task == "ranking" and fields(card) == ("scores", "target")]

BATCHES = {
    "no positives": (drawn(4, 6), torch.arange(4)),
    "one class": (drawn(6, 6), torch.zeros(6, dtype=torch.long)),
    "one item": (drawn(1, 6), torch.zeros(1, dtype=torch.long)),
    "identical": (torch.ones(6, 6), torch.arange(6) // 2),
    "zero vectors": (torch.zeros(6, 6), torch.arange(6) // 2),
    "one zero vector": (torch.cat([torch.zeros(1, 6), drawn(5, 6)]), torch.arange(6) // 2),
    "negatives equal to positives": (drawn(3, 6).repeat(2, 1), torch.arange(6) // 3),
    "opposite": (torch.cat([torch.ones(3, 6), -torch.ones(3, 6)]), torch.arange(6) // 2),
    "huge": (1e4 * drawn(6, 6), torch.arange(6) // 2),
}


def expect_calm(value: Tensor, *leaves: Tensor) -> None:
    assert torch.isfinite(value).all()
    assert value.requires_grad
    for gradient in torch.autograd.grad(value.sum(), leaves, allow_unused=True):
        assert gradient is not None
        assert torch.isfinite(gradient).all()


def test_the_catalogue_has_losses_of_every_kind() -> None:
    assert {"sup_con", "nca", "smooth_ap", "ranked_list"} <= set(ROWS)
    assert {"angular", "lifted_pairs", "similarity_histogram"} <= set(WHOLE)
    assert {"arc_face", "manifold_proxies", "learned_boundary_margin"} <= set(HEADS)
    assert {"info_nce", "vicreg", "dynamic_soft_margin"} <= set(VIEWS)
    assert {"lambda_rank", "list_rmse"} <= set(LISTS)


@pytest.mark.parametrize("case", list(BATCHES))
@pytest.mark.parametrize("name", ROWS + WHOLE)
def test_a_batch_that_says_nothing(name: str, case: str) -> None:
    x, y = BATCHES[case]
    x = x.clone().requires_grad_()
    for reduction in ("mean", "sum"):
        expect_calm(getattr(P, name)(x, y, reduction=reduction), x)


@pytest.mark.parametrize("similarity", list(SIMILARITIES))
@pytest.mark.parametrize("name", ROWS)
def test_every_similarity_of_a_batch_that_says_nothing(name: str, similarity: str) -> None:
    for x, y in BATCHES.values():
        leaf = x.clone().clamp(-100, 100).requires_grad_()
        expect_calm(getattr(P, name)(leaf, y, similarity=similarity), leaf)


@pytest.mark.parametrize("name", HEADS)
def test_heads_on_a_batch_that_says_nothing(name: str) -> None:
    for x, y in BATCHES.values():
        criterion = construct(perdita.card(name), ARGUMENTS.get(name))
        leaf = x.clone().requires_grad_()
        expect_calm(criterion(leaf, y), leaf)


@pytest.mark.parametrize("similarity", [poincare_similarity(), lorentz_similarity()])
@pytest.mark.parametrize("name", ROWS)
def test_points_at_the_edge_of_the_ball(name: str, similarity: Similarity) -> None:
    x = torch.nn.functional.normalize(drawn(6, 6), dim=1)
    x[1] *= 1 - 1e-7
    x[3] = x[2]
    leaf = x.requires_grad_()
    expect_calm(getattr(P, name)(leaf, torch.arange(6) // 2, similarity=similarity), leaf)


@pytest.mark.parametrize("case", ["identical", "zero vectors", "one item", "opposite", "negatives equal to positives"])
@pytest.mark.parametrize("name", VIEWS)
def test_views_that_say_nothing(name: str, case: str) -> None:
    first = BATCHES[case][0].clone().requires_grad_()
    second = BATCHES[case][0].clone().requires_grad_()
    expect_calm(getattr(P, name)(first, second), first, second)


@pytest.mark.parametrize("name", ["info_nce", "siglip"])
def test_further_negatives_that_are_the_positives(name: str) -> None:
    first, second = (drawn(4, 6, seed=seed).requires_grad_() for seed in (1, 2))
    expect_calm(getattr(P, name)(first, second, negative=second, temperature=1e-3) if name == "info_nce"
                else getattr(P, name)(first, second, negative=second), first, second)  # fmt: skip


@pytest.mark.parametrize("target", [torch.zeros(3, 5), torch.ones(3, 5), torch.zeros(3, 0), 1e4 * torch.ones(3, 5)])
@pytest.mark.parametrize("name", LISTS)
def test_lists_that_say_nothing(name: str, target: Tensor) -> None:
    for scores in (torch.zeros_like(target), drawn(*target.shape), 1e4 * drawn(*target.shape)):
        leaf = scores.clone().requires_grad_()
        expect_calm(getattr(P, name)(leaf, target), leaf)


@pytest.mark.parametrize("name", LISTS)
def test_a_ragged_list_without_a_mask_is_refused(name: str) -> None:
    scores, target = drawn(2, 4), torch.tensor([[1.0, 0.0, 2.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    padded = torch.where(torch.arange(4) < torch.tensor([[4], [2]]), scores, torch.nan)
    for given in ((padded, target), (scores, torch.where(padded.isnan(), -1.0, target)), (scores, target[:, :3]),
                  ([scores[0], scores[1, :2]], [target[0], target[1, :2]])):  # fmt: skip
        with pytest.raises(InputError):
            getattr(P, name)(*given)
