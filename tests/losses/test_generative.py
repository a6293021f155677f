"""Losses of generators, views and candidates, against what PyTorch's distributions and plain sums say."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

import perdita.functional as P


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_divergence_of_a_code_is_torchs() -> None:
    mean, log_variance = draw(4, 3), draw(4, 3, seed=1)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(P.standard_normal_kl(mean, log_variance, reduction="none"), expected)


def test_the_likelihood_of_a_linear_flow_is_that_of_its_normal_distribution() -> None:
    items, scale = draw(5, 2), torch.tensor([0.5, 3.0], dtype=torch.float64)
    codes = items / scale
    determinant = (-scale.log()).sum().expand(5)
    expected = -Normal(0.0, scale).log_prob(items).sum(1)
    torch.testing.assert_close(P.flow_nll(codes, determinant, reduction="none"), expected)


def test_the_penalty_reaches_the_critic() -> None:
    critic = torch.nn.Linear(3, 1).double()
    points = draw(6, 3).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    P.gradient_penalty(slopes).backward()
    weight = critic.weight
    torch.testing.assert_close(weight.grad, 2 * (weight.norm() - 1) * weight / weight.norm())


def test_simsiam_stops_the_projections() -> None:
    views = [draw(4, 3, seed=seed).requires_grad_() for seed in range(4)]
    P.simsiam(*views).backward()
    assert all(view.grad.abs().sum() > 0 for view in views[:2])
    assert all(view.grad is None for view in views[2:])


def test_equal_decorrelated_views_cost_nothing() -> None:
    view = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    assert P.barlow_twins(view, view).item() < 1e-12
    assert P.barlow_twins(view, view.flip(1)).item() > 1.9
    assert P.barlow_twins(3 * view + 5, view).item() < 1e-12


def test_sharp_candidates_cost_what_the_best_of_the_model_costs() -> None:
    log_prob, cost = torch.tensor([[-1.0, -9.0, -3.0]]), torch.tensor([[0.3, 0.0, 1.0]])
    assert abs(P.minimum_risk(log_prob, cost, sharpness=100.0).item() - 0.3) < 1e-6
    log_prob.requires_grad_()
    (gradient,) = torch.autograd.grad(P.minimum_risk(log_prob, cost, sharpness=1.0), log_prob)
    assert gradient[0, 1] < 0 < gradient[0, 2]  # more of the free one, less of the dear one


def test_a_centre_moves_by_the_mean_of_its_items() -> None:
    features, centers = draw(4, 2), torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    P.center(features, torch.tensor([0, 0, 0, 0]), centers).backward()
    torch.testing.assert_close(centers.grad[0], -features.mean(0))
    assert (centers.grad[1] == 0).all()
