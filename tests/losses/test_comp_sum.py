"""The comp-sum family's members by their other names, its bounds and what it does far out."""

from __future__ import annotations

import math

import pytest
import torch

import perdita.functional as P


def draw(scale=2.0):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(40, 5, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.randint(5, (40,), generator=generator)


def sum_exponential(logits, target):
    """The loss of tau = 0, written out."""
    return torch.exp(logits - logits.gather(1, target.unsqueeze(1))).sum(1) - 1


@pytest.mark.parametrize(
    ("tau", "known"),
    [
        (0.0, sum_exponential),
        (1.0, lambda z, y: P.cross_entropy(z, y, reduction="none")),
        (1.7, lambda z, y: P.generalized_cross_entropy(z, y, q=0.7, reduction="none")),
        (2.0, lambda z, y: P.softmax_mae(z, y, reduction="none") / 2),
    ],
)
def test_members_by_their_other_names(tau, known):
    logits, target = draw()
    found, expected = P.comp_sum(logits, target, tau=tau, reduction="none"), known(logits, target)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(values.sum(), logits)[0] for values in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.5, 2.5])
def test_the_gradient_is_that_of_cross_entropy_times_a_power(tau):
    logits, target = draw()
    probability = logits.softmax(1)
    own = probability.gather(1, target.unsqueeze(1))
    expected = own ** (tau - 1) * (probability - torch.nn.functional.one_hot(target, 5))
    found = torch.autograd.grad(P.comp_sum(logits, target, tau=tau, reduction="sum"), logits)[0]
    torch.testing.assert_close(found, expected.detach())


def test_values_fall_as_tau_grows_and_stay_below_their_bound():
    logits, target = draw()
    taus = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
    values = torch.stack([P.comp_sum(logits, target, tau=tau, reduction="none") for tau in taus])
    assert (values.diff(dim=0) < 0).all()
    for tau, row in zip(taus[3:], values[3:], strict=True):
        assert row.max() < 1 / (tau - 1)


@pytest.mark.parametrize("tau", [1 - 1e-7, 1 + 1e-7, 1 - 2e-6, 1 + 2e-6])
def test_it_is_continuous_at_one(tau):
    logits, target = draw()
    torch.testing.assert_close(
        P.comp_sum(logits, target, tau=tau), P.cross_entropy(logits, target), rtol=1e-4, atol=0.0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tau", [0.0, 0.5, 1.5, 2.0])
def test_it_stays_finite_far_out(dtype, tau):
    logits = torch.tensor([[1e4, -1e4, 0.0]], dtype=dtype, requires_grad=True)
    value = P.comp_sum(logits, torch.tensor([1]), tau=tau)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert (gradient != 0).any() == (tau < 1)  # above 1 it vanishes where the target is improbable


def test_the_bound_of_the_shift_is_the_default_weight():
    logits, target = draw()
    attacked = logits.flip(0)
    given = {"rho": 2.0, "reduction": "none"}
    default = P.smooth_adversarial_comp_sum(logits, target, attacked, **given)
    explicit = P.smooth_adversarial_comp_sum(logits, target, attacked, shift_weight=math.sqrt(4) / 2.0, **given)
    torch.testing.assert_close(default, explicit)


def test_an_attack_that_moves_nothing_has_a_zero_gradient():
    logits, target = draw()
    attacked = logits.detach().clone().requires_grad_()
    value = P.smooth_adversarial_comp_sum(logits, target, attacked)
    assert not torch.autograd.grad(value, attacked)[0].any()
