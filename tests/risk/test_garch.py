"""GARCH(1,1): the recursion, its stationary variance, and the library that fits it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import perdita
from perdita.risk.garch import Garch, fit_garch, garch_log_likelihood, garch_value_at_risk, garch_variance

TRUE = Garch(0.05, 0.1, 0.85)


def simulated(days: int = 4000, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(days)
    returns, variance = np.empty(days), 1.0
    for day in range(days):
        returns[day] = np.sqrt(variance) * noise[day]
        variance = TRUE.omega + TRUE.alpha * returns[day] ** 2 + TRUE.beta * variance
    return returns


def test_the_fit_finds_the_parameters_and_the_likelihood_of_arch() -> None:
    returns = simulated()
    found = fit_garch(returns)
    assert found.alpha == pytest.approx(0.1, abs=0.03)
    assert found.beta == pytest.approx(0.85, abs=0.05)
    variance, tomorrow = garch_variance(returns, found, initial=float(returns.var()))
    assert garch_log_likelihood(returns, variance) == pytest.approx((6 - found.aic) / 2, rel=1e-3)
    assert tomorrow > 0
    assert fit_garch(returns, innovations="ged").aic < found.aic + 4  # the normal law is one of its own


def test_a_quiet_series_settles_at_its_stationary_variance() -> None:
    variance, tomorrow = garch_variance(np.zeros(2000), TRUE, initial=9.0)
    assert variance[0] == 9.0
    assert tomorrow == pytest.approx(TRUE.omega / (1 - TRUE.beta))


def test_the_value_at_risk_breaches_as_often_as_it_should() -> None:
    returns = simulated(20_000)
    variance, _ = garch_variance(returns, TRUE)
    assert np.mean(-returns >= garch_value_at_risk(variance)) == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize("model", [Garch(0.0, 0.1, 0.8), Garch(0.1, -0.1, 0.8), Garch(0.1, 0.2, 0.8)])
def test_parameters_without_a_stationary_variance_are_refused(model: Garch) -> None:
    with pytest.raises(perdita.InputError, match=r"alpha \+ beta"):
        garch_variance([0.1], model)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(perdita.InputError, match="innovations"):
        fit_garch([0.1], innovations="cauchy")
    monkeypatch.setitem(sys.modules, "arch", None)
    with pytest.raises(perdita.core.MissingExtraError, match="risk"):
        fit_garch([0.1, 0.2])
