"""Dice: by hand, where regions are empty, where targets are soft, and per image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import perdita
import perdita.functional as P


def certain(labels: Tensor, classes: int) -> Tensor:
    """Logits that leave no doubt about the labels."""
    return 100 * (torch.nn.functional.one_hot(labels, classes).movedim(-1, 1).double() - 0.5)


def unsure(probs: Tensor) -> Tensor:
    """Logits whose softmax over dimension 1 is ``probs``."""
    return probs.clamp_min(1e-300).log()


PROBS = torch.tensor([[[0.75, 0.25], [0.25, 0.75]]], dtype=torch.float64)  # one image, two classes, two pixels
TRUTH = torch.tensor([[0, 0]])


def test_values_by_hand() -> None:
    first, second = 1 - 2 * 1.0 / (1.0 + 2.0), 1 - 0.0 / (1.0 + 0.0)  # class 0: overlap 3/4 + 1/4 of sizes 1 and 2
    assert P.dice(unsure(PROBS), TRUTH, smooth=0.0).item() == pytest.approx((first + second) / 2)
    assert P.dice(unsure(PROBS), TRUTH, smooth=0.0, classes="present").item() == pytest.approx(first)
    smooth = ((1 - (2 + 1) / (3 + 1)) + (1 - 1 / (1 + 1))) / 2
    assert P.dice(unsure(PROBS), TRUTH, smooth=1.0).item() == pytest.approx(smooth)


def test_a_binary_dice_is_the_dice_of_the_foreground() -> None:
    z = torch.randn(3, 4, 5, dtype=torch.float64)
    truth = torch.rand(3, 4, 5) > 0.5
    p, t = z.sigmoid().flatten(1), truth.double().flatten(1)
    expected = 1 - (2 * (p * t).sum(1) + 0.5) / (p.sum(1) + t.sum(1) + 0.5)
    torch.testing.assert_close(P.binary_dice(z, truth.long(), smooth=0.5, reduction="none"), expected)


@pytest.mark.parametrize("smooth", [0.0, 1e-5, 1.0])
def test_a_perfect_prediction_costs_nothing(smooth: float) -> None:
    labels = torch.randint(4, (3, 6, 5))
    assert P.dice(certain(labels, 4), labels, smooth=smooth, classes="present").item() == pytest.approx(0, abs=1e-40)
    soft = torch.randn(3, 4, 6, dtype=torch.float64).softmax(1)
    logits = unsure(soft).requires_grad_()
    assert P.dice(logits, soft, smooth=smooth).item() == pytest.approx(0, abs=1e-15)
    worse = P.dice(logits + torch.randn(logits.shape), soft, smooth=smooth)
    assert worse.item() > 0.05
    p = torch.rand(2, 7, dtype=torch.float64)
    assert P.binary_dice(torch.logit(p), p, smooth=smooth).item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_empty_in_prediction_and_truth_costs_nothing(smooth: float) -> None:
    logits = torch.full((2, 8), -1e4, requires_grad=True)
    value = P.binary_dice(logits, torch.zeros(2, 8), smooth=smooth)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == 0
    assert torch.isfinite(gradient).all()
    labels = torch.zeros(1, 9, dtype=torch.long)  # class 1 is empty in both
    assert P.dice(1e4 * certain(labels, 2).float(), labels, smooth=smooth).item() == 0


def test_each_image_counts_alike() -> None:
    logits, target = torch.randn(4, 3, 5, 5, dtype=torch.float64), torch.randint(3, (4, 5, 5))
    each = torch.stack([P.dice(logits[i : i + 1], target[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(P.dice(logits, target, reduction="none"), each)
    torch.testing.assert_close(P.dice(logits, target), each.mean())


def test_sums_over_many_half_precision_pixels_do_not_overflow() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        logits = torch.full((1, 2**20), 20.0, dtype=dtype)
        assert P.binary_dice(logits, torch.ones(1, 2**20, dtype=dtype)).item() == pytest.approx(0, abs=1e-6)
        assert P.binary_dice(logits, torch.zeros(1, 2**20, dtype=dtype)).item() == pytest.approx(1, abs=1e-5)


def test_masked_pixels_leave_the_sums() -> None:
    logits, target = torch.randn(2, 3, 10, dtype=torch.float64), torch.randint(3, (2, 10))
    seen = torch.arange(10).expand(2, 10) < 6
    hidden = torch.where(seen.unsqueeze(1), logits, torch.nan).requires_grad_()
    values, counts = P.dice.per_example(hidden, target, mask=seen)
    (gradient,) = torch.autograd.grad(values.sum(), hidden)
    torch.testing.assert_close(values, P.dice(logits[..., :6], target[:, :6], reduction="none"))
    assert torch.isfinite(gradient).all()
    assert (gradient[..., 6:] == 0).all()
    assert counts.tolist() == [True, True]
    binary, _ = P.binary_dice.per_example(hidden[:, 0].detach(), (target > 0).long(), mask=seen)
    expected = P.binary_dice(logits[:, 0, :6], (target[:, :6] > 0).long(), reduction="none")
    torch.testing.assert_close(binary, expected)


def test_a_masked_image_leaves_the_mean() -> None:
    logits, target = torch.randn(3, 2, 4, dtype=torch.float64), torch.randint(2, (3, 4))
    value = P.dice(logits, target, mask=torch.tensor([True, False, True]))
    torch.testing.assert_close(value, P.dice(logits[[0, 2]], target[[0, 2]]))
    _, counts = P.dice.per_example(logits, target, mask=torch.zeros(3, 4, dtype=torch.bool))
    assert counts.tolist() == [False, False, False]
    assert P.dice(logits, target, mask=torch.zeros(3, dtype=torch.bool)).item() == 0


@pytest.mark.parametrize("extra", [(), (6,), (3, 4), (2, 2, 2)])
def test_dice_and_half_of_cross_entropy(extra: tuple[int, ...]) -> None:
    criterion = perdita.Dice() + 0.5 * perdita.CrossEntropy()
    logits, target = torch.randn(2, 3, *extra, requires_grad=True), torch.randint(3, (2, *extra))
    total = criterion(logits, target)
    (gradient,) = torch.autograd.grad(total, logits)
    torch.testing.assert_close(total, P.dice(logits, target) + 0.5 * P.cross_entropy(logits, target))
    assert gradient.abs().sum() > 0
    assert list(criterion.parts(logits, target)) == ["dice", "cross_entropy"]
    assert perdita.build(criterion.to_config())(logits, target).item() == total.item()
