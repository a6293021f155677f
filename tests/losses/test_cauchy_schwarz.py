"""What the divergences say of equal, different, dependent and constant samples."""

from __future__ import annotations

import pytest
import torch

import perdita.functional as P
from perdita.losses.distribution.cauchy_schwarz import median_bandwidth

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def test_a_sample_does_not_differ_from_itself():
    x = normal(20, 2)
    assert P.cs_divergence(x, x).abs() < 1e-12
    assert P.conditional_cs_divergence(x, x, normal(20, 3)).abs() < 1e-12


def test_the_divergence_is_never_negative():
    for _ in range(100):
        assert P.cs_divergence(normal(9, 2), normal(12, 2) * 2 + 1, sigma=0.7) >= -1e-12


def test_two_far_points_have_a_finite_gradient():
    x = torch.full((1, 1), 1e4, requires_grad=True)
    value = P.cs_divergence(x, torch.zeros(1, 1))
    value.backward()
    assert value.isfinite()
    assert x.grad.item() == pytest.approx(2e4)


def test_information_tells_dependence():
    x, other = normal(500, 1), normal(500, 1)
    same, apart = P.cs_mutual_information(x, x), P.cs_mutual_information(other, x)
    assert same > 10 * apart
    assert P.cs_mutual_information(x, x, normalized=True).item() == pytest.approx(1, abs=1e-9)


def test_a_constant_representation_knows_nothing():
    x, constant = normal(10, 2), torch.zeros(10, 3, dtype=torch.float64, requires_grad=True)
    value = P.cs_mutual_information(constant, x, normalized=True)
    value.backward()
    assert value.abs() < 1e-6
    assert constant.grad.isfinite().all()


def test_free_points_cover_both_modes():
    centers = torch.tensor([[-4.0, -4.0], [4.0, 4.0]])
    target = centers.repeat_interleave(50, 0) + torch.randn(100, 2, generator=GENERATOR.manual_seed(1))
    points = torch.randn(100, 2, generator=GENERATOR).requires_grad_()
    optimizer = torch.optim.Adam([points], 0.1)
    for _ in range(300):
        optimizer.zero_grad()
        value = P.cs_divergence(points, target)
        value.backward()
        optimizer.step()
    share = (points.detach().sum(1) > 0).double().mean().item()
    assert 0.3 <= share <= 0.7
    assert value < 0.05


def test_the_median_of_distances():
    assert median_bandwidth(torch.tensor([[0.0], [1.0], [4.0]])).item() == 3.0
