"""Certainty equivalents, and the constants at which the losses are least."""

from __future__ import annotations

import math

import pytest
import torch

import perdita.functional as P
from perdita.losses.value.entropic import entropic_certainty_equivalent

TARGET = torch.tensor([-1.5, -0.3, 0.1, 0.4, 2.0, 2.5], dtype=torch.float64)


@pytest.mark.parametrize("aversion", [-0.7, 0.3, 2.0])
@pytest.mark.parametrize("loss", [P.itakura_saito, P.entropic_mse])
def test_the_best_constant_is_the_certainty_equivalent(loss, aversion):
    found = entropic_certainty_equivalent(TARGET, aversion).requires_grad_()
    value = loss(found.expand_as(TARGET), TARGET, risk_aversion=aversion)
    (slope,) = torch.autograd.grad(value, found)
    assert abs(slope.item()) < 1e-12


@pytest.mark.parametrize("loss", [P.itakura_saito, P.entropic_mse, P.entropic_softplus])
def test_without_risk_aversion_it_is_half_the_squared_error(loss):
    prediction = TARGET.flip(0)
    expected = 0.5 * P.mse(prediction, TARGET)
    torch.testing.assert_close(loss(prediction, TARGET, risk_aversion=0.0), expected)
    torch.testing.assert_close(loss(prediction, TARGET, risk_aversion=1e-6), expected, rtol=1e-5, atol=0)


def test_the_policy_without_risk_aversion_raises_the_advantage():
    torch.testing.assert_close(P.entropic_policy(TARGET, risk_aversion=0.0), -TARGET.mean())
    torch.testing.assert_close(P.entropic_policy(TARGET, risk_aversion=1e-9), -TARGET.mean(), rtol=1e-6, atol=1e-8)


def test_the_gradients_are_those_of_the_paper():
    error = torch.linspace(-30, 15, 91, dtype=torch.float64, requires_grad=True)
    zero = torch.zeros_like(error)
    (found,) = torch.autograd.grad(P.itakura_saito(error, zero, risk_aversion=1.3, reduction="sum"), error)
    torch.testing.assert_close(found, torch.expm1(1.3 * error.detach()) / 1.3)
    (found,) = torch.autograd.grad(P.entropic_softplus(error, zero, risk_aversion=1.3, reduction="sum"), error)
    torch.testing.assert_close(found, 2 * error.detach() * torch.sigmoid(1.3 * error.detach()), rtol=1e-9, atol=1e-12)


def test_small_errors_keep_their_digits_in_float32():
    error = torch.tensor([1e-5, 1e-3, 0.05])
    for loss in (P.itakura_saito, P.entropic_softplus):
        found = loss(error, torch.zeros(3), reduction="none")
        expected = loss(error.double(), torch.zeros(3).double(), reduction="none")
        torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=0)


def test_beyond_max_exponent_it_is_a_line():
    value = P.itakura_saito(torch.tensor([7.0, 8.0, 9.0]).double(), torch.zeros(3).double(), max_exponent=5.0,
                            reduction="none")  # fmt: skip
    torch.testing.assert_close(value.diff(), torch.full((2,), math.expm1(5.0), dtype=torch.float64))


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float16, 20), (torch.float32, 20), (torch.float64, 700)])
def test_max_exponent_is_off_in_double_precision(dtype, limit):
    error = torch.tensor([15.0, 40.0, 1e4], dtype=dtype)
    value = P.itakura_saito(error, torch.zeros_like(error), reduction="none")
    given = P.itakura_saito(error, torch.zeros_like(error), max_exponent=float(limit), reduction="none")
    assert torch.equal(value, given)
    assert value.double().isfinite().all() or dtype is torch.float16  # whose range ends at 65504
    assert not value.isnan().any()
    if dtype is torch.float64:
        assert value[1].item() == pytest.approx(math.exp(40) - 41, rel=1e-12)


@pytest.mark.parametrize(("x", "t"), [(-10.0, 120.0), (120.0, -10.0), (3.0, 3.0), (500.0, 900.0)])
def test_utilities_far_apart_are_no_zero_times_infinity(x, t):
    prediction = torch.tensor([x], requires_grad=True)
    value = P.entropic_mse(prediction, torch.tensor([t]))
    (slope,) = torch.autograd.grad(value, prediction)
    gap = math.exp(-x) - math.exp(-t)
    assert value.item() == pytest.approx(gap**2 / 2, rel=1e-5, abs=1e-30)
    assert slope.item() == pytest.approx(-gap * math.exp(-x), rel=1e-5, abs=1e-30)


def test_certainty_equivalents():
    ce = entropic_certainty_equivalent
    assert ce(torch.zeros(4), 2.0).item() == 0
    torch.testing.assert_close(ce(TARGET + 3, 0.7), ce(TARGET, 0.7) + 3)
    assert ce(TARGET, 2.0) < ce(TARGET, 0.5) < ce(TARGET, 0.0) == TARGET.mean() < ce(TARGET, -1.0)
    grid = TARGET.view(2, 3)
    torch.testing.assert_close(ce(ce(grid, 0.7, dim=1), 0.7), ce(TARGET, 0.7))  # tower property
    normal = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert ce(0.3 + 0.5 * normal, 1.0).item() == pytest.approx(0.3 - 0.125, abs=3e-3)
