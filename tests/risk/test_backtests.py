"""Backtests: published figures, conventions at the edges, and how often a right model is rejected."""

from __future__ import annotations

import math

import numpy as np
import pytest

import perdita
from perdita.risk.backtests import backtest, christoffersen, kupiec

CRITICAL = 3.841  # of chi-squared with one degree of freedom, at 5 %


def test_published_figures() -> None:
    assert kupiec(np.zeros(505), 0.01).statistic == pytest.approx(10.151, abs=1e-3)
    hits = np.zeros(502)
    hits[:10] = 1
    assert hits.mean() == pytest.approx(0.0199, abs=1e-4)
    assert kupiec(hits, 0.01).statistic == pytest.approx(3.87, abs=0.01)


def test_all_days_breach_and_no_day_does() -> None:
    assert kupiec(np.ones(50), 0.01).statistic == pytest.approx(-100 * math.log(0.01))
    assert christoffersen(np.ones(50)).statistic == 0
    assert christoffersen(np.zeros(50)) == (0.0, 1.0)
    assert all(map(math.isnan, kupiec([1], 0.01)))
    assert all(map(math.isnan, christoffersen([1])))


def test_breaches_on_one_run_of_days_are_dependent() -> None:
    scattered, together = np.zeros(500), np.zeros(500)
    scattered[::50], together[100:110] = 1, 1
    assert christoffersen(together).p_value < 1e-6
    assert christoffersen(scattered).p_value > 0.3
    assert kupiec(scattered, 0.01) == kupiec(together, 0.01)


def test_thousands_of_days_do_not_underflow() -> None:
    hits = np.random.default_rng(0).random(20_000) < 0.3
    assert math.isfinite(christoffersen(hits).statistic)
    assert kupiec(hits, 0.01).p_value == pytest.approx(0, abs=1e-300)


def test_a_tie_is_a_breach() -> None:
    found = backtest([1.0, 0.5, 2.0, -1.0], [1.0, 1.0, 1.0, 1.0], level=0.5)
    assert (found.days, found.breaches, found.rate) == (4, 2, 0.5)
    assert found.transitions == ((0, 1), (2, 0))
    assert found.coverage.statistic == pytest.approx(0)
    assert found.conditional.statistic == pytest.approx(found.independence.statistic)


def test_a_right_model_is_rejected_about_as_often_as_the_test_says() -> None:
    hits = np.random.default_rng(0).random((2000, 500)) < 0.01
    rejected = np.mean([kupiec(row, 0.01).statistic > CRITICAL for row in hits])
    assert 0.03 < rejected < 0.12


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: kupiec([0, 2], 0.01), "hits"),
        (lambda: kupiec([0, 1], 0.0), "rate"),
        (lambda: christoffersen([[0, 1]]), "hits"),
        (lambda: backtest([0.0, 1.0], [1.0]), "one length"),
        (lambda: backtest([0.0, math.nan], [1.0, 1.0]), r"losses\[1\]"),
    ],
)
def test_bad_input_is_named(call, said) -> None:
    with pytest.raises(perdita.InputError, match=said):
        call()
