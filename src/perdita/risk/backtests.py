"""Was the value at risk right? Tests of how often losses exceeded it, and of whether they did so in clusters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perdita.core import InputError, MissingExtraError, component
from perdita.risk.value_at_risk import check_level, series

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Ratio(NamedTuple):
    """A likelihood ratio, and the probability of a larger one where the model is right."""

    statistic: float
    p_value: float

    @staticmethod
    def both(coverage: Ratio, independence: Ratio) -> Ratio:
        """The two tests as one, with two degrees of freedom."""
        statistic = coverage.statistic + independence.statistic
        return Ratio(statistic, _tail(statistic, 2))


class Backtest(NamedTuple):
    """What the exceedances of a value at risk say of it."""

    days: int
    breaches: int
    rate: float
    coverage: Ratio  # Kupiec: is the rate the expected one?
    independence: Ratio  # Christoffersen: does a breach make another one on the next day more likely?
    conditional: Ratio  # both at once
    transitions: tuple[tuple[int, int], tuple[int, int]]  # [yesterday's breach][today's breach], days


@component("lstm-mdn")
def kupiec(hits: ArrayLike, rate: float) -> Ratio:
    r"""The test of unconditional coverage.

    With x breaches in T days: -2 [(T - x) \log(1 - rate) + x \log rate - (T - x) \log(1 - x/T) - x \log(x/T)], which is
    chi-squared with one degree of freedom where breaches come at the expected rate. 0 log 0 is 0.

    Args:
        hits: (days,) 1 or True where the loss was at least the value at risk.
        rate: expected share of breaches.

    Raises:
        InputError: hits that are not 0 or 1, a rate outside (0, 1).
    """
    found = _hits(hits)
    if not 0 < rate < 1:
        raise InputError(f"rate must be a number in (0, 1), not {rate!r}")
    days, breaches = len(found), int(found.sum())
    if days < 2:
        return Ratio(math.nan, math.nan)
    found_rate = _log_likelihood(days - breaches, breaches, breaches / days)
    return _ratio(found_rate - _log_likelihood(days - breaches, breaches, rate))


@component("lstm-mdn")
def christoffersen(hits: ArrayLike) -> Ratio:
    r"""The test of independence against a first-order Markov chain.

    The likelihood of one probability of a breach against that of two, one after a quiet day and one after a breach;
    chi-squared with one degree of freedom where breaches are independent. In logarithms throughout: the authors' code
    multiplies likelihoods, which underflow beyond some 700 days, and gives NaN without any breach, where this is 0.

    Args:
        hits: (days,) 1 or True where the loss was at least the value at risk, in order of time.

    Raises:
        InputError: hits that are not 0 or 1.
    """
    found = _hits(hits)
    if len(found) < 2:
        return Ratio(math.nan, math.nan)
    (n00, n01), (n10, n11) = transitions(found)
    pooled = (n01 + n11) / (n00 + n01 + n10 + n11)
    alone = _log_likelihood(n00 + n10, n01 + n11, pooled)
    after_quiet = _log_likelihood(n00, n01, n01 / max(n00 + n01, 1))
    after_breach = _log_likelihood(n10, n11, n11 / max(n10 + n11, 1))
    return _ratio(after_quiet + after_breach - alone)


@component("lstm-mdn", name="value_at_risk_backtest")
def backtest(losses: ArrayLike, value_at_risk: ArrayLike, *, level: float = 0.99) -> Backtest:
    """All tests of a value at risk. A breach is a day whose loss is at least the value at risk: ties breach.

    Args:
        losses: (days,) minus the returns, in order of time.
        value_at_risk: (days,) forecast for the same days.
        level: probability of a loss within the value at risk.

    Raises:
        InputError: series of different lengths or with numbers that are not finite, a level outside (0, 1).
    """
    lost, limit = series(losses, "losses"), series(value_at_risk, "value_at_risk")
    if lost.shape != limit.shape:
        raise InputError(f"losses and value_at_risk must be of one length, not {len(lost)} and {len(limit)}")
    hits = lost >= limit
    coverage, independence = kupiec(hits, 1 - check_level(level)), christoffersen(hits)
    both = Ratio.both(coverage, independence)
    rate = float(hits.mean()) if len(hits) else math.nan
    return Backtest(len(hits), int(hits.sum()), rate, coverage, independence, both, transitions(hits))


def transitions(hits: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    """How many days of each kind followed a day of each kind: [yesterday's breach][today's breach]."""
    before, after = hits[:-1], hits[1:]
    counts = [[int(((before == a) & (after == b)).sum()) for b in (False, True)] for a in (False, True)]
    return (counts[0][0], counts[0][1]), (counts[1][0], counts[1][1])


def _hits(hits: ArrayLike) -> NDArray[np.bool_]:
    found = np.asarray(hits)
    if found.ndim != 1 or not np.isin(found, (0, 1)).all():
        raise InputError(f"hits must be one number for each day, 0 or 1, not an array of shape {found.shape}")
    return found.astype(bool)


def _log_likelihood(quiet: int, breaches: int, rate: float) -> float:
    """quiet log(1 - rate) + breaches log(rate), where 0 log 0 is 0."""
    return (quiet * math.log1p(-rate) if quiet else 0.0) + (breaches * math.log(rate) if breaches else 0.0)


def _ratio(gain: float) -> Ratio:
    statistic = 2 * max(gain, 0.0)  # rounding alone makes it negative
    return Ratio(statistic, _tail(statistic, 1))


def _tail(statistic: float, freedom: int) -> float:
    try:
        from scipy.stats import chi2
    except ModuleNotFoundError as error:
        raise MissingExtraError("scipy", "risk") from error
    return float(chi2.sf(statistic, freedom))
