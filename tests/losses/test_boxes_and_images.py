"""Losses of boxes, regions, depth maps and images: what they equal, and what they forget."""

from __future__ import annotations

import pytest
import torch

import perdita
import perdita.functional as P

APART = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[3.0, 0.0, 4.0, 1.0]])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(classes: int, *shape: int) -> torch.Tensor:
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("loss", [P.generalized_box_iou, P.distance_box_iou, P.complete_box_iou])
def test_penalties_pull_boxes_that_do_not_touch(loss) -> None:
    boxes = APART[0].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(boxes, APART[1]), boxes)
    assert gradient[0, 2] < 0  # to the right
    boxes = APART[0].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(P.box_iou(boxes, APART[1]), boxes)
    assert (gradient == 0).all()


@pytest.mark.parametrize("loss", [P.box_iou, P.generalized_box_iou, P.distance_box_iou, P.complete_box_iou])
def test_a_box_is_its_two_corners_in_any_order_and_in_any_unit(loss) -> None:
    boxes, target = draw(6, 4), draw(6, 4, seed=1)
    values = loss(boxes, target, reduction="none")
    torch.testing.assert_close(loss(boxes[:, [2, 1, 0, 3]], target, reduction="none"), values)
    torch.testing.assert_close(loss(7 * boxes + 3, 7 * target + 3, reduction="none"), values)
    assert loss(boxes, boxes, reduction="none").abs().max() < 1e-12


def test_two_empty_boxes_cost_one_and_have_finite_gradients() -> None:
    boxes = torch.ones(1, 4, requires_grad=True)
    value = P.complete_box_iou(boxes, torch.ones(1, 4))
    assert value.item() == 1
    assert torch.autograd.grad(value, boxes)[0].isfinite().all()


def test_balanced_l1_and_wing_are_continuous() -> None:
    below, above = torch.tensor([1 - 1e-9, 10 - 1e-9]).double(), torch.tensor([1 + 1e-9, 10 + 1e-9]).double()
    zero = torch.zeros(2, dtype=torch.float64)
    for loss in (P.balanced_l1, P.wing):
        gap = loss(above, zero, reduction="none") - loss(below, zero, reduction="none")
        assert gap.abs().max() < 1e-8


def test_tversky_at_one_half_is_dice_and_at_one_is_jaccard() -> None:
    logits, target = draw(3, 4, 5, 6), labels(4, 3, 5, 6)
    half = P.tversky(logits, target, false_alarms=0.5, misses=0.5, smooth=0.5, reduction="none")
    torch.testing.assert_close(half, P.dice(logits, target, smooth=1.0, reduction="none"))
    dice = P.binary_dice(logits[:, 0], (target == 0).double(), smooth=0.0, reduction="none")
    jaccard = P.binary_jaccard(logits[:, 0], (target == 0).double(), smooth=0.0, reduction="none")
    torch.testing.assert_close(jaccard, 2 * dice / (1 + dice))


def test_a_missed_pixel_costs_more_than_a_false_alarm_where_it_should() -> None:
    truth = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    missing, alarming = torch.tensor([[20.0, -20, -20, -20]]), torch.tensor([[20.0, 20, 20, -20]])
    costs = [P.binary_tversky(logits, truth, smooth=0.0) for logits in (missing, alarming)]
    assert costs[0] > costs[1]
    assert P.binary_tversky(missing, truth, focus=0.75) > P.binary_tversky(missing, truth)


@pytest.mark.parametrize("focus", [0.5, 0.75, 2.0])
def test_a_perfect_region_costs_nothing_at_any_focus(focus: float) -> None:
    truth = labels(2, 2, 9).double()
    logits = (1e4 * (truth - 0.5)).requires_grad_()
    value = P.binary_tversky(logits, truth, focus=focus, smooth=0.0)
    assert value.item() == 0
    assert torch.autograd.grad(value, logits)[0].isfinite().all()


def test_lovasz_of_certain_predictions_is_the_jaccard_distance() -> None:
    truth, said = labels(2, 4, 30), labels(2, 4, 31)[:, 1:]
    both, either = (truth & said).sum(1), (truth | said).sum(1)
    logits = 1e3 * torch.nn.functional.one_hot(said, 2).movedim(-1, 1).double()
    found = P.lovasz_softmax(logits, truth, classes="all", reduction="none")
    background = ((1 - truth) & (1 - said)).sum(1) / ((1 - truth) | (1 - said)).sum(1)
    torch.testing.assert_close(found, 1 - (both / either + background) / 2, check_dtype=False)
    hinge = P.lovasz_hinge(said.double() * 2 - 1, truth, reduction="none")
    torch.testing.assert_close(hinge, 2 * (1 - both / either), check_dtype=False)


def test_an_empty_truth_costs_the_worst_error() -> None:
    value = P.lovasz_hinge(torch.tensor([[-3.0, 2.0, -0.5]]), torch.zeros(1, 3))
    assert value.item() == 3.0


