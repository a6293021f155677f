"""Batch errors where their divisor is 0, and what weights, masks and units do to them."""

from __future__ import annotations

import math

import pytest
import torch

import perdita.functional as P

RATIOS = {
    "relative_absolute_error": {},
    "relative_squared_error": {},
    "normalized_rmse": {"scale": "std"},
}


@pytest.mark.parametrize(("name", "options"), RATIOS.items())
def test_a_constant_target_that_is_missed_is_infinite(name, options):
    prediction = torch.tensor([1.0, 2.0], requires_grad=True)
    value = getattr(P, name)(prediction, torch.tensor([3.0, 3.0]), **options)
    assert value.item() == math.inf
    value.backward()
    assert prediction.grad.isfinite().all()


@pytest.mark.parametrize(("name", "options"), RATIOS.items())
def test_a_constant_target_that_is_met_is_zero(name, options):
    prediction = torch.tensor([3.0, 3.0], requires_grad=True)
    value = getattr(P, name)(prediction, torch.tensor([3.0, 3.0]), **options)
    value.backward()
    assert value.item() == 0
    assert prediction.grad.tolist() == [0.0, 0.0]


def test_the_mean_of_the_targets_is_that_of_what_counts():
    prediction, target = torch.tensor([1.0, 2.0, 9.0]), torch.tensor([1.0, 3.0, 100.0])
    masked = P.relative_absolute_error(prediction, target, mask=torch.tensor([True, True, False]))
    assert masked.item() == pytest.approx(1 / 2)  # errors 0 and 1 over deviations 1 and 1 from the mean 2


def test_what_weighs_nothing_widens_no_range():
    prediction, target = torch.tensor([2.0, 4.0, 0.0]), torch.tensor([1.0, 5.0, 100.0])
    value = P.normalized_rmse(prediction, target, scale="range", weight=torch.tensor([1.0, 1.0, 0.0]))
    assert value.item() == pytest.approx(1 / 4)


def test_scales_of_a_series_forget_its_unit():
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.rand(2, 8, generator=generator, dtype=torch.float64)
    for name in ("relative_absolute_error", "relative_squared_error", "normalized_rmse", "quantile_risk"):
        torch.testing.assert_close(
            getattr(P, name)(7 * prediction, 7 * target), getattr(P, name)(prediction, target), msg=name
        )


def test_the_root_has_no_gradient_at_a_perfect_forecast():
    prediction = torch.tensor([1.0, 2.0], requires_grad=True)
    P.rmse(prediction, prediction.detach()).backward()
    assert prediction.grad.tolist() == [0.0, 0.0]


def test_a_forecast_below_the_logarithm_is_finite():
    value = P.msle(torch.tensor([-5.0]), torch.tensor([0.0]))
    assert value.item() == pytest.approx(math.log(1e-6) ** 2, rel=0.02)  # -1 + 1e-6 in float32
