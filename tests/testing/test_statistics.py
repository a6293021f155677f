"""The statistics that cards may name, on numbers small enough for a reader to check."""

from __future__ import annotations

import math

import pytest
import torch

from perdita.testing import STATISTICS

NUMBERS = torch.tensor([1.0, 2.0, 2.0, 4.0, 16.0], dtype=torch.float64)
EXPECTED = {
    "mean": 5.0, "median": 2.0, "mode": 2.0, "quantile": 4.0, "log_mean": math.log(5), "mean_log": math.log(256) / 5,
    "geometric_mean": 256 ** (1 / 5), "harmonic_mean": 5 / (1 + 0.5 + 0.5 + 0.25 + 0.0625), "log_median": math.log(2),
    "midrange": 8.5,
}  # fmt: skip


@pytest.mark.parametrize("name", list(EXPECTED))
def test_known_value(name):
    assert STATISTICS[name](NUMBERS, {"level": 0.7}).item() == pytest.approx(EXPECTED[name], abs=1e-12)


def test_expectile_balances_its_two_sides():
    assert STATISTICS["expectile"](NUMBERS, {"level": 0.5}).item() == pytest.approx(5.0)
    e = STATISTICS["expectile"](NUMBERS, {"level": 0.8})
    over, under = (NUMBERS - e).clamp(min=0).sum(), (e - NUMBERS).clamp(min=0).sum()
    assert (0.8 * over).item() == pytest.approx((0.2 * under).item())


def test_log_odds_of_a_share():
    assert STATISTICS["log_odds"](torch.tensor([0.0, 1.0, 1.0, 1.0]), {}).item() == pytest.approx(math.log(3))


def test_every_statistic_is_tested():
    assert set(STATISTICS) == set(EXPECTED) | {"expectile", "log_odds"}


def test_level_is_needed():
    with pytest.raises(KeyError, match="level"):
        STATISTICS["quantile"](NUMBERS, {})
