"""Spherical losses: scores and sums tell the same, and the Z-loss ignores shift and scale."""

from __future__ import annotations

import math

import pytest
import torch

import perdita.functional as P
from perdita.losses.classification import spherical


def draw():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(30, 6, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.randint(6, (30,), generator=generator)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("z_loss", {"sharpness": 0.3, "threshold": 5.0}),
        ("taylor_softmax", {}),
        ("spherical_softmax", {"epsilon": 0.1}),
        ("one_hot_square", {}),
    ],
)
def test_three_sums_tell_the_same(name, options):
    logits, target = draw()
    score = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    from_sums = getattr(spherical, f"{name}_from_sums")
    found = from_sums(score, logits.sum(1), logits.square().sum(1), classes=6, **options)
    expected = getattr(P, name)(logits, target, reduction="none", **options)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(values.sum(), logits)[0] for values in (found, expected)))


def test_the_gradient_of_the_z_loss_by_hand():
    logits, target = draw()
    a, b = 0.7, 1.5
    found = torch.autograd.grad(P.z_loss(logits, target, sharpness=a, threshold=b, reduction="sum"), logits)[0]
    deviation = logits.std(1, correction=0, keepdim=True)
    z = (logits - logits.mean(1, keepdim=True)) / deviation
    own = z.gather(1, target.unsqueeze(1))
    hit = torch.nn.functional.one_hot(target, 6)
    expected = -torch.sigmoid(a * (b - own)) / deviation * (hit - 1 / 6 - z * own / 6)
    torch.testing.assert_close(found, expected.detach())


def test_the_z_loss_far_from_zero_keeps_its_digits():
    logits, target = draw()
    near = P.z_loss(logits, target, reduction="none")
    far = P.z_loss(logits * 1e-3 + 1e5, target, reduction="none")
    torch.testing.assert_close(far, near, rtol=1e-6, atol=1e-6)


def test_the_standard_score_is_at_most_the_root_of_the_other_classes():
    logits = torch.tensor([[5.0, 0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    value = P.z_loss(logits, torch.tensor([0]))
    assert value.item() == pytest.approx(math.log1p(math.exp(-2.0)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [4, 7, 1000])
def test_scores_that_are_all_alike_have_no_gradient(dtype, classes):
    """However far from zero they lie, where their mean is a little off."""
    levels = torch.cat(
        [torch.tensor([3.0, 1e4]), 2e4 * torch.rand(50, generator=torch.Generator().manual_seed(0)) - 1e4]
    )
    logits = levels.to(dtype).unsqueeze(1).repeat(1, classes).requires_grad_()
    values = P.z_loss(logits, torch.arange(52) % classes, threshold=1.0, reduction="none")
    torch.testing.assert_close(values, torch.full_like(values, math.log1p(math.e)))
    assert not torch.autograd.grad(values.sum(), logits)[0].any()
    sums = logits.double()[:, 0], logits.double().sum(1), logits.double().square().sum(1)
    values = spherical.z_loss_from_sums(*sums, classes=classes, threshold=1.0)
    torch.testing.assert_close(values, torch.full_like(values, math.log1p(math.e)))
