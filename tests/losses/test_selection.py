"""Selections of pairs against their words, item by item."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

import perdita.functional as P
from perdita.losses.embedding.selection import SELECTIONS, distance_weighted, resolve_selection, semi_hard, top_k


def batch(seed: int = 0, n: int = 20) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator, dtype=torch.float64), dim=1)
    y = torch.randint(5, (n,), generator=generator)
    same = y.unsqueeze(0) == y.unsqueeze(1)
    return x @ x.T, same & ~torch.eye(n, dtype=torch.bool), ~same


def slow(name: str, row: list[float], positives: set[int], negatives: set[int]) -> tuple[set[int], set[int]]:
    near, far = [row[j] for j in positives], [row[j] for j in negatives]
    if name == "hard":
        return {j for j in positives if row[j] == min(near)}, {j for j in negatives if row[j] == max(far)}
    if name == "easy_positive":
        return {j for j in positives if row[j] == max(near)}, negatives
    if name == "semi_hard":
        return positives, {j for j in negatives if any(row[j] < s < row[j] + 0.2 for s in near)}
    if name == "multi_similarity":
        return (
            {j for j in positives if far and row[j] - 0.1 < max(far)},
            {j for j in negatives if near and row[j] + 0.1 > min(near)},
        )
    if name == "top_k":
        return positives, set(sorted(negatives, key=lambda j: -row[j])[:10])
    return positives, negatives


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", list(SELECTIONS))
def test_selection(name: str, seed: int) -> None:
    similarity, positive, negative = batch(seed)
    kept = resolve_selection(name)(similarity, positive, negative)
    for i, row in enumerate(similarity.tolist()):
        given = [set(mask[i].nonzero().flatten().tolist()) for mask in (positive, negative)]
        found = tuple(set(mask[i].nonzero().flatten().tolist()) for mask in kept)
        assert found == slow(name, row, *given), (name, i)


@pytest.mark.parametrize("name", list(SELECTIONS))
def test_a_selection_narrows_and_shows_nan(name: str) -> None:
    similarity, positive, negative = batch()
    spoiled = similarity.clone()
    spoiled[:, 0] = torch.nan
    kept, left = SELECTIONS[name](spoiled, positive, negative)
    assert (kept <= positive).all()
    assert (left <= negative).all()
    assert ((kept | left)[:, 0] == (positive | negative)[:, 0]).all()


def test_settings_and_own_functions() -> None:
    similarity, positive, negative = batch()
    assert (partial(top_k, k=3)(similarity, positive, negative)[1].sum(1) == 3).all()
    assert (top_k(similarity, positive, negative, k=100)[1] == negative).all()
    wide = semi_hard(similarity, positive, negative, margin=2.0)[1]
    assert (semi_hard(similarity, positive, negative, margin=0.1)[1] <= wide).all()
    x, y = torch.randn(8, 3), torch.arange(8) // 2
    own = P.sup_con(x, y, select=lambda s, p, n: (p, n & (s > 0)))
    assert own < P.sup_con(x, y)


def test_distances_are_drawn_evenly() -> None:
    n, d = 4000, 16
    generator = torch.Generator().manual_seed(0)
    x = torch.nn.functional.normalize(torch.randn(n, d, generator=generator), dim=1)
    similarity = -torch.cdist(x[:400], x)
    negative = torch.ones(400, n, dtype=torch.bool)
    nothing = torch.zeros_like(negative)
    draw = partial(distance_weighted, dimension=d, generator=torch.Generator().manual_seed(1))
    drawn = draw(similarity, nothing, negative)[1]
    assert (drawn.sum(1) == 1).all()
    apart = -similarity[drawn]
    typical = -similarity.flatten()
    assert apart.max() <= 1.4
    assert apart.quantile(0.25) < 1.1 < typical.quantile(0.25)
    again = draw(similarity, nothing, negative)[1]
    assert (again != drawn).any()
    twin = distance_weighted(similarity, nothing, negative, dimension=d, generator=torch.Generator().manual_seed(1))
    assert (twin[1] == drawn).all()
    assert (partial(draw, k=5)(similarity, nothing, negative)[1].sum(1) == 5).all()