def test_depth_losses_forget_what_they_say() -> None:
    depth, target = draw(3, 20).exp(), draw(3, 20, seed=1).exp()
    loss = P.scale_invariant_depth
    whole = loss(depth, target, variance_share=1.0)
    torch.testing.assert_close(loss(5 * depth, target, variance_share=1.0), whole)
    assert abs(loss(5 * depth, target) - loss(depth, target)) > 0.1
    shifted = P.scale_shift_invariant_depth(3 * depth - 7, target)
    torch.testing.assert_close(shifted, P.scale_shift_invariant_depth(depth, target))
    moved = P.median_aligned_depth(3 * depth - 7, 0.1 * target + 5)
    torch.testing.assert_close(moved, P.median_aligned_depth(depth, target))
    assert P.scale_shift_invariant_depth(-target, target) < 1e-9  # least squares forgives the sign
    assert P.median_aligned_depth(-target, target) > 0.2


@pytest.mark.parametrize("count", [50, 51])
def test_one_wild_pixel_rules_least_squares_and_not_the_median(count: int) -> None:
    target = torch.arange(1.0, count + 1).unsqueeze(0)
    wild = target.clone()
    wild[0, 0] = 1e4
    assert P.scale_shift_invariant_depth(wild, target) > 0.9 * target.var(correction=0) / 2  # as bad as a constant
    assert P.median_aligned_depth(wild, target, kept=0.8) < 0.4
    assert P.median_aligned_depth(target, target) == 0


def test_the_largest_errors_do_not_count() -> None:
    depth, target = draw(2, 10), draw(2, 10, seed=1)
    values = [P.median_aligned_depth(depth, target, kept=kept) for kept in (0.5, 0.8, 1.0)]
    assert values[0] < values[1] < values[2]
    constant = torch.ones(1, 4)
    assert P.median_aligned_depth(constant, target[:1, :4], kept=1.0).item() == pytest.approx(0.5)
    assert P.median_aligned_depth(torch.zeros(2, 0), torch.zeros(2, 0)) == 0


@pytest.mark.parametrize(
    "loss", [P.scale_invariant_depth, P.scale_shift_invariant_depth, P.median_aligned_depth, P.berhu]
)
def test_pixels_without_a_depth_are_masked(loss) -> None:
    depth, target = draw(3, 20).exp(), draw(3, 20, seed=1).exp()
    mask = torch.ones(3, 20, dtype=torch.bool)
    mask[:, ::3] = False
    wild = torch.where(mask, depth, 1e3)
    torch.testing.assert_close(loss(wild, target, mask=mask), loss(depth, target, mask=mask))
    assert abs(loss(wild, target) - loss(depth, target)) > 1e-3


def test_berhu_meets_itself_at_its_threshold() -> None:
    error = torch.tensor([1 - 1e-9, 1 + 1e-9], dtype=torch.float64)
    values = P.berhu(error, torch.zeros(2, dtype=torch.float64), threshold=1.0, reduction="none")
    assert (values[1] - values[0]).abs() < 1e-8
    with pytest.raises(perdita.InputError, match="threshold"):
        P.berhu(error, error, threshold=0.0)


def test_similarity_is_that_of_torchmetrics() -> None:
    from torchmetrics.functional.image import structural_similarity_index_measure

    first, second = draw(2, 3, 24, 20).sigmoid(), draw(2, 3, 24, 20, seed=1).sigmoid()
    peer = structural_similarity_index_measure(first, second, data_range=1.0, reduction="none")
    torch.testing.assert_close(1 - P.structural_similarity(first, second, reduction="none"), peer)
    same = P.structural_similarity(first, first, reduction="none")
    assert same.abs().max() < 1e-12


def test_the_best_view_of_each_pixel_counts() -> None:
    image = draw(2, 1, 6, 6).sigmoid()
    left, right = image.clone(), image.clone()
    left[..., :1], right[..., -1:] = 1.0, 1.0  # each is wrong at one border
    views = torch.stack([left, right], 1)
    both = P.minimum_photometric(views, image, structure_share=0.0)
    assert both.item() == 0
    assert P.photometric(left, image) > 0.01


def test_steps_are_forgiven_at_edges_of_the_image() -> None:
    depth = torch.zeros(1, 4, 4).index_fill(2, torch.tensor([2, 3]), 1.0)
    flat, edge = torch.zeros(1, 3, 4, 4), 10 * depth.unsqueeze(1).expand(1, 3, 4, 4)
    assert P.depth_smoothness(depth, edge) < 1e-3 * P.depth_smoothness(depth, flat)


def test_maps_that_point_at_each_other_are_consistent() -> None:
    left = torch.full((1, 2, 8), 2.0, requires_grad=True)
    value = P.left_right_consistency(left, torch.full((1, 2, 8), 2.0))
    assert value.item() == 0
    assert P.left_right_consistency(left, torch.full((1, 2, 8), 3.0)).item() == 1


def test_gradient_matching_forgets_a_shift() -> None:
    first, second = draw(2, 16, 16), draw(2, 16, 16, seed=1)
    value = P.gradient_matching(first, second, scales=4)
    torch.testing.assert_close(P.gradient_matching(first + 9, second, scales=4), value)
    assert value > P.gradient_matching(first, second)
