"""Members of families that have names of their own, and densities that sum to one."""

from __future__ import annotations

import math

import pytest
import torch

import perdita
import perdita.functional as P

ERROR = torch.linspace(-6, 6, 25, dtype=torch.float64)
ZERO = torch.zeros_like(ERROR)
COUNTS = torch.arange(400, dtype=torch.float64)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (2.0, ERROR.square() / 2),
        (1.0, (ERROR.square() + 1).sqrt() - 1),
        (0.0, torch.log1p(ERROR.square() / 2)),
        (-2.0, 2 * ERROR.square() / (ERROR.square() + 4)),
        (-math.inf, 1 - torch.exp(-ERROR.square() / 2)),
    ],
)
def test_named_members_of_the_general_robust_loss(alpha, expected):
    torch.testing.assert_close(P.barron(ERROR, ZERO, alpha=alpha, reduction="none"), expected)


@pytest.mark.parametrize("alpha", [-math.inf, 0.0, 2.0])
def test_the_general_robust_loss_is_continuous_in_alpha(alpha):
    near = {-math.inf: -1e7, 0.0: 1e-7, 2.0: 2 - 1e-7}[alpha]
    found = P.barron(ERROR, ZERO, alpha=near, reduction="none")
    torch.testing.assert_close(found, P.barron(ERROR, ZERO, alpha=alpha, reduction="none"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 1.9])
def test_the_adaptive_loss_is_a_density(alpha):
    criterion = perdita.AdaptiveRobust(alpha=alpha, scale=0.7, reduction="none").double()
    edge = 2000.0
    x = torch.cat([-torch.logspace(-4, math.log10(edge), 40_000).flip(0), torch.logspace(-4, math.log10(edge), 40_000)])
    density = torch.exp(-criterion(x.double(), torch.zeros_like(x).double())).detach()
    assert torch.trapezoid(density, x.double()).item() == pytest.approx(1, abs=2e-3)


def test_the_adaptive_loss_fits_normal_and_heavy_tails():
    generator = torch.Generator().manual_seed(0)
    normal = 3 * torch.randn(4000, generator=generator)
    heavy = normal / torch.randn(4000, generator=generator).abs()
    learned = {}
    for name, errors in {"normal": normal, "heavy": heavy}.items():
        criterion = perdita.AdaptiveRobust()
        optimizer = torch.optim.Adam(criterion.parameters(), 0.1)
        for _ in range(500):
            optimizer.zero_grad()
            criterion(errors, torch.zeros_like(errors)).backward()
            optimizer.step()
        fit = criterion(errors, torch.zeros_like(errors)).item()
        learned[name] = (criterion.alpha.item(), fit)
    entropy = 0.5 * math.log(2 * math.pi * math.e) + normal.std().log().item()  # the best normal likelihood
    assert learned["normal"][0] > 1.7
    assert learned["normal"][1] == pytest.approx(entropy, abs=0.005)
    assert learned["heavy"][0] < 0.5
    assert learned["heavy"][1] < 0.5 * math.log(2 * math.pi * math.e) + heavy.std().log().item() - 0.5


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, t: P.negative_binomial_nll(x, t, torch.full_like(x, -0.5), reduction="none"),
        lambda x, t: P.zero_inflated_poisson_nll(x, t, torch.full_like(x, -0.3), reduction="none"),
    ],
)
@pytest.mark.parametrize("log_mean", [-1.0, 1.5])
def test_likelihoods_of_counts_sum_to_one(loss, log_mean):
    nll = loss(torch.full_like(COUNTS, log_mean), COUNTS)
    assert torch.exp(-nll).sum().item() == pytest.approx(1)


def test_tweedie_lies_between_poisson_and_gamma():
    x, t = torch.tensor([0.3, -0.8]).double(), torch.tensor([2.0, 0.5]).double()

    def slope(loss, **options):
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf, t, reduction="sum", **options), leaf)[0]

    torch.testing.assert_close(slope(P.tweedie, power=1 + 1e-9), slope(P.poisson_nll))
    torch.testing.assert_close(slope(P.tweedie, power=2 - 1e-9), slope(P.gamma_nll))


def test_beta_nll_lies_between_likelihood_and_squared_error():
    mean = torch.tensor([1.0, 2.0], requires_grad=True)
    target, variance = torch.tensor([3.0, 1.0]), torch.tensor([4.0, 0.5])

    def slope(value):
        return torch.autograd.grad(value, mean)[0]

    torch.testing.assert_close(P.beta_nll(mean, target, variance, beta=0.0), P.gaussian_nll(mean, target, variance))
    torch.testing.assert_close(slope(P.beta_nll(mean, target, variance, beta=1.0)), slope(0.5 * P.mse(mean, target)))
