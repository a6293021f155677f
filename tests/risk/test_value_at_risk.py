"""Value at risk: the past alone is read, levels are checked, and the shortfall is the mean beyond the quantile."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import perdita
from perdita.nn.mixture_density import Mixture
from perdita.risk.value_at_risk import (
    historical_value_at_risk,
    mixture_expected_shortfall,
    mixture_value_at_risk,
    normal_value_at_risk,
)

RETURNS = np.random.default_rng(0).standard_normal(80)
SERIES = [historical_value_at_risk, normal_value_at_risk]


def mixture() -> Mixture:
    generator = torch.Generator().manual_seed(0)
    means, scales, logits = (torch.randn(3, 2, generator=generator, dtype=torch.float64) for _ in range(3))
    return Mixture(means, scales.exp(), logits)


@pytest.mark.parametrize("forecast", SERIES)
def test_the_number_of_a_day_reads_the_days_before_it_alone(forecast) -> None:
    whole = forecast(RETURNS, window=50)
    assert whole.shape == (30,)
    changed = RETURNS.copy()
    changed[70:] = 100.0
    assert (forecast(changed, window=50)[:21] == whole[:21]).all()
    older = RETURNS.copy()
    older[:10] = -100.0
    assert (forecast(older, window=50)[10:] == whole[10:]).all()
    assert forecast(older, window=50)[9] > whole[9]


def test_the_historical_number_is_between_the_two_worst_returns() -> None:
    worst = np.sort(RETURNS[:50])[:2]
    first = historical_value_at_risk(RETURNS, window=50)[0]
    assert first == pytest.approx(-(worst[0] + 0.49 * (worst[1] - worst[0])))


@pytest.mark.parametrize("level", [0.9, 0.99])
def test_the_shortfall_is_the_mean_beyond_the_value_at_risk(level: float) -> None:
    given = mixture()
    limit, shortfall = mixture_value_at_risk(given, level=level), mixture_expected_shortfall(given, level=level)
    lows = -limit.unsqueeze(1)
    grid = lows - torch.linspace(0, 60, 400_001, dtype=torch.float64)  # (n, points) of the tail
    density = torch.zeros_like(grid)
    for k in range(2):
        parts = torch.distributions.Normal(given.means[:, k : k + 1], given.scales[:, k : k + 1])
        density += given.weights()[:, k : k + 1] * parts.log_prob(grid).exp()
    expected = torch.trapezoid(-grid * density, grid).abs() / (1 - level)
    torch.testing.assert_close(shortfall, expected, rtol=1e-6, atol=0)
    assert (shortfall > limit).all()


@pytest.mark.parametrize("forecast", SERIES)
@pytest.mark.parametrize(
    ("returns", "named", "said"),
    [
        (RETURNS, {"window": 80}, "window"),
        (RETURNS, {"window": 0}, "window"),
        (RETURNS, {"window": 50, "level": 1.0}, "level"),
        (RETURNS.reshape(2, 40), {"window": 5}, r"shape \(days,\)"),
        (np.array([0.1, np.nan, 0.2, 0.1]), {"window": 2}, r"returns\[1\]"),
    ],
)
def test_bad_input_is_named(forecast, returns, named, said) -> None:
    with pytest.raises(perdita.InputError, match=said):
        forecast(returns, **named)


def test_a_standard_deviation_needs_two_days() -> None:
    with pytest.raises(perdita.InputError, match="at least 2"):
        normal_value_at_risk(RETURNS, window=1)
    with pytest.raises(perdita.InputError, match="level"):
        mixture_value_at_risk(mixture(), level=0.0)
