"""Blocks of pairs give the value and the gradient of the whole matrix: every loss, reduction, option and transform."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import perdita
import perdita.functional as P
from perdita.compare.train.memory import peak_bytes
from perdita.core.errors import InputError
from perdita.kernels.pairs import blockwise_pairs
from perdita.losses.embedding.selection import SELECTIONS
from perdita.losses.embedding.similarity import SIMILARITIES

PAIR_LOSSES = [card.name for card in perdita.cards() if hasattr(card.per_example, "pairs")]
LABELLED = [name for name in PAIR_LOSSES if not perdita.card(name).per_example.pairs.views]
VIEWED = [name for name in PAIR_LOSSES if name not in LABELLED]
CLOSE = {"rtol": 1e-11, "atol": 1e-12}


def batch(n: int = 23, d: int = 5) -> tuple[Tensor, Tensor]:
    return torch.randn(n, d, dtype=torch.float64, requires_grad=True), torch.randint(6, (n,))


def expect_equal(blocks: Tensor, whole: Tensor, *leaves: Tensor) -> None:
    torch.testing.assert_close(blocks, whole, **CLOSE)
    upward = torch.randn_like(whole)
    found = torch.autograd.grad(blocks, leaves, upward)
    expected = torch.autograd.grad(whole, leaves, upward)
    assert any(gradient.abs().sum() > 0 for gradient in expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def test_there_are_losses_of_both_kinds() -> None:
    assert {"sup_con", "multi_similarity", "circle", "triplet", "nt_xent", "contrastive"} <= set(LABELLED)
    assert {"info_nce", "siglip"} <= set(VIEWED)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
@pytest.mark.parametrize("name", LABELLED)
def test_blocks_equal_the_whole(name: str, reduction: str) -> None:
    loss, (x, y) = getattr(P, name), batch()
    expect_equal(blockwise_pairs(loss, x, y, block=7, reduction=reduction), loss(x, y, reduction=reduction), x)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("name", VIEWED)
def test_blocks_of_views(name: str, symmetric: bool, reduction: str) -> None:
    loss, (x, y), (z, _), (further, _) = getattr(P, name), batch(), batch(), batch(4)
    how = {"symmetric": symmetric, "reduction": reduction}
    for label in (None, y):
        found = blockwise_pairs(loss, x, label, reference=torch.cat([z, further]), block=7, **how)
        expect_equal(found, loss(x, z, negative=further, label=label, **how), x, z, further)


@pytest.mark.parametrize("kind", ["all", "semihard", "hard"])
def test_blocks_of_triplets(kind: str) -> None:
    x, y = batch()
    expect_equal(blockwise_pairs(P.triplet, x, y, kind=kind, block=7), P.triplet(x, y, kind=kind), x)


@pytest.mark.parametrize("select", list(SELECTIONS))
@pytest.mark.parametrize("similarity", list(SIMILARITIES))
def test_blocks_with_every_similarity_and_selection(similarity: str, select: str) -> None:
    x, y = batch()
    how = {"similarity": similarity, "select": select}
    expect_equal(blockwise_pairs(P.sup_con, x, y, block=7, **how), P.sup_con(x, y, **how), x)


def test_blocks_with_masks_weights_and_a_bank() -> None:
    (x, y), (bank, theirs) = batch(), batch(11)
    mask, weight = torch.rand(23) > 0.3, torch.rand(23, dtype=torch.float64)
    with torch.no_grad():
        spoiled = torch.where(mask.unsqueeze(1), x, torch.nan)
    spoiled.requires_grad_()
    for reduction in ("mean", "sum", "none"):
        how = {"mask": mask, "weight": weight, "reduction": reduction}
        expect_equal(blockwise_pairs(P.sup_con, spoiled, y, block=7, **how), P.sup_con(spoiled, y, **how), spoiled)
        how |= {"reference": bank, "reference_label": theirs, "pair_mask": torch.rand(23, 11) > 0.2}
        expect_equal(blockwise_pairs(P.sup_con, x, y, block=7, **how), P.sup_con(x, y, **how), x, bank)
    expect_equal(blockwise_pairs(P.sup_con, x, y, normalizer=9.0), P.sup_con(x, y, normalizer=9.0), x)
    own = torch.rand(23, 23) > 0.2
    expect_equal(blockwise_pairs(P.sup_con, x, y, pair_mask=own, block=7), P.sup_con(x, y, pair_mask=own), x)
    how = {"mask": mask, "symmetric": True}
    other = spoiled.detach().exp().requires_grad_()
    views = blockwise_pairs(P.info_nce, spoiled, reference=other, block=7, **how)
    expect_equal(views, P.info_nce(spoiled, other, **how), spoiled, other)


def test_parameters_get_their_gradients() -> None:
    (x, y), (z, _) = batch(), batch()
    for criterion in (perdita.LearnedInfoNce(), perdita.LearnedSiglip()):
        criterion = criterion.double()
        found = blockwise_pairs(criterion, x, reference=z, block=7)
        expect_equal(found, criterion(x, z), x, z, *criterion.parameters())
    margins = perdita.LearnedBoundaryMargin(classes=6).double()
    expect_equal(blockwise_pairs(margins, x, y, block=7), margins(x, y), x, margins.offset)
    criterion = perdita.MultiSimilarity(beta=10.0)
    expect_equal(blockwise_pairs(criterion, x, y, block=7), criterion(x, y), x)


def value(reduction: str, y: Tensor, loss: Any = P.sup_con, **how: Any) -> Any:
    def run(x: Tensor) -> Tensor:
        return loss(x, y, reduction=reduction, **how).square().sum()

    return run


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_transforms(reduction: str) -> None:
    x, y = batch()
    blocks = value(reduction, y, partial(blockwise_pairs, P.sup_con, block=7))
    whole = value(reduction, y)
    many = torch.randn(3, 23, 5, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(blocks(x), whole(x), **CLOSE)
    torch.testing.assert_close(torch.func.grad(blocks)(x), torch.func.grad(whole)(x), **CLOSE)
    torch.testing.assert_close(torch.func.vmap(blocks)(many), torch.func.vmap(whole)(many), **CLOSE)
    by_item = torch.func.vmap(torch.func.grad(blocks))(many)
    torch.testing.assert_close(by_item, torch.func.vmap(torch.func.grad(whole))(many), **CLOSE)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_second_derivatives(reduction: str) -> None:
    x, y = batch()
    direction = torch.randn_like(x)

    def curvature(run: Any) -> Tensor:
        (gradient,) = torch.autograd.grad(run(x), x, create_graph=True)
        return torch.autograd.grad((gradient * direction).sum(), x)[0]

    found = curvature(value(reduction, y, partial(blockwise_pairs, P.sup_con, block=7)))
    torch.testing.assert_close(found, curvature(value(reduction, y)), rtol=1e-9, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # PyTorch's compiler does
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_compiles_to_one_graph(reduction: str) -> None:
    x, y = batch()
    run = value(reduction, y, partial(blockwise_pairs, P.multi_similarity, block=12))
    torch._dynamo.reset()
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    expect_equal(compiled(x), run(x), x)
    torch._dynamo.reset()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    x, y = torch.randn(23, 5).to(dtype).requires_grad_(), torch.randint(6, (23,))
    wide = x.detach().float().requires_grad_()
    found, expected = blockwise_pairs(P.sup_con, x, y, block=7), P.sup_con(wide, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(blockwise_pairs(P.sup_con, x, y, block=7), found, rtol=0, atol=0)
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found, x)
    assert gradient.dtype is dtype
    tolerance = 2 * torch.finfo(dtype).eps
    torch.testing.assert_close(gradient.float(), torch.autograd.grad(expected, wide)[0], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", LABELLED)
def test_nothing_to_compare_is_a_connected_zero(name: str) -> None:
    for x, y in (batch(0), batch(1)):
        found = blockwise_pairs(getattr(P, name), x, y)
        (gradient,) = torch.autograd.grad(found, x)
        assert found.item() == 0
        assert (gradient == 0).all()


def test_no_matrix_is_held() -> None:
    n, d, block = 1024, 8, 32
    x, y = torch.randn(n, d, requires_grad=True), torch.randint(100, (n,))
    taken = peak_bytes(lambda: blockwise_pairs(P.sup_con, x, y, block=block).backward())
    whole = peak_bytes(lambda: P.sup_con(x, y).backward())
    assert taken < 12 * block * n * 4 + 12 * n * d * 4
    assert taken < n * n * 4 / 2  # half of one matrix
    assert whole > 4 * n * n * 4  # and the meter sees what the matrix takes


@pytest.mark.parametrize(
    ("argument", "how"),
    [
        ("loss", {"loss": P.cross_entropy}),
        ("label", {"label": None}),
        ("label", {"label": torch.zeros(4, dtype=torch.long)}),
        ("reference", {"reference": torch.zeros(3, 5)}),
        ("reference", {"loss": P.info_nce}),
        ("reference", {"loss": P.info_nce, "reference": torch.zeros(2, 5)}),
        ("embedding", {"embedding": torch.zeros(3, dtype=torch.long)}),
        ("temperature", {"temperature": -1.0}),
        ("heat", {"heat": 1.0}),
        ("similarity", {"similarity": "cosin"}),
        ("select", {"select": "hardest"}),
        ("block", {"block": 0}),
        ("weight", {"weight": torch.ones(3, requires_grad=True)}),
        ("mask", {"mask": torch.ones(3)}),
        ("reduction", {"reduction": "median"}),
    ],
)
def test_bad_input_is_named(argument: str, how: dict[str, Any]) -> None:
    given = {"loss": P.sup_con, "embedding": torch.randn(3, 5), "label": torch.tensor([0, 1, 0]), **how}
    with pytest.raises(InputError, match=argument):
        blockwise_pairs(**given)
