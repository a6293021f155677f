"""Cross-entropy by tiles equals cross-entropy; its filter leaves out what it says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from perdita import InputError
from perdita.kernels import cut_cross_entropy
from perdita.kernels.tiles.host import Tiles, cut_gradients, tile_sums

ROWS, FEATURES, CLASSES = 10, 4, 9


def draw(dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((ROWS, FEATURES), (CLASSES, FEATURES), (CLASSES,))
    own = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]
    target = torch.randint(CLASSES, (ROWS,), generator=generator)
    target[3] = -100
    return own, target


@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("tile", [(3, 4), (10, 9), (1, 1)])
@pytest.mark.parametrize("filtered", [False, True])
def test_equal_to_cross_entropy(filtered: bool, tile: tuple[int, int], softcap: float | None, reduction: str) -> None:
    """A filter below every gradient leaves nothing out, whatever order it puts the classes in."""
    (hidden, weight, bias), target = draw()
    options = {"filter_threshold": 1e-30 if filtered else None, "block_rows": tile[0], "block_classes": tile[1]}
    logits = F.linear(hidden, weight, bias)
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    expected = perdita.functional.cross_entropy(logits, target, reduction=reduction)
    found, lse = cut_cross_entropy(
        hidden, weight, target, bias=bias, softcap=softcap, reduction=reduction, return_lse=True, **options
    )
    torch.testing.assert_close(found, expected)
    right = torch.where(target == -100, 0.0, logits.logsumexp(1))
    torch.testing.assert_close(lse, right)
    factors = torch.arange(1.0, 1 + found.numel(), dtype=torch.float64).reshape(found.shape)
    slopes = [
        torch.autograd.grad((value * factors).sum() + 0.3 * sums.square().sum(), [hidden, weight, bias])
        for value, sums in ((found, lse), (expected, right))
    ]
    torch.testing.assert_close(*slopes)


def test_only_what_the_filter_covers_is_left_out() -> None:
    (hidden, weight, bias), target = draw()
    with torch.no_grad():
        weight *= 6  # confident: many tiles hold next to nothing
    kept = (target != -100).nonzero().squeeze(1)
    hidden, target = hidden.detach()[kept], target[kept]
    exact = F.linear(hidden, weight, bias).softmax(1) - F.one_hot(target, CLASSES)
    for sides in ((True, True), (True, False), (False, True)):
        tiles = Tiles(rows=2, classes=2, threshold=0.05, of_hidden=sides[0], of_weight=sides[1])
        with torch.no_grad():
            lse, _, mean_logit = tile_sums(tiles, hidden, weight, bias, target)
            ones = torch.ones_like(lse)
            found = cut_gradients(tiles, hidden, weight, bias, target, lse, mean_logit, ones, torch.zeros_like(lse))
        assert 0 < found.kept.sum() < found.kept.numel()
        assert found.order.sort().values.equal(torch.arange(CLASSES))
        mask = found.kept.repeat_interleave(2, 0)[: len(kept)].repeat_interleave(2, 1)[:, :CLASSES]
        cut = torch.empty_like(exact)
        cut[:, found.order] = exact[:, found.order] * mask
        torch.testing.assert_close(found.hidden, (cut if sides[0] else exact) @ weight)
        torch.testing.assert_close(found.weight, (cut if sides[1] else exact).T @ hidden)
        torch.testing.assert_close(found.bias, (cut if all(sides) else exact).sum(0))


def test_the_automatic_threshold_is_that_of_the_dtype() -> None:
    (hidden, weight, _), target = draw(torch.bfloat16)
    for threshold in ("auto", 2.0**-12):
        value = cut_cross_entropy(hidden, weight, target, filter_threshold=threshold, block_rows=1, block_classes=1)
        slopes = torch.autograd.grad(value, [hidden, weight])
        assert [slope.dtype for slope in slopes] == [torch.bfloat16] * 2
        if threshold == "auto":
            first = slopes
    torch.testing.assert_close(slopes, first, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"filter_threshold": 0.0}, "filter_threshold"), ({"filter_threshold": "high"}, "filter_threshold"),
     ({"block_rows": 0}, "block_rows"), ({"block_classes": -1}, "block_classes"), ({"shift": -1}, "shift")],
)  # fmt: skip
def test_refused(options: dict[str, Any], message: str) -> None:
    (hidden, weight, _), target = draw()
    with pytest.raises(InputError, match=message):
        cut_cross_entropy(hidden, weight, target, **options)


def test_transforms_are_sent_to_the_fused_form() -> None:
    (hidden, weight, _), target = draw()
    with pytest.raises(InputError, match="use fused_linear"):
        torch.func.grad(lambda own: cut_cross_entropy(own, weight, target))(hidden.detach())


def test_no_second_derivative() -> None:
    (hidden, weight, _), target = draw()
    value = cut_cross_entropy(hidden, weight, target)
    with pytest.raises(InputError, match="differentiable once; fused_linear is differentiable twice"):
        torch.autograd.grad(value, hidden, create_graph=True)


def test_nothing_left_is_a_connected_zero() -> None:
    (hidden, weight, _), target = draw()
    value = cut_cross_entropy(hidden, weight, torch.full_like(target, -100))
    assert value == 0
    assert all(not slope.any() for slope in torch.autograd.grad(value, [hidden, weight]))


def test_a_filter_never_hides_a_nan() -> None:
    hidden, weight, target = torch.randn(4, 3), torch.randn(6, 3), torch.tensor([0, 1, 2, 3])
    hidden[2, 1] = torch.nan
    tiles = Tiles(rows=2, classes=3, threshold=1e6, sort=False)  # above every slope that is a number
    lse, _, mean_logit = tile_sums(tiles, hidden, weight, None, target)
    found = cut_gradients(tiles, hidden, weight, None, target, lse, mean_logit, torch.ones(4), torch.zeros(4))
    assert found.hidden[2].isnan().all()
    assert (found.hidden[:2] == 0).all()
